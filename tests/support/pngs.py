"""Small images, built by hand so that a test can put anything anywhere."""

from __future__ import annotations

import struct
import zlib


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def a_png(
    *extra: bytes, after: bytes = b"", behind: bytes = b"", pixels: bytes | None = None, interlace: int = 0
) -> bytes:
    """A 5 x 3 image in grey, with whatever somebody wants to smuggle."""
    raw = pixels if pixels is not None else b"".join(b"\x00" + bytes(5) for _ in range(3))
    header = struct.pack(">IIBBBBB", 5, 3, 8, 0, 0, 0, interlace)
    body = (
        chunk(b"IHDR", header)
        + b"".join(extra)
        + chunk(b"IDAT", zlib.compress(raw) + behind)
        + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body + after
