"""A mean from two sums whose noise is shared: how far values lie above the lower bound, and how far below the upper.

A contribution adds its distance to the lower bound to one sum and its distance to the upper bound to the other. The two
distances always add up to the width of the bounds, so one household moves both sums together by no more than it could
move one. Their total, over the width, is the number of contributions; the first over the total is the mean's place
between the bounds. With Laplace noise that halves the variance of halving the price between a sum and a count; with
Gaussian noise it is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .intervals import difference_half_width

if TYPE_CHECKING:
    from .aggregate import Exact, Grain
    from .noise import Noise

#: Sums of each cell.
SIDES = 2


def width(grain: Grain) -> int:
    """How far the bounds lie apart, in ticks: what one contribution adds to both sums together."""
    return grain.high - grain.low


def sides(grain: Grain, behind: Exact) -> npt.NDArray[np.int64]:
    """The two sums of each cell, in ticks times whole parts; shape (cells * 2,), a cell's together. Private."""
    above = behind.sums - grain.low * behind.counts
    below = grain.high * behind.counts - behind.sums
    return np.stack([above, below], axis=1).ravel()


def contributions(grain: Grain, noisy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How many contributions, in whole parts, noisy sums of shape (cells, 2) stand for; not a whole number."""
    out: npt.NDArray[np.float64] = noisy.sum(axis=1) / width(grain)
    return out


def count_half_width(grain: Grain, noise: Noise, confidence: float) -> float:
    """How far noise moves `contributions`, in whole parts, at that confidence."""
    return difference_half_width(noise, confidence) / width(grain)
