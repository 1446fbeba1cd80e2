"""The portal as OAuth 2.0 provider of one client, the workspace hub.

Authorization code with PKCE (RFC 6749, RFC 7636, RFC 9700); one redirect address, compared as a whole.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import Annotated
from urllib.parse import unquote, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from enclave.bootstrap import Enclave
from enclave.kernel.actors import Capability
from enclave.kernel.derived import derived_secret
from enclave.kernel.errors import Invalid
from enclave.projects.model import ProjectState
from request_portal.access import Parts, Who, may, public
from request_portal.auth.codes import (
    ACCESS_SECONDS,
    hub_person,
    issue_access,
    issue_code,
    pkce_matches,
    redeem,
)
from request_portal.auth.sessions import bearer_token

CLIENT_ID = "hub"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_NO_STORE = {"Cache-Control": "no-store"}

router = APIRouter(prefix="/oauth", include_in_schema=False)


def callback(enclave: Enclave) -> str:
    """The only address that a code is ever sent to."""
    return f"{enclave.settings.gateway_url.rstrip('/')}/hub/oauth_callback"


def hub_secret(enclave: Enclave) -> str:
    """What the hub proves itself with; made from the master key, so it is configured nowhere."""
    return derived_secret(enclave.settings.master_key.get_secret_value(), "hub-oauth-client")


@router.get("/authorize", dependencies=[may(Capability.WORKSPACE_OPEN)])
def authorize(
    *,
    enclave: Parts,
    who: Who,
    client_id: str = "",
    redirect_uri: str = "",
    response_type: str = "",
    state: str = "",
    code_challenge: str = "",
    code_challenge_method: str = "",
) -> Response:
    """Sends the browser back to the hub with a code. A wrong client or address is never redirected to."""
    target = callback(enclave)
    if client_id != CLIENT_ID or redirect_uri != target:
        raise Invalid(
            ["This is not how the workspace hub asks for a sign-in. Start again from your project's page."]
        )
    if response_type != "code":
        return _back(target, {"error": "unsupported_response_type", "state": state})
    if code_challenge_method != "S256" or not _CHALLENGE.fullmatch(code_challenge):
        return _back(
            target, {"error": "invalid_request", "error_description": "PKCE S256 is needed", "state": state}
        )
    return _back(target, {"code": issue_code(enclave, who, code_challenge), "state": state})


@router.post("/token", dependencies=[public()])
def token(
    *,
    request: Request,
    enclave: Parts,
    grant_type: Annotated[str, Form()] = "",
    code: Annotated[str, Form()] = "",
    redirect_uri: Annotated[str, Form()] = "",
    client_id: Annotated[str, Form()] = "",
    client_secret: Annotated[str, Form()] = "",
    code_verifier: Annotated[str, Form()] = "",
) -> JSONResponse:
    """Exchanges a code for an access token. Everything that is wrong with a code gets the same answer."""
    if not _client_is_hub(request, enclave, client_id, client_secret):
        return _error("invalid_client", 401)
    if grant_type != "authorization_code":
        return _error("unsupported_grant_type")
    redeemed = redeem(enclave, code) if code else None
    right = (
        redeemed is not None
        and redirect_uri == callback(enclave)
        and _VERIFIER.fullmatch(code_verifier) is not None
        and pkce_matches(code_verifier, redeemed.challenge)
    )
    if redeemed is None or not right:
        return _error("invalid_grant")
    body = {
        "access_token": issue_access(enclave, redeemed),
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "scope": "openid",
    }
    return JSONResponse(body, headers=_NO_STORE)


@router.get("/userinfo", dependencies=[public()])
def userinfo(request: Request, enclave: Parts) -> JSONResponse:
    """Whom an access token stands for, and their active projects."""
    person = hub_person(enclave, bearer_token(request) or "")
    if person is None:
        return JSONResponse(
            {"error": "invalid_token"}, status_code=401, headers={**_NO_STORE, "WWW-Authenticate": "Bearer"}
        )
    projects = enclave.workspaces.projects_of(person.actor())
    groups = [p.slug for p in projects if p.state is ProjectState.ACTIVE]
    body = {"sub": person.username, "preferred_username": person.username, "groups": groups}
    return JSONResponse(body, headers=_NO_STORE)


def _client_is_hub(request: Request, enclave: Enclave, client_id: str, secret: str) -> bool:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        client_id, secret = unquote(client_id), unquote(secret)
    known = hmac.compare_digest(secret.encode(), hub_secret(enclave).encode())
    return known and client_id == CLIENT_ID


def _back(target: str, query: dict[str, str]) -> RedirectResponse:
    return RedirectResponse(f"{target}?{urlencode(query)}", status_code=302, headers=_NO_STORE)


def _error(code: str, status: int = 400) -> JSONResponse:
    return JSONResponse({"error": code}, status_code=status, headers=_NO_STORE)
