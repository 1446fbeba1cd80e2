"""A generalisation hierarchy: for every value of a column what stands for it at each level, exact first.

Leaves are put in such an order that the leaves of one value of any level stand together; levels are then runs, and a
table is coarsened by adding up neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from anonymization.errors import Unusable
from anonymization.risk.classes import Floats, Ints


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The levels of one column.

    Args:
        name: the column.
        labels: for each level the text of its values, in the order of their codes.
        codes: shape (levels, leaves), rising along the leaves: the code of each leaf's value at each level.
        numbers: shape (leaves,), the leaves as numbers, NaN where they are none.
        edges: for each level the edges between its bands, where it was made from edges.
    """

    name: str
    labels: tuple[tuple[str, ...], ...]
    codes: Ints
    numbers: Floats
    edges: tuple[tuple[float, ...] | None, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        rows: Sequence[Sequence[str]],
        edges: Sequence[Sequence[float] | None] = (),
        numbers: Floats | None = None,
    ) -> Self:
        """From one row a value, its texts from exact to coarsest.

        `numbers` are the values as numbers, shape (rows,), where their texts do not say it.

        Raises:
            Unusable: no rows, rows of different length, a value twice, or a value of a level whose leaves part at a
                coarser one. Rows are named by number, never by what stands in them.
        """
        if not rows or not rows[0]:
            raise Unusable(f"The hierarchy of {name} is empty. Give one row for each value of the column.")
        height = len(rows[0])
        for number, row in enumerate(rows, start=1):
            if len(row) != height:
                raise Unusable(
                    f"Row {number} of the hierarchy of {name} has {len(row)} levels and row 1 has {height}. "
                    "Give every value the same number of levels."
                )
        first = [
            pd.factorize(np.array([row[level] for row in rows], dtype=object))[0] for level in range(height)
        ]
        _one_row_each(name, first[0])
        for level in range(height - 1):
            _together(name, first[level], first[level + 1], level)
        order = np.lexsort(first)  # the coarsest level decides first
        codes = np.empty((height, len(rows)), dtype=np.int64)
        labels = []
        for level in range(height):
            ordered = first[level][order]
            steps = np.concatenate([[False], ordered[1:] != ordered[:-1]])
            codes[level] = np.cumsum(steps)
            starts = np.flatnonzero(np.concatenate([[True], steps[1:]]))
            labels.append(tuple(str(rows[order[i]][level]) for i in starts))
        if numbers is None:
            texts = pd.Series([row[0] for row in rows], dtype=object)
            numbers = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)
        kept = tuple(None if e is None else tuple(float(x) for x in e) for e in edges)
        return cls(name, tuple(labels), codes, numbers[order], kept)

    @property
    def height(self) -> int:
        """How many levels there are, the exact one among them."""
        return len(self.codes)

    @property
    def leaves(self) -> int:
        return int(self.codes.shape[1])

    def size(self, level: int) -> int:
        """How many values the level has."""
        return len(self.labels[level])

    def share(self, level: int) -> Floats:
        """The share of all leaves that each value of the level takes in, shape (size,)."""
        return np.bincount(self.codes[level], minlength=self.size(level)) / self.leaves

    def steps(self, finer: int, coarser: int) -> Ints:
        """The code at the coarser level of each value of the finer one, shape (size of the finer,); rising."""
        out = np.zeros(self.size(finer), dtype=np.int64)
        out[self.codes[finer]] = self.codes[coarser]
        return out

    def keeps(self, level: int, cutoff: float) -> bool:
        """Whether no value of the level mixes leaves below `cutoff` with leaves at or above it.

        A level that was made from edges keeps a cut-off when it is one of them. A value whose leaves are no numbers
        mixes nothing when it stands for one leaf alone.
        """
        if level == 0:
            return True
        if self.edges and self.edges[level] is not None:
            return any(abs(e - cutoff) < 1e-9 for e in self.edges[level] or ())
        size = self.size(level)
        code = self.codes[level]
        below = np.bincount(code[self.numbers < cutoff], minlength=size) > 0
        above = np.bincount(code[self.numbers >= cutoff], minlength=size) > 0
        unknown = np.bincount(code[np.isnan(self.numbers)], minlength=size) > 0
        return not (below & above).any() and not (unknown & (below | above)).any()


def _one_row_each(name: str, leaf: Ints) -> None:
    _, first = np.unique(leaf, return_index=True)
    again = np.setdiff1d(np.arange(len(leaf)), first)
    if len(again):
        earlier = int(np.flatnonzero(leaf == leaf[again[0]])[0])
        raise Unusable(
            f"Rows {earlier + 1} and {int(again[0]) + 1} of the hierarchy of {name} are about the same value. "
            "Give one row for each value."
        )


def _together(name: str, finer: Ints, coarser: Ints, level: int) -> None:
    _, first = np.unique(finer, return_index=True)
    expected = coarser[first][finer]
    wrong = np.flatnonzero(expected != coarser)
    if len(wrong):
        row = int(wrong[0])
        earlier = int(np.flatnonzero(finer == finer[row])[0])
        raise Unusable(
            f"Rows {earlier + 1} and {row + 1} of the hierarchy of {name} have the same value at level {level} and "
            f"different ones at level {level + 1}. A coarser level may only join what a finer one tells apart."
        )
