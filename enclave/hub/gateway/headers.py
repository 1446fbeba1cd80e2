"""What goes along in both directions, and what stays behind: credentials, other sites' cookies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

_HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer",
        "transfer-encoding", "upgrade", "content-length", "content-encoding",
    }
)  # fmt: skip

#: Never passed on as they came: whoever holds a token could use it from anywhere; cookies are sorted first.
_CREDENTIALS = frozenset({"authorization", "cookie", "accept-encoding", "host"})

#: The hub's own cookies. All ports of a machine share cookies: the portal's must not reach a session.
_OUR_COOKIE = re.compile(r"(__Host-)?(jupyterhub-|_xsrf$|oauthenticator-|username-)")

#: What a session's server may tell a browser.
_FROM_SESSION = frozenset(
    {
        "content-type", "cache-control", "etag", "last-modified", "location", "vary", "expires", "date",
        "x-jupyterhub-version", "allow", "x-content-type-options",
    }
)  # fmt: skip


def content_security_policy(portal: str) -> str:
    """For every reply of a session's server: its pages may load from and talk to nothing but that server.

    `sandbox` without allow-downloads and allow-popups also ends downloads made in the page and new windows.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "frame-src 'self'",
            "form-action 'self'",
            "base-uri 'self'",
            f"frame-ancestors 'self' {portal}",
            "sandbox allow-scripts allow-same-origin allow-forms allow-modals",
        )
    )


def to_server(given: CIMultiDictProxy[str], *, scheme: str, session: bool) -> CIMultiDict[str]:
    """Request headers as the server behind gets them.

    Args:
        given: as the browser sent them.
        scheme: how browsers reach the gateway.
        session: the server is a session's; then no credential but its own cookies goes along.
    """
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in given.items():
        low = name.lower()
        if (
            low not in _HOP_BY_HOP
            and low not in _CREDENTIALS
            and not low.startswith(("x-forwarded", "sec-websocket"))
        ):
            passed.add(name, value)
    cookies = own_cookies(given.getall("Cookie", []))
    if cookies:
        passed["Cookie"] = cookies
    passed["Accept-Encoding"] = "identity"  # so that the size we count is the size there is
    passed["Host"] = given.get("Host", "gateway")
    passed["X-Forwarded-Proto"] = scheme
    passed["X-Forwarded-Host"] = passed["Host"]
    if session:
        passed.popall("Referer", None)
    return passed


def own_cookies(given: Iterable[str]) -> str:
    """Of the cookies that a browser sent, those that are the hub's or a session's."""
    pairs = (pair.strip() for line in given for pair in line.split(";"))
    return "; ".join(pair for pair in pairs if _OUR_COOKIE.match(pair.partition("=")[0]))


def from_session(given: CIMultiDictProxy[str], prefix: str) -> CIMultiDict[str]:
    """Reply headers of a session's server: only known ones, and only cookies for its own path.

    Args:
        given: as the server sent them.
        prefix: the path of this session, for example "/user/ana/poverty".
    """
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in given.items():
        if name.lower() in _FROM_SESSION:
            passed.add(name, value)
    for line in given.getall("Set-Cookie", []):
        if _own_set_cookie(line, prefix):
            passed.add("Set-Cookie", line)
    return passed


def from_hub(given: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Reply headers of the hub, without those that belong to one connection."""
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in given.items():
        if name.lower() not in _HOP_BY_HOP:
            passed.add(name, value)
    return passed


def leads_away(location: str, host: str) -> bool:
    """True when a redirect goes to another site."""
    parts = urlsplit(location.replace("\\", "/"))
    return bool(parts.netloc and parts.netloc != host) or parts.scheme not in {"", "http", "https"}


def _own_set_cookie(line: str, prefix: str) -> bool:
    try:
        cookies = SimpleCookie(line)
    except CookieError:
        return False
    return bool(cookies) and all(
        _OUR_COOKIE.match(name)
        and not cookie["domain"]
        and f"{cookie['path'].rstrip('/')}/".startswith(f"{prefix}/")
        for name, cookie in cookies.items()
    )
