"""A black-box audit: what two neighbouring data sets' answers say, at the least, about the true epsilon.

It can disprove a claim and never proves one: a lower bound above the claim is a defect (promise P6).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Args:
        lower_bound: epsilon is at least this, at `confidence`.
        runs: answers drawn from each data set.
        confidence: of the bound.
    """

    lower_bound: float
    runs: int
    confidence: float

    def refutes(self, claimed: float) -> bool:
        return self.lower_bound > claimed


def audit(
    one: Callable[[], float],
    other: Callable[[], float],
    *,
    runs: int,
    confidence: float = 0.999,
    delta: float = 0.0,
) -> Audit:
    """Draw answers from two neighbouring data sets and bound epsilon from below.

    Args:
        one: each call draws one answer and returns one number of it.
        other: the same, from the neighbour.
        runs: answers from each; half choose the event, half measure it.
        confidence: of the bound.
        delta: of the claim.

    Source: Ding et al. 2018 (event search), Clopper-Pearson intervals as in Jagielski et al. 2020.
    """
    a = np.array([one() for _ in range(runs)], dtype=float)
    b = np.array([other() for _ in range(runs)], dtype=float)
    half = runs // 2
    best = max(_events(a[:half], b[:half]), key=lambda e: e[0])
    _, cut, above, swapped = best
    first, second = (b[half:], a[half:]) if swapped else (a[half:], b[half:])
    hits = [int(np.sum(x >= cut if above else x <= cut)) for x in (first, second)]
    bound = _bound(hits[0], hits[1], runs - half, confidence, delta)
    return Audit(max(bound, 0.0), runs, confidence)


def _events(a: np.ndarray, b: np.ndarray) -> Sequence[tuple[float, float, bool, bool]]:
    """Each threshold event with the bound it would give on the choosing half; far tails only mislead."""
    found = []
    for cut in np.unique(np.quantile(np.concatenate([a, b]), np.linspace(0.05, 0.95, 91))):
        for above in (True, False):
            hits = [int(np.sum(x >= cut if above else x <= cut)) for x in (a, b)]
            for swapped in (False, True):
                pair = hits[::-1] if swapped else hits
                found.append((_bound(pair[0], pair[1], len(a), 0.999, 0.0), float(cut), above, swapped))
    return found


def _bound(often: int, seldom: int, n: int, confidence: float, delta: float) -> float:
    from scipy.stats import beta  # noqa: PLC0415 - scipy is loaded late

    tail = (1 - confidence) / 2
    least = float(beta.ppf(tail, often, n - often + 1)) if often else 0.0
    most = float(beta.ppf(1 - tail, seldom + 1, n - seldom)) if seldom < n else 1.0
    return math.log((least - delta) / most) if least > delta else -math.inf
