"""What every class of a generalised table must have: k records, l sensitive values, sensitive values as everywhere.

Classes that do not are suppressed. Sources: Samarati and Sweeney (1998), Machanavajjhala et al. (2007), Li, Li and
Venkatasubramanian (2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from anonymization.lattice.cells import Cells, Counts
from anonymization.risk.classes import Floats, Ints, group

_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is asked of a class.

    Args:
        k: records in a class.
        l: distinct sensitive values in a class, missing ones not counted; 1 asks for nothing.
        t: the largest distance of a class's sensitive values from those of the whole table; 1 asks for nothing.
        distance: "equal", half the sum of the differences of the shares; "ordered", earth mover's distance over the
            order of the values (numbers by size), scaled to [0, 1].
    """

    k: int
    l: int = 1  # noqa: E741 - the field's own letter
    t: float = 1.0
    distance: Literal["equal", "ordered"] = "equal"

    @property
    def sensitive(self) -> bool:
        return self.l > 1 or self.t < 1


@dataclass(frozen=True, slots=True)
class Judged:
    """The classes of one node: `sizes` of all, of which `failing` (places) do not meet the criteria.

    Args:
        cells: counts over the generalised columns alone.
        sizes: shape (classes,); a class of size 0 is none.
    """

    cells: Cells
    sizes: Counts
    failing: Ints

    @property
    def suppressed(self) -> int:
        return int(self.sizes[self.failing].sum())

    @property
    def classes(self) -> int:
        """How many classes stay."""
        return int(np.count_nonzero(self.sizes)) - len(self.failing)

    @property
    def smallest(self) -> int:
        """The smallest class that stays; 0 when none does."""
        kept = self.sizes.copy()
        kept[self.failing] = 0
        kept = kept[kept > 0]
        return int(kept.min()) if len(kept) else 0

    @property
    def squares(self) -> float:
        """The sum of the squared sizes of the classes that stay."""
        sizes = self.sizes.astype(np.float64)
        failing = sizes[self.failing]
        return float(sizes @ sizes - failing @ failing)


@dataclass(frozen=True, slots=True)
class Sensitive:
    """The sensitive column: shares of its values in the whole table, shape (values,); code of a missing one or -1."""

    overall: Floats
    missing: int = -1


def judge(cells: Cells, criteria: Criteria, sensitive: Sensitive | None) -> Judged:
    """Which classes of a node fail. With a sensitive column it is the last of `cells`."""
    if sensitive is None:
        sizes, _ = cells.classes()
        # 0 wraps round to the largest number: no class, so nothing fails.
        if sizes.dtype == np.int32:
            below = sizes.view(np.uint32) - np.uint32(1) < np.uint32(criteria.k - 1)
        else:
            below = sizes.view(np.uint64) - np.uint64(1) < np.uint64(criteria.k - 1)
        return Judged(cells, sizes, np.flatnonzero(below))
    values = len(sensitive.overall)
    if cells.dense is not None:
        table = cells.dense.reshape(-1, values)
        sizes = table.sum(axis=1, dtype=cells.dense.dtype)
        own = Cells(cells.shape[:-1], sizes.reshape(cells.shape[:-1]), cells.codes, cells.counts)
        member = None
    else:
        member, first = group(cells.codes[:, :-1])
        sizes = np.rint(np.bincount(member, weights=cells.counts, minlength=len(first))).astype(
            cells.counts.dtype
        )
        own = Cells(cells.shape[:-1], None, np.asfortranarray(cells.codes[first][:, :-1]), sizes)
    failing = (sizes > 0) & (sizes < criteria.k)
    large = np.flatnonzero(sizes >= criteria.k)
    step = max(1, _AT_ONCE // values)
    for start in range(0, len(large), step):
        some = large[start : start + step]
        if member is None:
            counts = table[some]
        else:
            place = np.full(len(sizes), -1, dtype=np.int64)
            place[some] = np.arange(len(some))
            here = place[member] >= 0
            counts = np.zeros((len(some), values), dtype=cells.counts.dtype)
            counts[place[member[here]], cells.codes[here, -1]] = cells.counts[here]
        failing[some] = _lacking(counts, criteria, sensitive)
    return Judged(own, sizes, np.flatnonzero(failing))


def _lacking(counts: Counts, criteria: Criteria, sensitive: Sensitive) -> npt.NDArray[np.bool_]:
    """Classes, shape (c, values), without enough distinct values or too far from the table."""
    out = np.zeros(len(counts), dtype=bool)
    if criteria.l > 1:
        shown = counts > 0
        if sensitive.missing >= 0:
            shown[:, sensitive.missing] = False
        out |= shown.sum(axis=1) < criteria.l
    if criteria.t < 1:
        apart = counts / counts.sum(axis=1, keepdims=True) - sensitive.overall
        if criteria.distance == "equal":
            far = np.abs(apart).sum(axis=1) / 2
        else:
            far = np.abs(np.cumsum(apart, axis=1)).sum(axis=1) / max(counts.shape[1] - 1, 1)
        out |= far > criteria.t + 1e-12
    return out
