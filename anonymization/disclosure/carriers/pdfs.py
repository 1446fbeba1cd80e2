"""PDF (ISO 32000-2): attachments, scripts, layers, earlier states. A shallow look; nothing is drawn or run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from anonymization.disclosure.carriers.bounded import MOST, inflated

if TYPE_CHECKING:
    from anonymization.disclosure.carriers import Carried

_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
#: A name may be written with #xx for any of its letters.
_NAMES: tuple[tuple[bytes, str, str], ...] = (
    (rb"/EmbeddedFiles?\b", "embedded-file", "Another file is attached. Take it out."),
    (
        rb"/(JavaScript|JS|Launch|SubmitForm|ImportData)\b",
        "script",
        "It can run or send something. Save it without.",
    ),
    (rb"/(Annots|Popup|FreeText)\b", "comment", "There are notes or links on its pages. Take them out."),
    (rb"/OCGs\b", "hidden-text", "It has layers that can be switched off. Make one layer of them."),
    (rb"/(Metadata|Author|Creator|Producer)\b", "file-metadata", "It says who made it, when and with what."),
    (rb"/(AcroForm|XFA)\b", "embedded-data", "It has form fields, which can hold values. Take them out."),
    (rb"/URI\b", "external-link", "It refers to places elsewhere. Take them out."),
    (
        rb"/Encrypt\b",
        "encrypted",
        "It is encrypted, so that it cannot be looked at. Save it without a password.",
    ),
)
_INVISIBLE = re.compile(rb"\b3\s+Tr\b")


def carried(data: bytes) -> Iterator[Carried]:
    """What its objects name, in the open and in its compressed streams."""
    yield (
        "closed-format",
        "",
        "A PDF carries more than its pages show. Send in tables as csv and figures as png.",
    )
    left, pieces = MOST, [_STREAM.sub(b" ", data)]
    for stream in _STREAM.findall(data):
        content = inflated(stream, left)
        left -= len(content)
        if left <= 0:
            yield "too-much", "", "The file unpacks to more than can be looked at. Send in its tables as csv."
            break
        pieces.append(content)
    text = re.sub(rb"#([0-9A-Fa-f]{2})", lambda m: bytes([int(m[1], 16)]), b"\n".join(pieces))
    for pattern, rule, sentence in _NAMES:
        if re.search(pattern, text):
            yield rule, "", sentence
    if _INVISIBLE.search(text):
        yield "hidden-text", "", "It has text that is not drawn. Save it without."
    if data.count(b"%%EOF") > 1:
        yield (
            "earlier-state",
            "",
            "It keeps an earlier state of itself behind the one that is shown. Print it anew.",
        )
    end = data.rfind(b"%%EOF")
    if end >= 0 and len(data[end + 5 :].strip()) > 0:
        yield "trailing-bytes", "", "There are bytes after the end of the document. Save it again."
