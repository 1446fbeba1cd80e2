"""What a reply out of a session may be, how large, and what of it is written down before it is shown."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from enclave.hub.gateway.rules import Kind
from enclave.kernel.errors import NotAllowed

AIRLOCK = "Send what you need to the airlock as an output request."

#: Longest reply of each kind, in bytes. A text is measured as a file, without the escapes of JSON.
PAGE = 64 * 2**10
TEXT = 256 * 2**10
NOTEBOOK = 2 * 2**20
OTHER = 2**20

#: Answered from files that a cell could have written: settings, layouts.
_KEPT_IN_FILES = ("/lab/api/", "/api/config/")
#: Other replies are written down from this size on; smaller ones (is it running?) a page asks for all day.
_WORTH_A_LINE = 4 * 2**10

_PATH_KEPT = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """What somebody read out of a session.

    Args:
        kind: page, file, notebook, directory, or reply.
        path: below the session; people choose names, so only its beginning is kept.
        sha256: of a file's text, else of the reply as it was sent.
        size: of the same, in bytes.
    """

    kind: str
    path: str
    sha256: str
    size: int

    @property
    def repeats(self) -> bool:
        """Asked for again and again by the page itself: written down when it has changed."""
        return self.kind in {"directory", "reply"}

    def facts(self) -> dict[str, object]:
        return {"kind": self.kind, "path": self.path, "sha256": self.sha256, "bytes": self.size}


def longest(kind: Kind, path: str) -> int:
    """The most that is taken from a session for one reply, in bytes."""
    if kind is Kind.PAGE:
        return PAGE
    return NOTEBOOK if _is_contents(path) else OTHER


def reading_of(kind: Kind, path: str, content: bytes, content_type: str) -> Reading | None:
    """What a reply is, for the audit log; None when it is nothing to write down.

    Args:
        kind: PAGE or API.
        path: below the session, decoded.
        content: the whole reply.
        content_type: as the session's server names it.

    Raises:
        NotAllowed: when it may not be shown.
    """
    if not content:
        return None
    if kind is Kind.PAGE:
        if content_type != "text/html":
            raise NotAllowed(f"This is not shown outside the workspace. {AIRLOCK}")
        return _reading("page", path, content)
    model = _json(content, content_type)
    if _is_contents(path) and isinstance(model, dict) and model.get("content") is not None:
        return _contents(path, model, content)
    worth = path.startswith(_KEPT_IN_FILES) or len(content) >= _WORTH_A_LINE
    return _reading("reply", path, content) if worth else None


def _contents(path: str, model: dict[str, Any], content: bytes) -> Reading:
    if model.get("format") == "base64":
        raise NotAllowed(f"Files that are not text are not shown outside the workspace. {AIRLOCK}")
    if model.get("type") == "notebook":
        return _reading("notebook", path, content)
    if model.get("type") == "directory":
        if len(content) > OTHER:
            raise NotAllowed("This folder has too many files to be shown. List it from a notebook cell.")
        return _reading("directory", path, content)
    shown = model["content"]
    text = shown.encode("utf-8", "surrogatepass") if isinstance(shown, str) else content
    if len(text) > TEXT:
        raise NotAllowed(
            f"Texts above {TEXT // 2**10} KiB are not shown outside the workspace. "
            f"Look at a part of it from a notebook cell. {AIRLOCK}"
        )
    return _reading("file", path, text)


def _json(content: bytes, content_type: str) -> Any:
    try:
        if content_type == "application/json":
            # Strictly UTF-8, as a browser reads it: json would also accept UTF-16 and see another model.
            return json.loads(content.decode())
    except (ValueError, RecursionError):
        pass
    raise NotAllowed(f"This is not shown outside the workspace. {AIRLOCK}")


def _is_contents(path: str) -> bool:
    return path == "/api/contents" or path.startswith("/api/contents/")


def _reading(kind: str, path: str, content: bytes) -> Reading:
    return Reading(kind, path[:_PATH_KEPT], hashlib.sha256(content).hexdigest(), len(content))
