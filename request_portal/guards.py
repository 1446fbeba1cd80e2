"""What stands around every request: refusal of other sites, security headers, a page for what breaks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from request_portal.auth.sessions import find_viewer

#: Nothing from anywhere else, nothing inline, nobody may frame us.
CSP = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-src": "'none'",
    "frame-ancestors": "'none'",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: A form or an API call is text; files come from the workspace, never from a browser.
MAX_BODY = 512 * 1024
#: But for extracts, which programme administrators may send in as files.
UPLOADS = "/api/v1/extracts"


def csp(**changes: str) -> str:
    """The content security policy with some directives changed (`frame_src=…`)."""
    return "; ".join(
        f"{name} {value}"
        for name, value in {**CSP, **{k.replace("_", "-"): v for k, v in changes.items()}}.items()
    )


def origin_of(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def cross_site(method: str, headers: Headers, own_origin: str) -> bool:
    """Whether a browser says that another site makes this request, or cannot say that ours does.

    Fetch metadata first, `Origin` where a browser has none; programs, which send neither, carry no cookie by
    accident.
    """
    if method in _SAFE:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin != own_origin


class Guards:
    """ASGI middleware around the whole portal.

    Args:
        own_origin: of the portal, as browsers see it.
        tls: whether browsers reach the portal by TLS only.
        refuse: makes the answer to a cross-site request.
        odd: makes the answer to an address with a NUL in it.
        stranger: makes the answer to somebody who is not signed in and sends a file.
        broken: makes the answer when something unforeseen went wrong.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        own_origin: str,
        tls: bool,
        refuse: Callable[[Request], Response],
        odd: Callable[[Request], Response],
        stranger: Callable[[Request], Response],
        broken: Callable[[Request, Exception], Response],
    ) -> None:
        self.app, self.own_origin, self.tls = app, own_origin, tls
        self.refuse, self.odd, self.stranger, self.broken = refuse, odd, stranger, broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._headers(scope, MutableHeaders(scope=message))
            await send(message)

        request = Request(scope)
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            # No name of ours holds one, and PostgreSQL cannot even be asked for it.
            await self.odd(request)(scope, receive, with_headers)
            return
        if cross_site(scope["method"], request.headers, self.own_origin):
            await self.refuse(request)(scope, receive, with_headers)
            return
        if scope["path"] == UPLOADS and scope["method"] == "POST" and not await self._known(request):
            # A form with a file is read before its door is asked, and a stranger's would fill the disk.
            await self.stranger(request)(scope, receive, with_headers)
            return
        try:
            await self.app(scope, receive, with_headers)
        except Exception as error:
            if started:
                raise
            await self.broken(request, error)(scope, receive, with_headers)

    async def _known(self, request: Request) -> bool:
        viewer = await run_in_threadpool(find_viewer, request.app.state.enclave, request)
        return viewer is not None

    def _headers(self, scope: Scope, headers: MutableHeaders) -> None:
        headers.setdefault("Content-Security-Policy", csp())
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        # Not no-referrer: with that browsers send `Origin: null`, and our own forms would be refused.
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
        if self.tls:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not scope["path"].startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")


@dataclass(slots=True)
class RateLimit:
    """At most `most` tries in `seconds` for one caller; in memory, so a restart forgives."""

    most: int = 60
    seconds: float = 300.0
    _tries: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, caller: str) -> bool:
        """Counts this try; False when there were too many."""
        now = time.monotonic()
        with self._lock:
            tries = self._tries.setdefault(caller, deque())
            while tries and tries[0] < now - self.seconds:
                tries.popleft()
            if len(tries) >= self.most:
                return False
            tries.append(now)
            if len(self._tries) > 10_000:
                self._tries = {k: v for k, v in self._tries.items() if v and v[-1] >= now - self.seconds}
            return True
