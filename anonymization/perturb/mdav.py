"""MDAV: groups of at least g alike records, and their means in place of their values.

Source: Domingo-Ferrer and Mateo-Sanz (2002), Practical data-oriented microaggregation for statistical disclosure
control, IEEE TKDE 14(1); Domingo-Ferrer and Torra (2005), Ordinal, continuous and heterogeneous k-anonymity through
microaggregation, Data Mining and Knowledge Discovery 11(2), algorithm "MDAV-generic". The published algorithm looks at
every record four times for every two groups; here the same records are found through `Leaves`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anonymization.perturb.leaves import Leaves
from anonymization.perturb.shell import Shell

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def mdav(values: Floats, g: int, *, standardise: bool = True) -> Ints:
    """Group of each record, 0..groups-1: exact MDAV of fixed size g; the last group has up to 2g - 1 records.

    Args:
        values: shape (n, d), finite, in any units.
        g: the smallest group, at least 1 and at most n (n = 0 gives no group).
        standardise: divide each variable by its standard deviation first, so that units do not matter.

    Returns:
        Shape (n,). Ties go to the earlier record. Time about n^1.5 in few dimensions, memory 24 (d + 2) n bytes.
    """
    if g < 1 or (len(values) and g > len(values)):
        message = f"A group of {g} cannot be formed from {len(values)} records."
        raise ValueError(message)
    points = standardised(values) if standardise else np.asarray(values, dtype=np.float64)
    groups = np.full(len(points), -1, dtype=np.int64)
    free = np.ones(len(points), dtype=bool)
    total, label = points.sum(axis=0), 0
    leaves, built = Leaves(points), len(points)
    shell = Shell(points, free, total / max(built, 1))

    def form(around: Floats) -> None:
        nonlocal total, label
        members, held = leaves.take_nearest(around, g)
        groups[members], free[members], total = label, False, total - held.sum(axis=0)
        label += 1

    while leaves.left >= 3 * g:
        r = points[shell.farthest(total / leaves.left)]
        form(r)
        form(leaves.farthest(r)[1])
        if leaves.left < built / 2:  # fuller leaves, and a sum without the rounding of many differences
            left, numbers = leaves.rest()
            leaves, built, total = Leaves(left, numbers), len(left), left.sum(axis=0)
        if shell.worn:
            shell = Shell(points, free, total / leaves.left)
    if leaves.left >= 2 * g:
        form(points[shell.farthest(total / leaves.left)])
    groups[groups < 0] = label
    return groups


def standardised(values: Floats) -> Floats:
    """Each variable over its standard deviation and about its mean; a constant one is all zero."""
    points = np.asarray(values, dtype=np.float64)
    if not len(points):
        return points
    spread = points.std(axis=0, ddof=1) if len(points) > 1 else np.zeros(points.shape[1])
    return np.asarray((points - points.mean(axis=0)) / np.where(spread > 0, spread, 1.0), dtype=np.float64)


def group_means(values: Floats, groups: Ints) -> Floats:
    """Each record's value replaced by the mean of its group, shape (n, d); totals stay (up to rounding).

    A mean never leaves the range of its group, not even by rounding, so it stays on their side of any cut-off.
    """
    out = np.empty_like(values, dtype=np.float64)
    if not len(values):
        return out
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) > 0])
    sizes = np.diff(np.r_[starts, len(order)])
    label = np.repeat(np.arange(len(starts)), sizes)
    for j in range(values.shape[1]):
        x = values[order, j]
        low, high = np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)
        means = np.add.reduceat(x - low[label], starts) / sizes + low
        out[order, j] = np.clip(means, low, high)[label]
    return out


def lost(values: Floats, new: Floats) -> float:
    """SSE / SST: squared movement over total squares, on standardised variables, where both values are there.

    0 where nothing moved, 1 where every value became the mean of all. Shape of both: (n, d), NaN where missing.
    """
    within = total = 0.0
    for j in range(values.shape[1]):
        both = ~(np.isnan(values[:, j]) | np.isnan(new[:, j]))
        x, y = values[both, j], new[both, j]
        spread = float(((x - x.mean()) ** 2).sum()) if len(x) else 0.0
        if spread > 0:
            within += float(((y - x) ** 2).sum()) / spread * (len(x) - 1)
            total += len(x) - 1
    return within / total if total else 0.0


def loss(values: Floats, groups: Ints) -> float:
    """`lost` when each record takes the mean of its group (the literature prints 100 times it)."""
    return lost(values, group_means(values, groups))
