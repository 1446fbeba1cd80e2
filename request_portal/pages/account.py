"""Signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from enclave.kernel.errors import NotAllowed
from request_portal.access import MaybeWho, Parts, Who, public, signed_in
from request_portal.auth.sessions import BROWSER_SECONDS, clear_cookie, set_cookie
from request_portal.auth.signing_in import authenticate
from request_portal.guards import csp, origin_of
from request_portal.posted import Form
from request_portal.render import page

router = APIRouter(include_in_schema=False)


def local(address: str) -> str:
    """The address if it is a page of ours, else the home page: no link to sign in leads elsewhere."""
    own = address.startswith("/") and not address.startswith("//") and not set(address) & set("\\\r\n\t")
    return address if own else "/home"


@router.get("/sign-in", dependencies=[public()])
def sign_in_page(request: Request, enclave: Parts, who: MaybeWho, next: str = "/home") -> Response:  # noqa: A002
    if who is not None:
        return RedirectResponse(local(next), status_code=303)
    return _form(request, enclave, next)


@router.post("/sign-in", dependencies=[public()])
def sign_in(request: Request, enclave: Parts, who: MaybeWho, form: Form) -> Response:
    to = form.text("next") or "/home"
    try:
        person = authenticate(request, form.text("username"), form.raw("password"), form.text("code"))
    except NotAllowed as error:
        return _form(request, enclave, to, username=form.text("username"), error=error.sentence)
    if who is not None:
        enclave.people.sign_out(who.secret)  # a new sign-in never continues an old session
    secret = enclave.people.sign_in(person, kind="browser", seconds=BROWSER_SECONDS)
    response = RedirectResponse(local(to), status_code=303)
    set_cookie(enclave, response, secret)
    return response


@router.post("/sign-out", dependencies=[signed_in()])
def sign_out(enclave: Parts, who: Who) -> Response:
    enclave.people.sign_out(who.secret)
    response = RedirectResponse("/", status_code=303)
    clear_cookie(enclave, response)
    return response


def _form(request: Request, enclave: Parts, to: str, *, username: str = "", error: str = "") -> Response:
    status = 403 if error else 200
    answer = page(request, "sign_in.html", status=status, next=local(to), username=username, error=error)
    # Signing in may lead on to the hub (by /oauth/authorize); browsers hold that whole way to form-action.
    answer.headers["Content-Security-Policy"] = csp(
        form_action=f"'self' {origin_of(enclave.settings.gateway_url)}"
    )
    return answer
