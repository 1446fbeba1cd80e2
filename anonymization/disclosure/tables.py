"""Checks of one result table against its description: counts, statistics, shares, totals.

Rules as in the Handbook on Statistical Disclosure Control for Outputs (SDAP): thresholds are on the
households behind a number, and are the caller's. What the description claims cannot be proved from the bytes;
the checkers ask for it.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from anonymization.disclosure.files import delimiter_of, text_of
from anonymization.disclosure.model import DisclosureFinding, Severity
from anonymization.disclosure.spec import TableSpec
from anonymization.errors import AnonymizationError

#: How a suppressed cell is written.
SUPPRESSED = frozenset(
    {"", "x", "c", "s", "*", "-", "..", "...", "[c]", "[x]", "na", "n/a", "nan", "none", "suppressed"}
)


class NotATable(AnonymizationError):
    """The file cannot be read as one table."""


@dataclass(frozen=True, slots=True)
class ResultTable:
    """A table as text.

    Args:
        columns: names, in order.
        rows: cells by row, each row as long as `columns`.
        ragged: numbers of the rows that were longer or shorter than the header.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    ragged: tuple[int, ...] = ()

    def cells(self, column: str) -> Iterator[tuple[int, str]]:
        """Row number (from 1) and cell."""
        at = self.columns.index(column)
        return ((number, row[at]) for number, row in enumerate(self.rows, start=1))

    def is_numeric(self, column: str) -> bool:
        shown = [cell for _, cell in self.cells(column) if not is_suppressed(cell)]
        return bool(shown) and all(number(cell) is not None for cell in shown)


def read_table(data: bytes, kind: str) -> ResultTable:
    """Reads a csv, or a json that is a list of flat records.

    Raises:
        NotATable: it is not one table, or two columns have the same name.
    """
    text = text_of(data) or ""
    records = _json_records(text) if kind == "json" else _csv_records(text)
    if len(records) < 2:
        raise NotATable("The file holds no table: it needs a header and at least one row.")
    header, *body = records
    columns = tuple(str(cell).strip() for cell in header)
    if len(set(columns)) < len(columns) or "" in columns:
        raise NotATable("Every column of the table needs a name of its own.")
    ragged = tuple(n for n, row in enumerate(body, start=1) if len(row) != len(columns))
    width = len(columns)
    rows = tuple(tuple((*row, *[""] * width)[:width]) for row in body)
    return ResultTable(columns, rows, ragged)


def _csv_records(text: str) -> list[list[str]]:
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter_of(text) or ",", strict=True))
    except csv.Error:
        raise NotATable("The file cannot be read as csv: look at its quotes.") from None
    return [row for row in rows if row]


def _json_records(text: str) -> list[list[str]]:
    content = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    flat = isinstance(content, list) and content and all(isinstance(record, dict) for record in content)
    if not flat or any(isinstance(v, dict | list) for record in content for v in record.values()):
        raise NotATable("A json file that leaves must be a list of flat records, like the rows of a table.")
    columns = list(dict.fromkeys(key for record in content for key in record))
    cell: Callable[[object], str] = lambda v: "" if v is None else str(v)  # noqa: E731 - one line reads best here
    return [columns, *([cell(record.get(key)) for key in columns] for record in content)]


def is_suppressed(cell: str) -> bool:
    return cell.strip().lower() in SUPPRESSED or cell.strip().startswith(("<", "≤"))


