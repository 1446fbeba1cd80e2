"""Web pages and drawings: programs, embedded data and texts that are not drawn (HTML Living Standard, SVG 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anonymization.disclosure.carriers import Carried

_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|opacity\s*:\s*0(\.0+)?\s*(;|$)|font-size\s*:\s*0"
    r"|(left|top|text-indent)\s*:\s*-\d{3,}|clip-path\s*:\s*inset\(\s*(50|100)%",
    re.IGNORECASE,
)
_FETCHED = ("src", "href", "xlink:href", "action", "formaction", "poster", "data", "srcset", "background")
_MARKS = frozenset({"circle", "ellipse", "rect", "path", "use", "line", "polygon"})
#: Marks of one drawing beyond which it may well show each household as one point.
_MANY_MARKS = 200


def carried(data: bytes) -> Iterator[Carried]:
    """Scripts, data URIs, references elsewhere, comments, unseen elements, metadata, and points one by one."""
    yield (
        "closed-format",
        "",
        "Pages and drawings carry the data behind what is drawn. Save the figure as png.",
    )
    reader = _Reader()
    try:
        reader.feed(data.decode("utf-8", errors="replace"))
        reader.close()
    except AssertionError:  # the standard library's answer to some malformed declarations
        yield "broken-file", "", "The file cannot be read to its end. Save it again."
    yield from reader.found.values()
    if reader.marks > _MANY_MARKS:
        yield (
            "points-one-by-one",
            "",
            "It has so many marks that each may be one household. Draw checked tables only.",
        )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[tuple[str, int], Carried] = {}
        self.marks = 0

    def say(self, rule: str, sentence: str) -> None:
        line = self.getpos()[0]
        self.found.setdefault((rule, line), (rule, f"line {line}", sentence))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.marks += tag in _MARKS
        if tag == "script":
            self.say("script", "A script can hold data and send them elsewhere. Save the figure as png.")
        if tag in ("metadata", "desc", "title") and self.marks == 0 and tag == "metadata":
            self.say("file-metadata", "There are notes of the program that made it. Save it without.")
        if tag in ("iframe", "object", "embed", "foreignobject", "template", "noscript"):
            self.say("embedded-file", "Another document is embedded. Take it out.")
        for name, value in attrs:
            self._attribute(name.lower(), value or "")

    def _attribute(self, name: str, value: str) -> None:
        if name.startswith("on"):
            self.say("script", "An element has a script of its own. Take it out.")
        elif name == "hidden" or (name == "style" and _STYLE.search(value)):
            self.say("hidden-text", "There is an element that is not shown. Take it out.")
        elif name.startswith("data-"):
            self.say("embedded-data", "An element keeps data that are not shown. Take them out.")
        elif name in _FETCHED and value.lower().lstrip().startswith("data:"):
            self.say("embedded-file", "A file is embedded in it. Take it out.")
        elif name in _FETCHED and re.match(r"\s*(\w+:)?//", value):
            self.say(
                "external-link", "It fetches something from elsewhere, which tells who reads it. Take it out."
            )

    handle_startendtag = handle_starttag

    def handle_comment(self, data: str) -> None:
        del data
        self.say("comment", "There is a comment, which nobody sees. Take it out.")

    def handle_decl(self, decl: str) -> None:
        if "[" in decl:
            self.say("script", "It defines entities of its own. Save it without.")

    def unknown_decl(self, data: str) -> None:
        del data
        self.say("embedded-data", "There is a section that is not shown. Take it out.")

    def handle_pi(self, data: str) -> None:
        if not data.lower().startswith("xml "):
            self.say("comment", "There is an instruction to a program, which nobody sees. Take it out.")
