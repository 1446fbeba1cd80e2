"""Which records are compatible with which, as a list of pairs: the join behind taking back blanks."""

from __future__ import annotations

import numpy as np

from anonymization.risk.classes import Ints, meetings


def compatible_pairs(queries: Ints, codes: Ints) -> tuple[Ints, Ints]:
    """All (query, row) that are compatible, a missing value (-1) standing for any value; in the order of the queries.

    Args:
        queries: shape (q, keys); codes: shape (n, keys), in the same coding.

    Returns:
        Two arrays of the same length, positions in `queries` and in `codes`. Memory: 16 bytes a pair, so count them
        first with `matches(queries, codes, [np.ones(n)])`.
    """
    left: list[Ints] = []
    right: list[Ints] = []
    for asked, rows, numbers, size in meetings(queries, codes):
        mine, theirs = numbers[: len(asked)], numbers[len(asked) :]
        order = np.argsort(theirs, kind="stable")
        held = np.bincount(theirs, minlength=size)
        starts = np.cumsum(held) - held
        times = held[mine]
        total = int(times.sum())
        if not total:
            continue
        within = np.arange(total) - np.repeat(np.cumsum(times) - times, times)
        left.append(np.repeat(asked, times))
        right.append(rows[order[np.repeat(starts[mine], times) + within]])
    if not left:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    one, other = np.concatenate(left), np.concatenate(right)
    if len(left) > 1:
        order = np.argsort(one, kind="stable")
        one, other = one[order], other[order]
    return one, other
