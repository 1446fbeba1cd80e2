"""How far noise reaches: half-widths of intervals, from the exact distributions of whole-number noise. No draws."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95

#: Up to this standard deviation a discrete Gaussian's tail is summed term by term; beyond it the continuous bound is
#: less than one whole number away.
_SUMMED = 1_000.0


def laplace_half_width(scale: float, confidence: float = CONFIDENCE) -> int:
    """The smallest whole t with P(|noise| <= t) >= confidence, for discrete Laplace noise of that scale.

    P(|X| > t) = 2 p^(t+1) / (1 + p) with p = exp(-1 / scale) (Ghosh, Roughgarden and Sundararajan 2012).
    """
    p = math.exp(-1 / scale)
    tail = (1 - confidence) * (1 + p) / 2
    return max(math.ceil(-math.log(tail) * scale - 1 - 1e-9), 0)


@lru_cache(maxsize=1024)
def gaussian_half_width(scale: float, confidence: float = CONFIDENCE) -> int:
    """A whole t with P(|noise| <= t) >= confidence, for discrete Gaussian noise of that scale.

    The smallest one up to a scale of 1000, and at most one more than it beyond: there P(X >= m) is bounded by the
    continuous P(Z >= m - 1) (Canonne, Kamath and Steinke 2020, proposition 25).
    """
    if scale > _SUMMED:
        return math.ceil(NormalDist().inv_cdf((1 + confidence) / 2) * scale)
    half = [math.exp(-((k / scale) ** 2) / 2) for k in range(math.ceil(40 * scale) + 2)]
    whole = half[0] + 2 * math.fsum(half[1:])
    outside, t = 0.0, len(half) - 1
    while t > 0 and outside + 2 * half[t] <= (1 - confidence) * whole:
        outside += 2 * half[t]
        t -= 1
    return t
