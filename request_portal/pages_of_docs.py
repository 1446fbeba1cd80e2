"""Reference pages made from the portal itself: every route with its door, every API operation."""

from __future__ import annotations

from typing import Any, cast

from enclave.bootstrap import build
from enclave.kernel.ports import Objects
from enclave.settings import Settings
from request_portal.access import guard_of
from request_portal.app import create_app, routes


def pages() -> dict[str, str]:
    """File name to Markdown, for `enclave docs write`."""
    app = create_app(build(Settings(demo=True), objects=cast("Objects", object())))
    return {"routes.md": _routes(app), "api.md": _api(app.openapi())}


def _routes(app: Any) -> str:
    lines = [
        (route.path, method, guard.words if (guard := guard_of(route)) else "")
        for route in routes(app)
        for method in set(route.methods or ()) - {"HEAD", "OPTIONS"}
    ]
    rows = "".join(
        f"| `{method} {path}` | {words.replace('_', ' ')} |\n" for path, method, words in sorted(lines)
    )
    return (
        "# Routes\n\nEvery address of the portal, and who may use it. A use case checks the capability again.\n\n"
        "| route | who |\n|---|---|\n" + rows
    )


def _api(document: dict[str, Any]) -> str:
    rows = [
        f"| `{method.upper()} {path}` | {operation.get('summary', '')} |\n"
        for path, operations in document["paths"].items()
        if path.startswith("/api/")
        for method, operation in operations.items()
    ]
    return (
        "# API\n\nThe same use cases as the pages, as JSON. The whole description is served at "
        "`/api/v1/openapi.json`. Errors are `application/problem+json` with a sentence.\n\n"
        "| operation | what it does |\n|---|---|\n" + "".join(rows)
    )
