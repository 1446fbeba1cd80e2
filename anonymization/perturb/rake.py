"""Raking: weights that reproduce known totals of several margins.

Source: Deming and Stephan (1940), On a least squares adjustment of a sampled frequency table; Deville and Sarndal
(1992), Calibration estimators in survey sampling, of which raking is the multiplicative case. One margin gives
post-stratification.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class NoWeights(ValueError):
    """No positive factors give the totals; `margin` is the position of the margin that fails."""

    def __init__(self, margin: int) -> None:
        super().__init__(f"Margin {margin} cannot be reached.")
        self.margin = margin


def rake(
    cells: Ints, now: Floats, wanted: Sequence[Floats], *, tolerance: float = 1e-11, rounds: int = 2000
) -> Floats:
    """Factor of each cell, so that factor x weight sums to the wanted totals of each margin.

    Args:
        cells: shape (c, m), the level of each cell in each margin, from 0.
        now: shape (c,), the weight that each cell has.
        wanted: for each margin, the totals of its levels; all margins have one grand total.
        tolerance: the largest relative miss that ends the rounds.

    Returns:
        Shape (c,), above zero wherever `now` is.

    Raises:
        NoWeights: when a level with a total has no weight, or the rounds do not settle.
    """
    factors = np.ones(len(cells))
    for j, totals in enumerate(wanted):
        held = np.bincount(cells[:, j], weights=now, minlength=len(totals))
        if ((held <= 0) & (totals > 0)).any():
            raise NoWeights(j)
    worst_margin = 0
    for _ in range(rounds):
        worst = 0.0
        for j, totals in enumerate(wanted):
            held = np.bincount(cells[:, j], weights=now * factors, minlength=len(totals))
            ratio = np.divide(totals, held, out=np.ones_like(held), where=held > 0)
            miss = float(np.abs(ratio - 1).max(initial=0.0))
            if miss > worst:
                worst, worst_margin = miss, j
            factors *= ratio[cells[:, j]]
        if worst <= tolerance:
            return factors
    raise NoWeights(worst_margin)
