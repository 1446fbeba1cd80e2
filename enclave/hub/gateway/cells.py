"""Reads, from what a browser sends to a kernel, the code that it asks to run.

Two wire formats: `v1.kernel.websocket.jupyter.org` (binary: 64-bit little-endian offsets, then channel,
header, parent, metadata, content) and the older JSON one (text; or binary with 32-bit big-endian offsets when
there are buffers). Source: Jupyter Server documentation, "WebSocket kernel wire protocols".
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

V1 = "v1.kernel.websocket.jupyter.org"

#: Longest code kept word for word in the audit log; its digest is always of the whole.
_KEPT = 100_000


@dataclass(frozen=True, slots=True)
class Cell:
    """Code that somebody asked a kernel to run.

    Args:
        kind: the message's type.
        code: as submitted; what it loads and runs from files is not in here.
    """

    kind: str
    code: str

    def facts(self) -> dict[str, object]:
        digest = hashlib.sha256(self.code.encode("utf-8", "surrogatepass")).hexdigest()
        facts: dict[str, object] = {"sha256": digest, "chars": len(self.code), "code": self.code[:_KEPT]}
        return facts if self.kind == "execute_request" else {**facts, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class Message:
    """The part of a kernel message that matters here."""

    kind: str
    content: dict[str, Any]


def read_message(frame: str | bytes, protocol: str | None) -> Message:
    """The message in one websocket frame.

    Args:
        frame: text or binary, as it arrived.
        protocol: the subprotocol that was agreed on.

    Raises:
        ValueError: when it is no kernel message; such a frame must not be passed on.
    """
    try:
        header, content = _parts_v1(frame) if protocol == V1 else _parts_json(frame)
        kind = header["msg_type"]
    except (KeyError, IndexError, TypeError, struct.error, UnicodeDecodeError, RecursionError) as broken:
        raise ValueError("not a kernel message") from broken
    if not isinstance(kind, str) or not isinstance(content, dict):
        raise ValueError("not a kernel message")  # noqa: TRY004 - one error for every broken frame
    return Message(kind, content)


def cell_in(message: Message) -> Cell | None:
    """The code that this message has run, by whichever door; None when it runs none."""
    content = message.content
    if message.kind == "execute_request":
        code = _text(content.get("code"))
        expressions = content.get("user_expressions") or {}
        if expressions:
            code += f"\n# user_expressions: {json.dumps(expressions, sort_keys=True)}"
        return Cell(message.kind, code)
    if message.kind == "input_reply":
        return Cell(message.kind, _text(content.get("value")))
    if message.kind == "debug_request" and content.get("command") in {
        "evaluate",
        "setVariable",
        "setExpression",
    }:
        return Cell(message.kind, json.dumps(content.get("arguments"), sort_keys=True))
    return None


def _parts_v1(frame: str | bytes) -> tuple[dict[str, Any], Any]:
    if isinstance(frame, str):
        raise TypeError
    count = struct.unpack_from("<Q", frame)[0]
    if not 6 <= count <= 64:
        raise IndexError
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    if list(offsets) != sorted(offsets) or offsets[-1] > len(frame):
        raise IndexError
    pieces = [frame[start:end] for start, end in pairwise(offsets)]
    # Strictly UTF-8, as the kernel reads it: json would also accept UTF-16 and see another message.
    return json.loads(pieces[1].decode()), json.loads(pieces[4].decode())


def _parts_json(frame: str | bytes) -> tuple[dict[str, Any], Any]:
    if isinstance(frame, bytes):
        count = struct.unpack_from("!I", frame)[0]
        if not 1 <= count <= 64:
            raise IndexError
        offsets = struct.unpack_from(f"!{count}I", frame, 4)
        if list(offsets) != sorted(offsets) or offsets[-1] > len(frame):
            raise IndexError
        end = offsets[1] if count > 1 else len(frame)
        frame = frame[offsets[0] : end].decode()
    message = json.loads(frame)
    return message["header"], message["content"]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
