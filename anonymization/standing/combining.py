"""Sums of released noisy cells, and ratios of such sums, with ranges that hold: post-processing, which costs nothing.

Everything here looks at released numbers and public settings only (Dwork and Roth 2014, proposition 2.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

CONFIDENCE = 0.95
#: Each of two parts at this confidence: both hold together in at least 95 of 100 cases.
_EACH = (1 + CONFIDENCE) / 2

FEW = "Too few behind it for the noise: use a larger area or a larger group."
WIDE = "The noise leaves too wide a range to tell anything: use a larger area or a larger group."


@dataclass(frozen=True, slots=True)
class Noisy:
    """A sum of released cells with independent discrete Laplace noise of one scale.

    Args:
        raw: the sum as released, before it is kept inside its range; without bias.
        cells: how many cells were added up; with none it is exactly zero.
        scale: of one cell's noise, in the cells' unit.
        tick: the step in which noise is drawn, in the cells' unit (1 for a count).
    """

    raw: float
    cells: int
    scale: float
    tick: float = 1.0

    def reach(self, confidence: float = CONFIDENCE) -> float:
        """Half-width of the interval that holds the sum of the true cells, rounded up to a whole tick.

        Continuous Laplace noise is discrete Laplace noise plus independent symmetric noise (an exponential's
        whole part and its fraction are independent). A sum of discrete Laplace noises is symmetric and
        unimodal, so at a whole tick its interval holds at least as often as the continuous one (Anderson
        1955).
        """
        if not self.cells:
            return 0.0
        return math.ceil(self.scale * laplace_reach(self.cells, confidence) / self.tick) * self.tick


@dataclass(frozen=True, slots=True)
class Rules:
    """When a figure says too little; parameters of whoever publishes.

    Args:
        smallest_denominator: in the denominator's own unit.
        widest: of a ratio's interval, from its lower to its upper end (0.3 is thirty points).
        doubtful: a ratio whose interval reaches further than this from it is of low reliability, and a total
            whose interval reaches further than this part of itself.
    """

    smallest_denominator: float = 0.0
    widest: float = 1.0
    doubtful: float = 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that may be published. `value` to `high` are None where it is withheld, and `withheld` says why.

    Args:
        value, low, high: kept inside what is possible; raw: as it came, for further sums.
        denominator: of a ratio, as released.
        doubtful: published, but of low reliability.
    """

    value: float | None
    raw: float | None
    low: float | None
    high: float | None
    denominator: float | None = None
    doubtful: bool = False
    withheld: str = ""


def total(part: Noisy, rules: Rules) -> Estimate:
    """A count, or a sum of what cannot be negative."""
    reach = part.reach()
    low, high = max(part.raw - reach, 0.0), max(part.raw + reach, 0.0)
    value = max(part.raw, 0.0)
    return Estimate(value, part.raw, low, high, doubtful=reach > rules.doubtful * value)


def share(part: Noisy, rest: Noisy, rules: Rules) -> Estimate:
    """Part / (part + rest), of cells that do not overlap."""
    whole = Noisy(part.raw + rest.raw, part.cells + rest.cells, part.scale, part.tick)
    if whole.raw <= 0 or whole.raw < max(rules.smallest_denominator, 2 * whole.reach()):
        return _withheld(FEW, whole.raw)
    a, b = part.reach(_EACH), rest.reach(_EACH)
    # Rising in the part and falling in the rest, so the ends lie in the corners.
    low = _over(max(part.raw - a, 0.0), max(rest.raw + b, 0.0))
    high = _over(max(part.raw + a, 0.0), max(rest.raw - b, 0.0))
    raw = part.raw / whole.raw
    return _kept(raw, min(max(raw, 0.0), 1.0), low, high, whole.raw, rules)


def ratio(top: Noisy, bottom: Noisy, rules: Rules) -> Estimate:
    """Top / bottom of two separate releases of what cannot be negative; may be above one."""
    a, b = top.reach(_EACH), bottom.reach(_EACH)
    if bottom.raw <= 0 or bottom.raw < max(rules.smallest_denominator, 2 * b):
        return _withheld(FEW, bottom.raw)
    low = max(top.raw - a, 0.0) / (bottom.raw + b)
    high = max(top.raw + a, 0.0) / (bottom.raw - b)
    raw = top.raw / bottom.raw
    return _kept(raw, max(raw, 0.0), low, high, bottom.raw, rules)


@lru_cache(maxsize=4096)
def laplace_reach(cells: int, confidence: float = CONFIDENCE) -> float:
    """The t with P(|sum of `cells` independent Laplace(1)| <= t) = confidence.

    The sum is the difference of two Gamma(cells, 1). By partial fractions of (1 - s^2)^-cells its size is a
    mixture of Gamma(j, 1), j = 1 to `cells`, so the tail is exact (Kotz, Kozubowski and Podgorski 2001,
    section 2.3); the t is found by bisection.
    """
    if cells == 1:
        return -math.log(1 - confidence)
    low, high = 0.0, 2 * cells * -math.log(1 - confidence)
    for _ in range(60):
        middle = (low + high) / 2
        if _beyond(middle, cells) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _beyond(t: float, cells: int) -> float:
    """P(|sum of `cells` Laplace(1)| > t)."""
    import numpy as np  # noqa: PLC0415 - keeps the package light
    from scipy.special import gammaincc, gammaln  # noqa: PLC0415 - as above

    j = np.arange(1, cells + 1)
    # The weight of Gamma(j): 2 * binomial(2 m - 1 - j, m - j) / 2^(2 m - j), m the number of cells.
    log = gammaln(2 * cells - j) - gammaln(cells - j + 1) - gammaln(cells) - (2 * cells - j - 1) * math.log(2)
    return float((np.exp(log) * gammaincc(j, t)).sum())


def _over(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0 else 0.0


def _kept(raw: float, value: float, low: float, high: float, whole: float, rules: Rules) -> Estimate:
    if high - low > rules.widest:
        return _withheld(WIDE, whole)
    furthest = max(high - value, value - low)
    return Estimate(value, raw, low, high, whole, doubtful=furthest > rules.doubtful)


def _withheld(why: str, denominator: float) -> Estimate:
    return Estimate(None, None, None, None, max(denominator, 0.0), withheld=why)
