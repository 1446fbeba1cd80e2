"""The best grouping of one variable: no other partition in groups of at least g has a smaller sum of squares.

Source: Hansen and Mukherjee (2003), A polynomial algorithm for optimal univariate microaggregation, IEEE TKDE 15(4): on
sorted values the optimum has consecutive groups of g to 2g - 1 values, a shortest path. Its cost of a group comes from
running means (Welford 1962), because differences of running sums of squares lose their digits on long columns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SLAB = 1 << 15


def optimal_groups(values: Floats, g: int) -> Ints:
    """Group of each value, 0..groups-1 from the smallest up, each of at least g values.

    Args:
        values: shape (n,), finite.
        g: the smallest group, at least 1 and at most n (n = 0 gives no group).

    Returns:
        Shape (n,). Equal values may part where that loses nothing. Time linear in n for a fixed g (the path is
        followed for g positions at a time, which depend on none of each other), memory about 40 n bytes.
    """
    n = len(values)
    if g < 1 or (n and g > n):
        message = f"A group of {g} cannot be formed from {n} values."
        raise ValueError(message)
    order = np.argsort(values, kind="stable")
    if n == 0 or g == 1:
        return np.argsort(order, kind="stable").astype(np.int64)
    sizes = _last_sizes(np.asarray(values, dtype=np.float64)[order], g)
    starts, end = np.zeros(n, dtype=np.int64), n
    while end:
        end -= int(sizes[end])
        starts[end] = 1
    groups = np.empty(n, dtype=np.int64)
    groups[order] = np.cumsum(starts) - 1
    return groups


def _last_sizes(x: Floats, g: int) -> Ints:
    """For every end 0..n on the sorted values: the size of the last group of the best partition up to it."""
    n, most = len(x), 2 * g - 1
    # best[most + i] is the smallest loss of the first i values; in front of them stands what cannot be.
    best = np.full(most + n + 1, np.inf)
    best[most] = 0.0
    sizes = np.zeros(n + 1, dtype=np.int64)
    slab = max(g, _SLAB // g * g)
    for low in range(0, n, slab):
        costs = _costs(x, low, min(low + slab, n), g)  # (ends, g): group sizes 2g - 1 down to g
        for i in range(low, min(low + slab, n), g):
            block = min(g, n - i)
            # Ends i+1..i+block; starts end - (2g - 1) .. end - g, all of them known.
            ways = sliding_window_view(best[i + 1 : i + block + g], g) + costs[i - low : i - low + block]
            choice = ways.argmin(axis=1)
            best[most + i + 1 : most + i + 1 + block] = ways[np.arange(block), choice]
            sizes[i + 1 : i + 1 + block] = most - choice
    return sizes


def _costs(x: Floats, low: int, high: int, g: int) -> Floats:
    """Sum of squares of the m values that end at each of low..high-1, m from 2g - 1 down to g (inf: too few)."""
    ends = np.arange(low, high)
    mean, squares = x[low:high].copy(), np.zeros(high - low)
    out = np.full((high - low, g), np.inf)
    for m in range(2, 2 * g):
        new = x[np.maximum(ends - m + 1, 0)]
        gap = new - mean
        mean += gap / m
        squares += gap * (new - mean)
        if m >= g:
            out[:, 2 * g - 1 - m] = np.where(ends - m + 1 >= 0, squares, np.inf)
    return out
