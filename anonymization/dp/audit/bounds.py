"""The lower bound on epsilon that counts of one event give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Claim:
    """(epsilon, delta) at which a mechanism is held to its word.

    Args:
        epsilon: loss claimed.
        delta: the approximate part.
    """

    epsilon: float
    delta: float = 0.0


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Args:
        lower_bound: epsilon, at the claim's delta, is at least this, at `confidence`.
        claim: the point of the claim that was tried; of several, the one that looked worst beforehand.
        runs: answers drawn from each data set.
        confidence: probability, at the least, that the true epsilon is not below the bound.
        event: what was looked at, in words; for the report.
        often, seldom: how often the half that measures saw it, of how many, in the data set that shows it more
            often and in the other.
    """

    lower_bound: float
    claim: Claim
    runs: int
    confidence: float
    event: str = ""
    often: tuple[int, int] = (0, 0)
    seldom: tuple[int, int] = (0, 0)

    @property
    def refuted(self) -> bool:
        return self.refutes(self.claim.epsilon)

    def refutes(self, claimed: float) -> bool:
        return self.lower_bound > claimed

    def at(self, confidence: float) -> float:
        """The bound that the same counts give at another confidence: 0.95 for people to read."""
        if not self.often[1]:
            return 0.0
        return bound(self.often, self.seldom, confidence, self.claim.delta)


def bound(often: tuple[int, int], seldom: tuple[int, int], confidence: float, delta: float) -> float:
    """`least` for one event, counts given as (seen, of how many); zero where the counts say nothing."""
    hits = np.array(often[0]), np.array(seldom[0])
    return max(float(least(*hits, often[1], seldom[1], confidence, delta)), 0.0)


def least(often: Ints, seldom: Ints, n: int, m: int, confidence: float, delta: float) -> Floats:
    """Epsilon is at least this for a mechanism that shows an event `often` of n times and `seldom` of m times.

    Minus infinity where the counts say nothing. Each of the two intervals fails with half of 1 - confidence.

    Source: Clopper and Pearson 1934; Jagielski, Ullman and Oprea 2020 for the use of it.
    """
    from scipy.stats import beta  # noqa: PLC0415 - scipy is loaded late

    tail = (1 - confidence) / 2
    often, seldom = np.asarray(often, dtype=float), np.asarray(seldom, dtype=float)
    # The tails of beta(0, .) and beta(., 0) are the ends of the unit interval.
    low = np.where(often > 0, beta.ppf(tail, np.maximum(often, 1), n - often + 1), 0.0)
    high = np.where(seldom < m, beta.isf(tail, seldom + 1, np.maximum(m - seldom, 1)), 1.0)
    out: Floats = np.full(np.broadcast(low, high).shape, -math.inf)
    np.log(np.maximum(low - delta, 1e-300) / high, out=out, where=low > delta)
    return out
