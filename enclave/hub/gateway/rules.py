"""What may pass, as data: everything that is not in these tables is refused.

A path is matched after one decoding, and only when it is plain: no empty, `.` or `..` segments, no backslash,
no second layer of percent signs, so that what we match is what the server will read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from enclave.kernel.errors import NotAllowed


class Kind(StrEnum):
    """How a reply is carried."""

    ASSET = "asset"  # comes with Jupyter: read from the runtime, never asked of a session
    PAGE = "page"  # out of a session: HTML only, size-capped, counted, recorded; out of the hub: streamed
    API = "api"  # buffered: JSON only, size-capped, counted, what was read recorded
    CHANNEL = "channel"  # a websocket to a kernel: capped, counted, cells recorded
    EVENTS = "events"  # a websocket that only tells: capped and counted


@dataclass(frozen=True, slots=True)
class Rule:
    methods: frozenset[str]
    pattern: re.Pattern[str]
    kind: Kind


def _rule(methods: str, pattern: str, kind: Kind) -> Rule:
    return Rule(frozenset(methods.split()), re.compile(pattern), kind)


_ID = r"[0-9a-f-]{36}"
_FILE = r"(/[^/]+)*"

#: Below /user/NAME/PROJECT of a session's server.
SESSION_RULES: tuple[Rule, ...] = (
    _rule("GET HEAD", r"/?", Kind.PAGE),
    _rule("GET HEAD", rf"/lab(/tree{_FILE}|/workspaces/[^/]+(/tree{_FILE})?)?/?", Kind.PAGE),
    _rule("GET HEAD", r"/(static|lab/extensions|lab/api/themes)/.+", Kind.ASSET),
    _rule("GET HEAD", r"/kernelspecs/[^/]+/logo-[\w-]+\.(png|svg)", Kind.ASSET),
    _rule("GET HEAD", r"/favicon\.ico", Kind.ASSET),
    _rule("GET", r"/(oauth_callback|logout)", Kind.PAGE),
    _rule("GET", r"/lab/api/(settings|translations|workspaces|licenses|listings)(/.*)?", Kind.API),
    _rule("PUT", r"/lab/api/settings/.+", Kind.API),
    _rule("PUT DELETE", r"/lab/api/workspaces/.+", Kind.API),
    _rule("GET", r"/api/?", Kind.API),
    _rule("GET", r"/api/(me|status|kernelspecs(/[^/]+)?)", Kind.API),
    _rule("GET POST", r"/api/(kernels|sessions)", Kind.API),
    _rule("GET DELETE", rf"/api/kernels/{_ID}", Kind.API),
    _rule("POST", rf"/api/kernels/{_ID}/(interrupt|restart)", Kind.API),
    _rule("GET PATCH DELETE", rf"/api/sessions/{_ID}", Kind.API),
    _rule("GET PUT POST PATCH DELETE", rf"/api/contents{_FILE}/?", Kind.API),
    _rule("GET PUT PATCH", r"/api/config/[A-Za-z0-9_-]+", Kind.API),
    _rule("GET", rf"/api/kernels/{_ID}/channels", Kind.CHANNEL),
    _rule("GET", r"/api/events/subscribe", Kind.EVENTS),
)

#: The hub itself: signing in, and waiting for a session to start. No tokens, no administration.
HUB_RULES: tuple[Rule, ...] = (
    _rule("GET HEAD", r"/", Kind.PAGE),
    _rule("GET HEAD", r"/hub/?", Kind.PAGE),
    _rule(
        "GET HEAD", r"/hub/(login|oauth_login|oauth_callback|logout|home|logo|health|favicon\.ico)", Kind.PAGE
    ),
    _rule("GET HEAD", r"/hub/static/.+", Kind.PAGE),
    _rule("GET", r"/hub/(spawn|spawn-pending)/[^/]+/[^/]+", Kind.PAGE),
    _rule("GET HEAD", r"/(hub/)?user/[^/]+/[^/]+(/.*)?", Kind.PAGE),
    _rule("GET", r"/hub/api/oauth2/authorize", Kind.PAGE),
    _rule("GET", r"/hub/api/users/[^/]+/servers/[^/]+/progress", Kind.PAGE),
)


#: Closed too, but asked by JupyterLab itself whenever it starts: refused without a line in the audit log.
ASKED_BY_THE_PAGE = frozenset({"/api/nbconvert", "/lab/api/build", "/lsp/status"})


def plain_path(raw_path: str) -> str:
    """The decoded path.

    Raises:
        NotAllowed: when it could mean something else to whoever reads it next.
    """
    try:
        path = unquote(raw_path, errors="strict")
    except UnicodeDecodeError:
        path = ""
    segments = path.split("/")
    odd = "%" in path or "\\" in path or any(ord(letter) < 32 or ord(letter) == 127 for letter in path)
    steps = {"", ".", ".."} & set(segments[1:-1]) or segments[-1] in {".", ".."}
    if not path.startswith("/") or odd or steps or "%2f" in raw_path.lower():
        raise NotAllowed("This address is written in a way that is not let through.")
    return path


def permitted(rules: tuple[Rule, ...], method: str, path: str) -> Rule:
    """The rule that lets this through.

    Raises:
        NotAllowed: when none does; says what to do instead where people are likely to look for it.
    """
    for rule in rules:
        if method in rule.methods and rule.pattern.fullmatch(path):
            return rule
    raise NotAllowed(_why_not(path))


def _why_not(path: str) -> str:
    if re.match(r"/(files|nbconvert|view|api/nbconvert|doc)", path):
        return (
            "Files cannot be downloaded from a workspace. "
            "Send what you need to the airlock as an output request."
        )
    if "terminal" in path:
        return "Terminals are closed in workspaces. Run programs from a notebook cell."
    return "This part of the workspace is closed."
