"""Counts over combinations of values, and adding them up to a coarser level.

Where most combinations occur the counts are an array with an axis for each column (neighbours are added up); where few
do they are a list of the combinations that occur. Both give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Self

import numpy as np
import numpy.typing as npt

from anonymization.risk.classes import Ints, group

#: An array of counts may have so many cells for each combination that occurs, and so many in all (4 bytes each).
_CELLS_EACH, _CELLS = 48, 1 << 25
Counts = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts of combinations.

    Args:
        shape: how many values each column has (the last one may be the sensitive column).
        dense: the counts, of that shape; or None, and then
        codes: combinations that occur, shape (c, columns), and
        counts: how often each does, shape (c,).
    """

    shape: tuple[int, ...]
    dense: Counts | None
    codes: Ints
    counts: Counts

    @classmethod
    def of(cls, codes: Ints, counts: Counts, shape: tuple[int, ...]) -> Self:
        """From distinct combinations."""
        kind = np.int32 if counts.sum() < 1 << 31 else np.int64
        counts = counts.astype(kind)
        if prod(shape) > min(_CELLS, max(_CELLS_EACH * len(codes), 1 << 12)):
            return cls(shape, None, codes, counts)
        dense = np.zeros(shape, dtype=kind)
        dense[tuple(codes[:, j] for j in range(codes.shape[1]))] = counts
        return cls(shape, dense, codes[:0], counts[:0])

    def coarser(self, axis: int, to: Ints) -> Self:
        """Values of one column joined: `to` gives each its new code, rising."""
        size = int(to[-1]) + 1
        shape = (*self.shape[:axis], size, *self.shape[axis + 1 :])
        if self.dense is not None:
            starts = np.flatnonzero(np.concatenate([[True], to[1:] != to[:-1]]))
            joined = np.add.reduceat(self.dense, starts, axis=axis, dtype=self.dense.dtype)
            return type(self)(shape, joined, self.codes, self.counts)
        codes = self.codes.copy(order="F")
        codes[:, axis] = to[codes[:, axis]]
        number, first = group(codes)
        counts = np.bincount(number, weights=self.counts, minlength=len(first))
        return type(self).of(
            np.asfortranarray(codes[first]), np.rint(counts).astype(self.counts.dtype), shape
        )

    def classes(self) -> tuple[Counts, Ints | None]:
        """Counts of all combinations as a list, and their codes; None where the place in the list is the code."""
        if self.dense is not None:
            return self.dense.ravel(), None
        return self.counts, self.codes

    def digits(self, places: Ints, column: int) -> Ints:
        """The value of one column at places of `classes`."""
        if self.dense is None:
            return np.asarray(self.codes[places, column], dtype=np.int64)
        stride = prod(self.shape[column + 1 :])
        return np.asarray((places // stride) % self.shape[column], dtype=np.int64)
