"""Templates: one environment, everything escaped, the same frame around every page."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, Undefined

from enclave.kernel.actors import Capability
from request_portal.auth.sessions import Viewer
from request_portal.present import words

_C = Capability
#: What stands in whose navigation: (address, words, capabilities of which one is enough; none: everybody).
NAVIGATION: tuple[tuple[str, str, tuple[Capability, ...]], ...] = (
    ("/register", "Public register", ()),
    ("/datasets", "Catalogue", ()),
    ("/dashboard", "Dashboard", ()),
    ("/open-data", "Open data", ()),
)
WORK: tuple[tuple[str, str, tuple[Capability, ...]], ...] = (
    ("/home", "Home", ()),
    ("/requests", "My requests", (_C.ACCESS_REQUEST_CREATE,)),
    ("/queue", "Requests to decide", (_C.ACCESS_REQUEST_READ_ANY,)),
    ("/airlock", "Outputs to check", (_C.AIRLOCK_CHECK,)),
    ("/airlock/quality", "How outputs are checked", (_C.AIRLOCK_CHECK, _C.AIRLOCK_OVERSEE)),
    ("/releases", "Releases", (_C.EVIDENCE_READ,)),
    ("/ledger", "Privacy ledger", (_C.BUDGET_READ,)),
    ("/audit", "Audit log", (_C.AUDIT_READ,)),
)


@cache
def environment() -> Environment:
    """The Jinja environment of the portal."""
    env = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("request_portal", "templates"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=Undefined,
    )
    env.filters.update(words.FILTERS)
    return env


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """One rendered page."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    body = (
        environment()
        .get_template(template)
        .render(
            viewer=viewer,
            here=request.url.path,
            navigation=_navigation(viewer, request.url.path),
            **context,
        )
    )
    return HTMLResponse(body, status_code=status)


def _navigation(viewer: Viewer | None, here: str) -> list[dict[str, Any]]:
    shown = [*(WORK if viewer else ()), *NAVIGATION]
    items = []
    for href, text, needs in shown:
        if needs and not (viewer and any(viewer.actor.may(c) for c in needs)):
            continue
        current = here == href
        items.append({"href": href, "text": text, "current": current, "active": here.startswith(href + "/")})
    return items
