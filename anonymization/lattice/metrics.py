"""What a generalised table has lost: the smaller the better.

**Loss** (Iyengar 2002, in the variant of ARX). A record's cell loses the share of the column's leaves that its value
takes in, a suppressed record's cell loses 1. The sum over the records is scaled between that of the exact table and
that of a table of nothing:

    loss_j = max(0, (sum - g n / m_j) / (n - g n / m_j)),    sum = g * shares of kept cells + cost of suppressed ones

with n records, m_j leaves in the hierarchy of column j (all of its rows count, whether or not they occur), and for a
balance b in [0, 1] between generalising and suppressing g = min(1, 2 - 2 b), s = min(1, 2 b), a suppressed cell of
share p costing p + s (1 - p). At b = 0.5 both are 1. Columns are put together by the geometric mean of 1 + loss_j, less
1, so that a loss of 0 in one column does not hide the others:

    loss = prod (1 + loss_j) ** (w_j / sum w) - 1

With equal weights this is ARX's number (its first published example gives 4 ** (1/3) - 1 = 0.5874010520). Weights: ARX
multiplies 1 + loss_j by them, which changes every node by the same factor and so never the choice; here they are
exponents, so that a heavier column is spared.

**Average class size** (LeFevre, DeWitt and Ramakrishnan 2006, not scaled by k): records per class, all suppressed
records together being one more class. **Discernibility** (Bayardo and Agrawal 2005): each record costs the size of
its class, a suppressed one n. **Precision** (Sweeney 2002, as a loss): how high in its hierarchy a cell stands, from 0
to 1, a suppressed one 1; the weighted mean over the columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from anonymization.lattice.criteria import Judged
from anonymization.lattice.hierarchy import Hierarchy
from anonymization.risk.classes import Floats

Name = Literal["loss", "average_class_size", "discernibility", "precision"]
NAMES: tuple[Name, ...] = ("loss", "average_class_size", "discernibility", "precision")


@dataclass(frozen=True, slots=True)
class Metric:
    """Which loss is made smallest.

    Args:
        name: see the module.
        weights: of columns, for loss and precision; 1 where not given.
        balance: of loss, from 0 (suppressing costs nothing beyond generalising) to 1 (generalising costs nothing).
    """

    name: Name = "loss"
    weights: Mapping[str, float] = field(default_factory=dict)
    balance: float = 0.5


class Measure:
    """A metric made ready for one table: `of` gives a node's loss, and each column's for "loss" (else none)."""

    def __init__(
        self, metric: Metric, hierarchies: Sequence[Hierarchy], held: Sequence[Floats], n: int
    ) -> None:
        """Takes the columns' hierarchies, for each the records of each leaf, shape (leaves,), and all records."""
        self.metric, self.n = metric, n
        self.heights = np.array([max(h.height - 1, 1) for h in hierarchies], dtype=np.float64)
        weight = np.array([float(metric.weights.get(h.name, 1.0)) for h in hierarchies])
        self.weight = weight / weight.sum()
        self.generalised = min(1.0, 2.0 - 2.0 * metric.balance)
        self.suppressed = min(1.0, 2.0 * metric.balance)
        self.leaves = np.array([h.leaves for h in hierarchies], dtype=np.float64)
        self.shares = [[h.share(level) for level in range(h.height)] for h in hierarchies]
        self.sums = [
            [float(held[j] @ h.share(level)[h.codes[level]]) for level in range(h.height)]
            for j, h in enumerate(hierarchies)
        ]

    def of(self, levels: Sequence[int], judged: Judged) -> tuple[float, tuple[float, ...]]:
        """Args: levels: of the node, in the order of the hierarchies; judged: its classes."""
        gone = judged.suppressed
        if self.metric.name == "discernibility":
            return judged.squares + float(self.n) * gone, ()
        if self.metric.name == "average_class_size":
            return self.n / max(judged.classes + (gone > 0), 1), ()
        if self.metric.name == "precision":
            kept = (self.n - gone) / self.n * np.asarray(levels) / self.heights
            return float(((kept + gone / self.n) * self.weight).sum()), ()
        parts = self._losses(levels, judged)
        return float(np.exp((np.log1p(parts) * self.weight).sum()) - 1.0), tuple(float(p) for p in parts)

    def _losses(self, levels: Sequence[int], judged: Judged) -> Floats:
        lost = judged.sizes[judged.failing].astype(np.float64)
        gone = float(lost.sum())
        out = np.zeros(len(levels))
        for j, level in enumerate(levels):
            outside = 0.0
            if len(lost):
                outside = float(lost @ self.shares[j][level][judged.cells.digits(judged.failing, j)])
            whole = (
                self.generalised * (self.sums[j][level] - outside)
                + outside
                + self.suppressed * (gone - outside)
            )
            least = self.generalised * self.n / self.leaves[j]
            out[j] = max(0.0, (whole - least) / (self.n - least)) if self.n > least else 0.0
        return out
