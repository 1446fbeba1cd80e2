"""What a PNG carries besides its pixels (PNG specification, third edition, sections 5 and 11)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from anonymization.disclosure.model import DisclosureFinding, Severity
from anonymization.errors import AnonymizationError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Chunks that only say how to draw the pixels, with the most bytes that each needs; the rest are messages.
DRAWING = {
    b"IHDR": 13,
    b"PLTE": 768,
    b"tRNS": 256,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"pHYs": 9,
    b"IEND": 0,
}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
#: Larger images are refused unread, so that a small file cannot ask for all the memory there is.
MOST_BYTES = 256 * 2**20


class BrokenImage(AnonymizationError):
    """The bytes do not follow the format that they claim."""


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each chunk up to IEND, checksums verified.

    Raises:
        BrokenImage: cut off, or a checksum that is wrong.
    """
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise BrokenImage("The image is cut off. Save it again.")
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise BrokenImage("The image is cut off. Save it again.")
        content = data[at + 8 : end - 4]
        if struct.unpack_from(">I", data, end - 4)[0] != zlib.crc32(kind + content):
            raise BrokenImage("The image has a part whose checksum is wrong. Save it again.")
        yield kind, content
        at = end
    if at < len(data):
        yield b"", data[at:]


def hidden_in_png(data: bytes, name: str) -> tuple[DisclosureFinding, ...]:
    """Texts, profiles, private chunks, bytes after the end, and bytes behind the pixels.

    Messages in the pixels themselves (steganography) cannot be found this way; people look at the figure.
    """
    sentences: dict[str, str] = {}
    pixels, header, seen = b"", b"", set()
    try:
        for kind, content in chunks(data):
            if kind == b"IDAT":
                pixels += content
            elif kind == b"":
                sentences["trailing-bytes"] = "There are bytes after the end of the image. Save it again."
            elif kind not in DRAWING or len(content) > DRAWING[kind] or kind in seen:
                sentences["image-metadata"] = (
                    "The image has texts or other parts that are not drawn. Save it without."
                )
            header = content if kind == b"IHDR" else header
            seen.add(kind)
        if not _pixels_fill_the_image(header, pixels):
            sentences["behind-the-pixels"] = (
                "There are more or fewer bytes than the image has pixels. Save it again."
            )
    except BrokenImage as broken:
        sentences["broken-image"] = str(broken)
    return tuple(DisclosureFinding(rule, name, Severity.STOP, words) for rule, words in sentences.items())


def without_metadata(data: bytes) -> bytes:
    """The same pixels, with nothing but what draws them.

    Raises:
        BrokenImage: the file cannot be read as a PNG.
    """
    if not data.startswith(SIGNATURE):
        raise BrokenImage("This is not a PNG image. Save the figure as png.")
    kept, seen = [SIGNATURE], set()
    for kind, content in chunks(data):
        drawn = kind == b"IDAT" or (kind in DRAWING and kind not in seen and len(content) <= DRAWING[kind])
        if drawn:
            kept.append(
                struct.pack(">I", len(content))
                + kind
                + content
                + struct.pack(">I", zlib.crc32(kind + content))
            )
        seen.add(kind)
    return b"".join(kept)


def _pixels_fill_the_image(header: bytes, compressed: bytes) -> bool:
    """Whether the pixels are exactly as many bytes as the header promises, with nothing behind them."""
    if len(header) != 13:
        raise BrokenImage("The image does not begin with its header. Save it again.")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS.get(colour, 0)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    expected = 0
    for x, y, dx, dy in passes:
        columns, rows = max(0, -(-(width - x) // dx)), max(0, -(-(height - y) // dy))
        expected += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    if not 0 < expected <= MOST_BYTES:
        raise BrokenImage("The image is too large to be checked. Save it with fewer pixels.")
    stream = zlib.decompressobj()
    try:
        drawn = stream.decompress(compressed, expected + 1)
    except zlib.error:
        raise BrokenImage("The pixels of the image cannot be read. Save it again.") from None
    return len(drawn) == expected and stream.eof and not stream.unused_data
