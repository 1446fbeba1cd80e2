"""What the totals of a result table give away about its suppressed cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from anonymization.disclosure.audit import CannotAudit, Equation, feasible_intervals
from anonymization.disclosure.model import DisclosureFinding, Severity
from anonymization.disclosure.spec import TOTALS
from anonymization.disclosure.tables import ResultTable, TableCheck, is_suppressed, number

#: (row of the total, rows that it adds up), all from 0.
Sum = tuple[int, tuple[int, ...]]


def sums(table: ResultTable, dimensions: tuple[str, ...], labels: tuple[str, ...]) -> Iterator[Sum]:
    """Which rows are totals of which: they differ in one dimension, where the total says so."""
    at = [table.columns.index(d) for d in dimensions]
    said = {label.lower() for label in labels}
    for position in range(len(at)):
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for row, cells in enumerate(table.rows):
            rest = tuple(cells[a].strip().lower() for i, a in enumerate(at) if i != position)
            groups[rest].append(row)
        for rows in groups.values():
            totals = [r for r in rows if table.rows[r][at[position]].strip().lower() in said]
            parts = tuple(r for r in rows if r not in totals)
            if len(totals) == 1 and parts:
                yield totals[0], parts


def total_findings(check: TableCheck) -> list[DisclosureFinding]:
    """Suppressed counts that the totals tell too closely, and totals that tell of a group that is not shown.

    A suppressed count counts as told when its feasible interval is narrower than the threshold.
    """
    table, spec = check.table, check.spec
    dimensions = tuple(
        c
        for c in table.columns
        if c in spec.dimensions or (c not in spec.columns() and not table.is_numeric(c))
    )
    lines = list(sums(table, dimensions, (*TOTALS, *spec.total_labels)))
    found: list[DisclosureFinding] = []
    for column in spec.counts:
        cells = [cell for _, cell in table.cells(column)]
        hidden = [row for row, cell in enumerate(cells) if is_suppressed(cell)]
        equations, rests = [], []
        for total, parts in lines:
            unknown = {row: 1 for row in parts if row in hidden} | ({total: -1} if total in hidden else {})
            known = (number(cells[total]) or 0.0) - sum(number(cells[row]) or 0.0 for row in parts)
            if unknown:
                equations.append(Equation(unknown, known))
            elif 0 < known < check.threshold:
                rests.append(total)
        found += [_rest(check, row, column) for row in rests]
        found += [_told(check, row, column) for row in _recoverable(equations, hidden, check.threshold)]
    return found


def _recoverable(equations: list[Equation], hidden: list[int], threshold: int) -> list[int]:
    """Suppressed rows that are told; all of them where that cannot be worked out."""
    try:
        intervals = feasible_intervals(equations, hidden)
    except CannotAudit:
        return hidden
    return [row for row, (lowest, highest) in intervals.items() if highest - lowest < threshold - 1e-6]


def _told(check: TableCheck, row: int, column: str) -> DisclosureFinding:
    words = (
        "The totals tell this suppressed count. Suppress another in the same line, or leave the totals out."
    )
    return check.at("recoverable-cell", Severity.STOP, words, row=row + 1, column=column)


def _rest(check: TableCheck, row: int, column: str) -> DisclosureFinding:
    words = "The total tells of a group below the threshold that has no row. Merge it into another group."
    return check.at("recoverable-cell", Severity.STOP, words, row=row + 1, column=column)
