"""Who is behind a request: the cookie of a browser, or the bearer token of a program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from enclave.bootstrap import Enclave
from enclave.kernel.actors import Actor
from enclave.kernel.errors import Conflict
from enclave.projects.model import Person, SignIn

#: Whatever happens, a sign-in ends after this.
BROWSER_SECONDS = 8 * 3600
TOKEN_SECONDS = 12 * 3600
#: A browser that nobody uses is signed out after this, and its use is written down this often.
IDLE = timedelta(hours=1)
TOUCH = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who is signed in.

    Args:
        session: what `enclave.people` keeps of the sign-in.
        secret: of the cookie or token; needed to sign out, never shown.
    """

    person: Person
    session: SignIn
    secret: str

    @property
    def actor(self) -> Actor:
        return self.person.actor()


def cookie_name(enclave: Enclave) -> str:
    """`__Host-` binds the cookie to this host and to TLS; without TLS no browser would take that name."""
    return "__Host-session" if enclave.settings.cookie_secure else "session"


def find_viewer(enclave: Enclave, request: Request) -> Viewer | None:
    """Who is signed in, if anybody. A request with a bearer token is that token's and no cookie's."""
    bearer = bearer_token(request)
    secret = bearer if bearer is not None else request.cookies.get(cookie_name(enclave), "")
    if not secret:
        return None
    found = enclave.people.signed_in(secret, kinds=("token",) if bearer is not None else ("browser",))
    if found is None:
        return None
    person, session = found
    if session.kind == "browser" and not _in_use(enclave, session):
        return None
    return Viewer(person, session, secret)


def bearer_token(request: Request) -> str | None:
    """The token of the Authorization header, or None when there is no such header."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def set_cookie(enclave: Enclave, response: Response, secret: str) -> None:
    response.set_cookie(
        cookie_name(enclave),
        secret,
        max_age=BROWSER_SECONDS,
        path="/",
        secure=enclave.settings.cookie_secure,
        httponly=True,
        samesite="lax",
    )


def clear_cookie(enclave: Enclave, response: Response) -> None:
    response.delete_cookie(
        cookie_name(enclave), path="/", secure=enclave.settings.cookie_secure, httponly=True, samesite="lax"
    )


def _in_use(enclave: Enclave, session: SignIn) -> bool:
    now = enclave.kit.clock.now()
    quiet = now - session.seen_at
    if quiet > IDLE:
        return False
    if quiet > TOUCH:
        try:
            with enclave.kit.write() as uow:
                uow.put(replace(session, seen_at=now))
                uow.commit()
        except Conflict:
            pass  # another request of the same browser has just written it down
    return True
