"""Tables as pages show them: a private table with its error bars, and any CSV that a checker has to read."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace

from enclave.catalogue.model import Column, Dataset
from enclave.kernel.errors import Invalid

#: Columns of a private table that are not its groups.
_FIGURES = ("value", "value_raw", "ci_low", "ci_high", "n", "noise_scale", "withheld")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a private table. Figures are None where the cell was withheld."""

    groups: tuple[str, ...]
    value: float | None
    low: float | None
    high: float | None
    withheld: str

    @property
    def label(self) -> str:
        return ", ".join(self.groups) or "All"


@dataclass(frozen=True, slots=True)
class PrivateTable:
    """A differentially private table: what each row is about, the figure, and how far it may be off."""

    title: str
    groups: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file as rows of text. `cut` and `cut_columns` say how many rows and columns are not shown."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cut: int
    cut_columns: int = 0


def read_private_table(data: bytes, *, title: str) -> PrivateTable:
    """Reads a released CSV by its column names.

    Raises:
        Invalid: when it has no column `value`.
    """
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    names = tuple(reader.fieldnames or ())
    if "value" not in names:
        raise Invalid(
            ["This table has no column named value, so it cannot be drawn. Download the file instead."]
        )
    groups = tuple(n for n in names if n not in _FIGURES)
    cells = tuple(
        Cell(
            groups=tuple((row[g] or "").strip() for g in groups),
            value=_number(row["value"]),
            low=_number(row.get("ci_low")),
            high=_number(row.get("ci_high")),
            withheld=(row.get("withheld") or "").strip(),
        )
        for row in reader
    )
    return PrivateTable(title, groups, cells)


def in_words(table: PrivateTable, dataset: Dataset) -> PrivateTable:
    """The same table with codes as the data dictionary spells them out, and programmes without their prefix."""
    columns = [dataset.column(name) for name in table.groups]

    def spelled(value: str, name: str, column: Column | None) -> str:
        if name == "programme":
            return value.removeprefix("enrolled_").replace("_", " ")
        return column.values.get(value, value) if column is not None else value

    cells = tuple(
        replace(
            cell,
            groups=tuple(
                spelled(v, n, c) for v, n, c in zip(cell.groups, table.groups, columns, strict=True)
            ),
        )
        for cell in table.cells
    )
    return replace(table, cells=cells)


def read_sheet(data: bytes, *, most_rows: int = 500, most_columns: int = 50) -> Sheet:
    """A CSV as text; what is not UTF-8 is shown as replacement marks rather than hidden."""
    text = data.decode("utf-8-sig", "replace")
    try:
        whole = list(csv.reader(io.StringIO(text, newline=""), strict=False))
        widest = max((len(row) for row in whole), default=0)
        rows = [tuple(row[:most_columns]) for row in whole]
    except csv.Error:
        # No table that a program would read; a checker still has to see what is in it.
        widest, rows = 1, [("Text",), *((line,) for line in text.splitlines())]
    header, body = (rows[0], rows[1:]) if rows else ((), [])
    return Sheet(
        header, tuple(body[:most_rows]), max(0, len(body) - most_rows), max(0, widest - most_columns)
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text not in (None, "") else None
    except ValueError:
        return None
