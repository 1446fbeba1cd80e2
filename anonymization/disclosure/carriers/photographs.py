"""JPEG, GIF, WebP, TIFF and BMP: what they carry besides pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anonymization.disclosure.carriers import Carried

_TOLD = "The image has texts or a place in it (EXIF, XMP, comment). Save the figure as png without them."
_BEHIND = "There are bytes after the end of the image. Save it again as png."


def carried(data: bytes) -> Iterator[Carried]:
    """Texts, places and bytes behind the image."""
    yield "closed-format", "", "Only png images can be checked to the last byte. Save the figure as png."
    if data.startswith(b"\xff\xd8\xff"):
        yield from _jpeg(data)
    elif data.startswith(b"GIF8"):
        if b"\x21\xfe" in data or b"\x21\xff\x0bXMP" in data:
            yield "image-metadata", "", _TOLD
        end = data.rfind(b"\x3b")
        if data[end + 1 :].strip(b"\x00"):
            yield "trailing-bytes", "", _BEHIND
    elif data[8:12] == b"WEBP":
        if any(mark in data for mark in (b"EXIF", b"XMP ")):
            yield "image-metadata", "", _TOLD
        if len(data) > struct.unpack_from("<I", data, 4)[0] + 9:
            yield "trailing-bytes", "", _BEHIND
    elif data[:2] in (b"II", b"MM"):
        yield (
            "image-metadata",
            "",
            "A TIFF file can hold any number of images and texts. Save the figure as png.",
        )


def _jpeg(data: bytes) -> Iterator[Carried]:
    """Segments up to the scan (ITU T.81, annex B); APP0 and APP14 say how to draw, the others are messages."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if marker == 0xFE or (0xE1 <= marker <= 0xEF and marker != 0xEE):
            yield "image-metadata", "", _TOLD
        if marker == 0xDA or length < 2:
            break
        at += 2 + length
    end = data.rfind(b"\xff\xd9")
    if end < 0 or data[end + 2 :].strip(b"\x00"):
        yield "trailing-bytes", "", _BEHIND
    if data.count(b"\xff\xd8\xff", 3):
        yield (
            "image-metadata",
            "",
            "A second image is inside (a preview, perhaps of another state). Save it as png.",
        )
