"""Workbooks, documents and slides (ECMA-376, OpenDocument 1.3): sheets, cells and texts that nobody sees."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from anonymization.disclosure.carriers.bounded import Archive, TooMuch

if TYPE_CHECKING:
    from anonymization.disclosure.carriers import Carried

#: A part of the archive by its name: rule and sentence.
_PARTS: tuple[tuple[str, str, str], ...] = (
    (r"vbaProject\.bin$|/macrosheets/|^Basic/", "macro", "There is a macro. Take it out."),
    (r"/comments\d*\.xml$|/threadedComments/|/comments/", "comment", "There are comments. Take them out."),
    (
        r"/externalLinks/|/connections\.xml$|/queryTables/",
        "external-link",
        "It refers to other files or sources.",
    ),
    (
        r"/pivotCache/",
        "pivot-cache",
        "A pivot table keeps all rows that it was made from. Send in its cells as csv.",
    ),
    (
        r"/embeddings/|/oleObject|ObjectReplacements/",
        "embedded-file",
        "Another file is embedded. Take it out.",
    ),
    (
        r"/model/item\.data$|/customData/",
        "data-model",
        "A data model keeps whole tables. Send in its cells as csv.",
    ),
    (r"^customXml/", "embedded-file", "Data that are not shown are attached to it. Save it without."),
    (r"/notesSlides/", "comment", "There are speaker's notes. Take them out."),
    (r"/media/|^Pictures/", "embedded-file", "An image is embedded. Send it in as a figure of its own."),
    (r"/footnotes\.xml$|/endnotes\.xml$", "comment", "There may be notes. Take them out."),
    (
        r"^docProps/(core|app|custom)\.xml$|^meta\.xml$",
        "file-metadata",
        "It says who made it, when and with what.",
    ),
    (r"^docProps/thumbnail|^Thumbnails/", "file-metadata", "It has a picture of an earlier state of itself."),
)
_CELL = re.compile(
    rb"<(?:\w+:)?c\b[^>]*?\br=\"([A-Z]{1,3}\d{1,7})\"[^>]*>(?:(?!</(?:\w+:)?c>).)*?<(?:\w+:)?f\b", re.DOTALL
)
_HIDDEN_LINES = re.compile(rb"<(?:\w+:)?(row|col)\b[^>]*\bhidden=\"(?:1|true)\"")
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_UNSEEN_TEXT = re.compile(rb"<w:vanish\b(?![^>]*w:val=\"(?:0|false)\")|<w:(?:del|ins|moveFrom)\b ")
_DEFINED = re.compile(rb"<(?:\w+:)?definedName\b[^>]*\bhidden=\"(?:1|true)\"")
_ODS_UNSEEN = re.compile(
    rb"table:display=\"false\"|table:visibility=\"(?:collapse|filter)\"|text:display=\"none\""
)
_MOST_CELLS = 50


def carried(data: bytes) -> Iterator[Carried]:
    """Macros, comments, links, caches, metadata; hidden sheets, rows, columns, names and text; formulas."""
    yield "closed-format", "", "Workbooks and documents carry more than is seen. Send in each table as csv."
    try:
        archive = Archive(data)
        seen: set[str] = set()
        for name in archive.names:
            for pattern, rule, sentence in _PARTS:
                if sentence not in seen and re.search(pattern, name):
                    seen.add(sentence)
                    yield rule, "", sentence
        yield from _sheets(archive)
        yield from _texts(archive)
    except zipfile.BadZipFile:
        yield "broken-file", "", "The file is damaged and cannot be looked at. Save it again."
    except TooMuch as problem:
        yield "too-much", "", problem.sentence


def _sheets(archive: Archive) -> Iterator[Carried]:
    for name in archive.names:
        if re.search(r"^xl/workbook\.(xml|bin)$", name):
            workbook = archive.read(name)
            for position, sheet in enumerate(_SHEET.findall(workbook), start=1):
                if re.search(rb"\bstate=\"(?:hidden|veryHidden)\"", sheet):
                    yield (
                        "hidden-sheet",
                        f"sheet {position}",
                        "The sheet is hidden. Delete it or send it in as csv.",
                    )
            if _DEFINED.search(workbook):
                yield "hidden-name", "", "A name is defined that is hidden. Delete it."
        found = re.search(r"^xl/worksheets/sheet(\d+)\.xml$", name)
        if found:
            yield from _cells(archive.read(name), f"sheet file {found[1]}")


def _cells(sheet: bytes, place: str) -> Iterator[Carried]:
    for kind in sorted({match.decode() for match in _HIDDEN_LINES.findall(sheet)}):
        what = "rows" if kind == "row" else "columns"
        yield "hidden-cells", place, f"There are hidden {what}. Delete them, or show them and check them."
    for at, match in enumerate(_CELL.finditer(sheet)):
        if at >= _MOST_CELLS:
            return
        cell = match[1].decode()
        yield (
            "formula",
            f"{place}, cell {cell}",
            "A formula tells what the number was made from. Keep its value only.",
        )


def _texts(archive: Archive) -> Iterator[Carried]:
    for name in archive.names:
        if re.search(r"^word/(document|header\d*|footer\d*)\.xml$", name) and _UNSEEN_TEXT.search(
            archive.read(name)
        ):
            yield (
                "hidden-text",
                "",
                "There is hidden or deleted text in it. Accept all changes and show everything.",
            )
        if re.search(r"^ppt/slides/slide\d+\.xml$", name) and b'show="0"' in archive.read(name)[:2_000]:
            yield (
                "hidden-sheet",
                name.rpartition("/")[2].removesuffix(".xml"),
                "The slide is hidden. Delete it.",
            )
        if name == "content.xml" and _ODS_UNSEEN.search(archive.read(name)):
            yield "hidden-cells", "", "There are hidden sheets, rows, columns or texts. Delete them."
