"""What goes wrong, mapped once: domain error to status, page and application/problem+json (RFC 9457)."""

from __future__ import annotations

import secrets
import traceback
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from enclave.kernel import errors
from request_portal.access import SignInNeeded
from request_portal.render import page

#: One line each: the error, the status, the page's heading.
TABLE: dict[type[errors.EnclaveError], tuple[int, str]] = {
    errors.NotFound: (404, "We cannot find that"),
    errors.NotAllowed: (403, "You cannot do that"),
    errors.Refused: (403, "The policy does not allow this"),
    errors.IllegalMove: (409, "That cannot be done at this point"),
    errors.Conflict: (409, "Somebody else changed this first"),
    errors.OverBudget: (409, "The privacy budget does not cover this"),
    errors.Invalid: (422, "Something needs to be corrected"),
    errors.Tampered: (500, "What is stored is not what was stored"),
    errors.Unavailable: (503, "Part of the service does not answer"),
}
_STATUS_WORDS = {
    400: "The request could not be understood. Check the address and what you sent.",
    404: "There is no such page. Check the address, or start again from the start page.",
    405: "This address does not take that kind of request.",
    413: "What you sent is too large. Forms and API calls hold text; files come from the workspace.",
    415: "The kind of content is not one that this address takes.",
    429: "There were too many tries from your address. Wait five minutes and try again.",
}
_log = structlog.get_logger("request_portal")


class TooManyTries(errors.EnclaveError):
    """Signing in was tried too often from one address."""


def status_of(error: errors.EnclaveError) -> tuple[int, str]:
    """(status, heading) of a domain error; a subclass counts as its nearest parent."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return (429, "Too many tries") if isinstance(error, TooManyTries) else (400, "That did not work")


def wants_json(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/oauth/token", "/oauth/userinfo"))


def problem(request: Request, status: int, heading: str, sentences: tuple[str, ...], **more: Any) -> Response:
    """The answer to a request that failed: JSON for programs, a page for people."""
    if wants_json(request):
        body = {
            "type": "about:blank",
            "title": heading,
            "status": status,
            "detail": " ".join(sentences),
            **more,
        }
        return JSONResponse(body, status_code=status, media_type="application/problem+json")
    return page(request, "problem.html", status=status, heading=heading, sentences=sentences, extra=more)


def refused_cross_site(request: Request) -> Response:
    sentence = (
        "This request came from another website, so it was not carried out. Use the pages of this service."
    )
    return problem(request, 403, "The request came from elsewhere", (sentence,))


def stranger(request: Request) -> Response:
    return problem(request, 401, "Sign in first", ("Sign in, and send the file again.",))


def odd_address(request: Request) -> Response:
    return problem(request, 404, "We cannot find that", ("There is no such page. Check the address.",))


def broken(request: Request, error: Exception) -> Response:
    """Something unforeseen. The log gets where, never what: an exception's message may hold a data value."""
    reference = secrets.token_hex(4)
    frames = [
        f"{f.filename.rsplit('/', 2)[-1]}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-6:]
    ]
    _log.error("portal.broken", reference=reference, error=type(error).__name__, frames=frames)
    sentence = (
        "Something went wrong on our side. Nothing of yours was changed by halves. Try again; if it happens "
        f"again, tell the system administrator the reference {reference}."
    )
    return problem(request, 500, "Sorry, something went wrong", (sentence,), reference=reference)


def install(app: FastAPI) -> None:
    """Registers the handlers."""

    def domain(request: Request, error: Exception) -> Response:
        if not isinstance(error, errors.EnclaveError):
            raise error
        status, heading = status_of(error)
        more: dict[str, Any] = {}
        sentences: tuple[str, ...] = (error.sentence,)
        if isinstance(error, errors.Invalid):
            sentences, more = error.problems or sentences, {"fields": error.fields}
        if isinstance(error, errors.Refused):
            sentences = error.decision.refusals or sentences
            more = {"policy": error.decision.cites, "refusals": list(error.decision.refusals)}
        return problem(request, status, heading, sentences, **more)

    def sign_in_needed(request: Request, error: Exception) -> Response:
        del error
        if wants_json(request):
            answer = problem(
                request, 401, "Sign in first", ("Sign in, or send an API token that has not ended.",)
            )
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        to = f"/sign-in?next={quote(here, safe='')}" if request.method == "GET" else "/sign-in"
        return RedirectResponse(to, status_code=303)

    def malformed(request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        places = list(dict.fromkeys(".".join(str(part) for part in e["loc"]) for e in found))
        sentences = tuple(f"“{place}” is missing or is not of the kind that is expected." for place in places)
        return problem(
            request, 422, "Something needs to be corrected", sentences or ("The request is malformed.",)
        )

    def http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        words = _STATUS_WORDS.get(status, f"{HTTPStatus(status).phrase}.")
        headers = getattr(error, "headers", None) or {}
        heading = "We cannot find that" if status == HTTPStatus.NOT_FOUND else HTTPStatus(status).phrase
        answer = problem(request, status, heading, (words,))
        answer.headers.update(headers)
        return answer

    app.add_exception_handler(errors.EnclaveError, domain)
    app.add_exception_handler(SignInNeeded, sign_in_needed)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)
