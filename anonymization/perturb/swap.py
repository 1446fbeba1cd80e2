"""Swapping: values change places between records that are near in rank, or between records that look alike.

Sources: Moore (1996), Controlled data swapping techniques for masking public use microdata sets, US Bureau of the
Census, for rank swapping; Dalenius and Reiss (1982) and Shlomo, Tudor and Groom (2010), Data swapping for protecting
census tables, for targeted record swapping. A swap keeps every marginal distribution exactly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def rank_swap(values: Floats, window: int, uniforms: Floats) -> Ints:
    """Partner of each record by rank swapping: record i gets the value of record partner[i].

    From the smallest value up, each record that has no partner yet gets one at random among those without one at most
    `window` ranks above (Moore 1996); the last of them may stay alone.

    Args:
        values: shape (n,), finite. Equal values are ranked by their draw.
        window: the widest distance in ranks, at least 1.
        uniforms: shape (n, t), t >= 2 draws from (0, 1) for each record: one for ties, the rest for choosing.

    Returns:
        Shape (n,): a permutation that is its own inverse. Time linear in n.
    """
    n = len(values)
    order = np.lexsort((uniforms[:, 0], values))
    taken = bytearray(n)
    partner = list(range(n))
    tries = np.ascontiguousarray(uniforms[order][:, 1:]).tolist()
    for i in range(n):
        if taken[i]:
            continue
        reach = min(window, n - 1 - i)
        j = next((k for u in tries[i] if not taken[k := i + 1 + int(u * reach)]), -1) if reach else -1
        if j < 0 and reach:  # every try hit a record that was gone: choose among those that are left
            left = [k for k in range(i + 1, i + reach + 1) if not taken[k]]
            j = left[int(tries[i][-1] * len(left))] if left else -1
        if j >= 0:
            taken[i] = taken[j] = 1
            partner[i], partner[j] = j, i
    out = np.empty(n, dtype=np.int64)
    out[order] = order[np.asarray(partner, dtype=np.int64)] if n else order
    return out


def record_swap(places: Ints, alike: Ints, targets: npt.NDArray[np.bool_], uniforms: Floats) -> Ints:
    """Partner of each record by targeted record swapping: targets change places with records alike elsewhere.

    Args:
        places: shape (n,), code of what is exchanged (an area, say).
        alike: shape (n,), code of the profile that two partners must share (household size, say).
        targets: shape (n,), who is to be swapped: the risky ones, or a random share.
        uniforms: shape (n,), draws from (0, 1): the order in which partners are looked for.

    Returns:
        Shape (n,): a permutation that is its own inverse; a record without a partner keeps its own position. Each
        profile's counts per place stay as they were.
    """
    partner = np.arange(len(places), dtype=np.int64)
    order = np.lexsort((uniforms, alike))
    for block in np.split(order, np.flatnonzero(np.diff(alike[order])) + 1) if len(order) else []:
        # Targets look first among targets, then among everybody alike, always in secret order.
        queue = [*block[targets[block]].tolist(), *block[~targets[block]].tolist()]
        wanted = int(targets[block].sum())
        free: dict[int, list[int]] = {}
        for at in reversed(queue):
            free.setdefault(int(places[at]), []).append(at)
        rank = {at: i for i, at in enumerate(queue)}
        for at in queue[:wanted]:
            here = free[int(places[at])]
            if partner[at] != at or not here:
                continue
            others = [
                (rank[stack[-1]], place) for place, stack in free.items() if stack and place != places[at]
            ]
            if not others:
                continue
            mate = free[min(others)[1]].pop()
            if here[-1] == at:
                here.pop()
            else:
                here.remove(at)
            partner[at], partner[mate] = mate, at
    return partner
