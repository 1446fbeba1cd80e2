"""Notebooks (nbformat 4): what their cells keep of what was shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anonymization.disclosure.carriers import Carried


def carried(data: bytes) -> Iterator[Carried]:
    """Outputs cell by cell, tracebacks, attachments, saved widgets, and whatever else stands beside the cells."""
    try:
        book = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return
    cells = book.get("cells")
    if cells is None:  # nbformat 3 kept them in worksheets
        sheets = book.get("worksheets") if isinstance(book.get("worksheets"), list) else []
        cells = [c for s in sheets if isinstance(s, dict) for c in s.get("cells") or []]
    for position, cell in enumerate(cells if isinstance(cells, list) else [], start=1):
        if isinstance(cell, dict):
            yield from _of_cell(cell, f"cell {position}")
    about = book.get("metadata")
    if isinstance(about, dict) and about.get("widgets"):
        yield "saved-outputs", "metadata", "The notebook holds the state of its widgets. Clear all outputs."
    known = {"kernelspec", "language_info", "widgets", "toc", "orig_nbformat"}
    if isinstance(about, dict) and set(about) - known:
        yield "file-metadata", "metadata", "The notebook holds notes of other programs. Save it without."


def _of_cell(cell: Mapping[str, object], place: str) -> Iterator[Carried]:
    outputs = cell.get("outputs")
    for number, output in enumerate(outputs if isinstance(outputs, list) else [], start=1):
        kind = output.get("output_type") if isinstance(output, dict) else None
        here = f"{place}, output {number}"
        if kind == "error":
            yield "saved-outputs", here, "A saved error can quote a value of the data. Clear all outputs."
        else:
            yield (
                "saved-outputs",
                here,
                "The notebook holds a saved output. Clear all outputs; send in tables as csv.",
            )
    if cell.get("attachments"):
        yield "saved-outputs", place, "A file is attached to the cell. Take it out."