def number(cell: str) -> float | None:
    """The cell as a finite number; None when it is not one."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class TableCheck:
    """Looks at one table; gathers findings, from which the facts are counted."""

    name: str
    table: ResultTable
    spec: TableSpec
    threshold: int

    def findings(self) -> list[DisclosureFinding]:
        """Everything except what totals give away (see `totals`)."""
        found = [*self._columns()]
        if not any(f.rule == "missing-column" for f in found):
            found += [*self._counts(), *self._uncounted(), *self._parts(), *self._full_cells()]
        return found

    def at(
        self, rule: str, severity: Severity, words: str, *, row: int = 0, column: str = ""
    ) -> DisclosureFinding:
        where = [self.name, f"row {row}" if row else "", f"column {column}" if column else ""]
        return DisclosureFinding(rule, ", ".join(w for w in where if w), severity, words)

    def shown_counts(self) -> Iterator[tuple[int, str, float]]:
        """Row, column and number of every count that is shown and is a whole number."""
        for column in self.spec.counts:
            for row, cell in self.table.cells(column):
                value = number(cell)
                if value is not None and value >= 0 and value.is_integer():
                    yield row, column, value

    def _columns(self) -> Iterator[DisclosureFinding]:
        have = set(self.table.columns)
        for column in sorted(self.spec.columns() - have):
            yield self.at(
                "missing-column", Severity.STOP, f"The description names {column}, which the table lacks."
            )
        if not self.spec.counts:
            yield self.at("no-counts", Severity.STOP, "The description names no column of counts. Add one.")
        for position, column in enumerate(self.table.columns, start=1):
            words = f"column {position}: numbers that the description does not mention. Say what they are."
            if column not in self.spec.columns() and self.table.is_numeric(column):
                yield self.at("undeclared-column", Severity.STOP, words)
            elif column in self.spec.dimensions and self._measures(column):
                yield self.at(
                    "undeclared-column",
                    Severity.STOP,
                    "Numbers with decimals are not a dimension.",
                    column=column,
                )
        for row in self.table.ragged:
            yield self.at(
                "ragged-row", Severity.STOP, "The row is longer or shorter than the header.", row=row
            )

    def _measures(self, column: str) -> bool:
        values = [number(cell) for _, cell in self.table.cells(column)]
        return any(v is not None and not v.is_integer() for v in values)

    def _counts(self) -> Iterator[DisclosureFinding]:
        for column in self.spec.counts:
            for row, cell in self.table.cells(column):
                value = number(cell)
                if is_suppressed(cell):
                    continue
                if value is None or value < 0 or not value.is_integer():
                    words = "A count must be a whole number, or an empty cell where it is suppressed."
                    yield self.at("not-a-count", Severity.STOP, words, row=row, column=column)
                elif value == 0:
                    words = "A count of nobody. Say in the context why it could not be otherwise."
                    yield self.at("zero-count", Severity.LOOK, words, row=row, column=column)
                elif value < self.threshold:
                    words = "A count below the threshold. Merge categories or suppress it."
                    yield self.at("small-count", Severity.STOP, words, row=row, column=column)

    def _uncounted(self) -> Iterator[DisclosureFinding]:
        """A statistic that is shown where the count behind it is not."""
        shown = {
            c: {r for r, cell in self.table.cells(c) if not is_suppressed(cell)} for c in self.spec.counts
        }
        for column in dict.fromkeys([*self.spec.statistics, *self.spec.proportions]):
            behind = self.spec.counts_behind(column)
            if not set(behind) <= set(self.spec.counts):
                yield self.at(
                    "uncounted", Severity.STOP, "Its count is not a declared count column.", column=column
                )
                continue
            for row, cell in self.table.cells(column):
                if not is_suppressed(cell) and not all(row in shown[count] for count in behind):
                    words = "A number is shown where its count is suppressed. Suppress it too."
                    yield self.at("uncounted", Severity.STOP, words, row=row, column=column)

    def _parts(self) -> Iterator[DisclosureFinding]:
        """The rest of a whole is a group too: its count is the difference."""
        for part, whole in self.spec.parts.items():
            for (row, left), (_, right) in zip(self.table.cells(part), self.table.cells(whole), strict=True):
                counted, of = number(left), number(right)
                if counted is not None and of is not None and 0 < of - counted < self.threshold:
                    words = f"With {whole} it tells of a rest below the threshold. Suppress or merge."
                    yield self.at("small-rest", Severity.STOP, words, row=row, column=part)
                elif counted is not None and counted == of and counted > 0:
                    words = "Everybody of the group is in it, which tells about each of them."
                    yield self.at("full-cell", Severity.LOOK, words, row=row, column=part)

    def _full_cells(self) -> Iterator[DisclosureFinding]:
        """Shares of exactly all or none; where declared to be a share, also of all or none but a few."""
        for column in dict.fromkeys([*self.spec.proportions, *self._possible_shares()]):
            behind = [dict(self._numbers(count)) for count in self.spec.counts_behind(column)]
            values = dict(self._numbers(column))
            whole = 100.0 if any(v > 1 for v in values.values()) else 1.0
            for row, value in values.items():
                total = min((counts[row] for counts in behind if row in counts), default=0.0)
                few = round(min(value / whole, 1 - value / whole) * total)
                if total and value in (0.0, whole):
                    words = "A share of all or none tells about each of the group."
                    yield self.at("full-cell", Severity.LOOK, words, row=row, column=column)
                elif total and few < self.threshold and column in self.spec.proportions:
                    words = "The share and its count tell of a group below the threshold."
                    yield self.at("small-part", Severity.LOOK, words, row=row, column=column)

    def _possible_shares(self) -> Iterator[str]:
        # A model's p-values lie between 0 and 1 and are no shares.
        for column in () if self.spec.model else self.spec.statistics:
            values = [v for _, v in self._numbers(column)]
            if values and all(0 <= v <= 1 for v in values):
                yield column

    def _numbers(self, column: str) -> Iterator[tuple[int, float]]:
        return ((row, value) for row, cell in self.table.cells(column) if (value := number(cell)) is not None)

    def dominance(self) -> tuple[set[str], list[tuple[float, float]]]:
        """What is told of the largest contributors.

        Returns:
            the statistics for which it is not told in every row where they are shown; and, for each row where
            it is told, the share of the largest household and of the two largest together.
        """
        untold, told = set(self.spec.without_dominance()), []
        for d in self.spec.dominance:
            top1, top2 = dict(self._numbers(d.top1_share)), dict(self._numbers(d.top2_share))
            for statistic in d.of or tuple(self.spec.statistics):
                for row, cell in self.table.cells(statistic):
                    one, two = top1.get(row, math.nan), top2.get(row, math.nan)
                    if 0 <= one <= two <= 1:
                        told.append((one, two))
                    elif not is_suppressed(cell):
                        untold.add(statistic)
        return untold, told
