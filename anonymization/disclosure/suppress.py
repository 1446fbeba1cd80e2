"""Suppressing small counts of a two-way table so that its totals do not give them back.

Primary: every count of 1 to threshold-1, totals included. Secondary: greedily the smallest further count in a
line that still tells too much, until an exact audit (`audit.feasible_intervals`) finds every suppressed count
uncertain by at least the threshold. Greedy, so it may suppress more than the least possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anonymization.disclosure.audit import Equation, feasible_intervals
from anonymization.errors import Unusable

Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A two-way table with its totals as last row and last column, and what of it must not be shown.

    Args:
        counts: (rows + 1) x (columns + 1).
        primary, secondary: same shape; True where suppressed.
        widths: same shape; how uncertain an attacker is about a suppressed count, 0 where it is shown.
    """

    counts: Counts
    primary: Mask
    secondary: Mask
    widths: npt.NDArray[np.float64]

    @property
    def hidden(self) -> Mask:
        return self.primary | self.secondary

    def shown(self) -> list[list[int | None]]:
        """The table as it may be released; None is a suppressed count."""
        return [
            [None if hide else int(count) for count, hide in zip(row, mask, strict=True)]
            for row, mask in zip(self.counts, self.hidden, strict=True)
        ]


def suppress(counts: Counts, *, threshold: int) -> Suppressed:
    """Suppresses what has to be, so that each suppressed count stays uncertain by at least the threshold.

    Args:
        counts: rows x columns of non-negative whole numbers, without totals.
        threshold: smallest number of households that a number may describe.

    Raises:
        Unusable: not a table of counts.
    """
    if counts.ndim != 2 or not counts.size or (counts < 0).any():
        raise Unusable("Suppression needs a table with rows and columns of counts, none of them negative.")
    table = np.zeros((counts.shape[0] + 1, counts.shape[1] + 1), dtype=np.int64)
    table[:-1, :-1] = counts
    table[:-1, -1], table[-1, :-1], table[-1, -1] = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    primary: Mask = (table > 0) & (table < threshold)
    hidden = primary.copy()
    widths = interval_widths(table, hidden)
    while (told := hidden & (widths < threshold - 1e-6)).any():
        hidden[_next(table, hidden, told)] = True
        widths = interval_widths(table, hidden)
    return Suppressed(table, primary, hidden & ~primary, np.where(hidden, widths, 0.0))


def interval_widths(table: Counts, hidden: Mask) -> npt.NDArray[np.float64]:
    """How uncertain an attacker who knows everything shown is about each hidden count; 0 where shown.

    Args:
        table: with totals as last row and column.
        hidden: same shape.
    """
    widths = np.zeros(table.shape)
    index = np.arange(table.size).reshape(table.shape)
    equations = [_line(index[r], table[r], hidden[r]) for r in range(table.shape[0])]
    equations += [_line(index[:, c], table[:, c], hidden[:, c]) for c in range(table.shape[1])]
    for cell, (lowest, highest) in feasible_intervals(equations, index[hidden].tolist()).items():
        widths.flat[cell] = highest - lowest
    return widths


def _line(cells: Counts, values: Counts, hidden: Mask) -> Equation:
    """A row or column: its parts less its total, which comes last, are nothing."""
    signs = np.ones(len(cells), dtype=np.int64)
    signs[-1] = -1
    known = float((signs * values)[~hidden].sum())
    return Equation(dict(zip(cells[hidden].tolist(), signs[hidden].tolist(), strict=True)), -known)


def _next(table: Counts, hidden: Mask, told: Mask) -> tuple[int, int]:
    """The cheapest further count to hide: in line with one that is told, closing a rectangle where it can.

    Totals and zeros come last: totals are what people read, and a zero is often known anyway.
    """
    rows, columns = told.any(axis=1), told.any(axis=0)
    in_line = np.logical_or.outer(rows, columns) & ~hidden
    candidates = in_line if in_line.any() else ~hidden
    closes = np.logical_and.outer(hidden.any(axis=1), hidden.any(axis=0))
    cost = table.astype(np.float64) + np.where(closes, 0.0, table.max() / 4 + 1)
    cost[-1, :] += 2.0 * table.sum() + 1
    cost[:, -1] += 2.0 * table.sum() + 1
    cost += np.where(table == 0, 8.0 * table.sum() + 1, 0.0)
    at = int(np.argmin(np.where(candidates, cost, np.inf)))
    return at // table.shape[1], at % table.shape[1]
