"""Confidence intervals for the noise alone: of a difference and of a share of noisy numbers. No draws.

A share u / (u + v) has a Fieller interval (Fieller 1954): the values t for which (1 - t) u - t v lies no farther from
zero than noise would take it, at the confidence. That noise is a weighted sum of two, whose continuous tail is known in
closed form; whole-number noise reaches at most `slack` farther.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .noise import Noise
from .tails import CONFIDENCE, gaussian_half_width
from .terms import Mechanism

Floats = npt.NDArray[np.float64]

#: Halvings of an interval's search; 60 bring any bounds to the last bit.
_STEPS = 60
#: Where limits of a share are looked for.
_WIDEST = (-1.0, 2.0)
#: Up to this standard deviation the sum of two discrete Gaussians is added up term by term.
_SUMMED = 20.0


def two_laplace_tail(z: Floats, first: Floats, second: Floats) -> Floats:
    """P(|X + Y| > z) for independent continuous Laplace noises of two scales, `z` zero or more.

    (a^2 e^(-z/a) - b^2 e^(-z/b)) / (a^2 - b^2); for equal scales its limit, e^(-z/a) (1 + z / 2a).
    """
    large, small = np.maximum(first, second), np.minimum(first, second)
    # Nearly equal scales lose digits in the difference; the limit at the larger one is a little more.
    near = small > large * (1 - 1e-4)
    with np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore"):
        share = np.where(near, 0.5, small / np.where(large > 0, large, 1.0))
        far = np.exp(-z / large)
        beyond = np.where(share > 0, share**2 * np.exp(-z / np.where(small > 0, small, 1.0)), 0.0)
        apart = (far - beyond) / (1 - share**2)
        out = np.where(near, far * (1 + z / (2 * large)), apart)
    return np.clip(np.where(z <= 0, 1.0, out), 0.0, 1.0)


def two_gaussian_tail(z: Floats, first: Floats, second: Floats) -> Floats:
    """P(|X + Y| > z) for independent normal noises of two standard deviations, `z` zero or more."""
    spread = np.hypot(first, second) * math.sqrt(2)
    tail = np.fromiter(map(math.erfc, (z / spread).tolist()), dtype=np.float64, count=len(z))
    return np.where(z <= 0, 1.0, tail)


def slack(noise: Noise) -> float:
    """How much farther whole-number noise reaches than continuous noise of its scale, in counts or ticks.

    P(|X| >= k) is P(|L| >= k - slack) for Laplace noise L; for a Gaussian the midpoint rule gives a half, as the
    density is convex where tails are.
    """
    if noise.kind is Mechanism.GAUSSIAN:
        return 0.5
    return noise.scale * math.log(2 / (1 + math.exp(-1 / noise.scale)))


def fieller(
    numerator: Floats, denominator: Floats, noise: Noise, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Limits of a share, cell by cell; not moved inside 0 and 1, and not beyond -1 and 2.

    Args:
        numerator: noisy.
        denominator: the numerator and another noisy number together, well above their noise (the caller withholds the
            others).
        noise: of the numerator, and of that other number.
        confidence: of each interval alone.
    """
    tail = two_gaussian_tail if noise.kind is Mechanism.GAUSSIAN else two_laplace_tail
    reach = slack(noise)

    def holds(t: Floats) -> npt.NDArray[np.bool_]:
        weight, other = np.abs(1 - t), np.abs(t)
        z = np.abs(numerator - t * denominator) - (weight + other) * reach
        return tail(z, weight * noise.scale, other * noise.scale) >= 1 - confidence

    near = np.clip(numerator / denominator, *_WIDEST)
    return _last(holds, near, _WIDEST[0]), _last(holds, near, _WIDEST[1])


def _last(holds: Callable[[Floats], npt.NDArray[np.bool_]], near: Floats, end: float) -> Floats:
    """The value farthest from `near` towards `end` that holds, by halving; rounded outwards."""
    good, bad = near.copy(), np.full_like(near, end)
    for _ in range(_STEPS):
        middle = (good + bad) / 2
        kept = holds(middle)
        good, bad = np.where(kept, middle, good), np.where(kept, bad, middle)
    return np.where(holds(np.full_like(near, end)), end, bad)


def of_difference(
    first: tuple[Floats, Floats, Floats], second: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats]:
    """Limits of first less second, from estimate and limits of each (MOVER: Newcombe 1998, Zou and Donner 2008).

    The errors of the two are added as root of squares; with the long tails of Laplace noise, where the sum of two is
    nearer to normal than each alone, that is no narrower than it should be.
    """
    (one, low, high), (other, other_low, other_high) = first, second
    apart = one - other
    return apart - np.hypot(one - low, other_high - other), apart + np.hypot(high - one, other - other_low)


def difference_half_width(noise: Noise, confidence: float = CONFIDENCE) -> int:
    """A whole t with P(|X - Y| <= t) >= confidence for two draws of one noise; also of their sum."""
    if noise.kind is Mechanism.GAUSSIAN:
        return _two_gaussians(noise.scale, confidence)
    return _two_laplaces(noise.scale, confidence)


@lru_cache(maxsize=1024)
def _two_laplaces(scale: float, confidence: float) -> int:
    """The smallest such t; exact, from P(X - Y = k) = ((1-p)/(1+p))^2 p^k (k + (1+p^2)/(1-p^2)), k zero or more."""
    p = math.exp(-1 / scale)
    front = (math.expm1(-1 / scale) / (1 + p)) ** 2

    def outside(t: int) -> float:
        first, gap = t + 1, -math.expm1(-1 / scale)
        runs = p**first * (first * gap + p) / gap**2 + p**first / gap * (1 + p * p) / (1 - p * p)
        return 2 * front * runs

    low, high = -1, max(math.ceil(scale * 8), 2)
    while outside(high) > 1 - confidence:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if outside(middle) <= 1 - confidence else (middle, high)
    return high


@lru_cache(maxsize=1024)
def _two_gaussians(scale: float, confidence: float) -> int:
    """The smallest such t up to a scale of 20; beyond it the sum is itself a discrete Gaussian to 15 digits."""
    if scale > _SUMMED:
        return gaussian_half_width(scale * math.sqrt(2), confidence)
    reach = math.ceil(40 * scale) + 1
    each = np.exp(-((np.arange(-reach, reach + 1) / scale) ** 2) / 2)
    both = np.convolve(each / each.sum(), (each / each.sum())[::-1])
    middle = 2 * reach
    held, t = float(both[middle]), 0
    while held < confidence:
        t += 1
        held += 2 * float(both[middle + t])
    return t
