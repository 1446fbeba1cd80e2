"""Local suppression when a missing value may stand for any value.

Blanking a cell then only ever raises class sizes, so records can be treated in any order. First pass: sets of keys in
the order of their cost; every record at risk that reaches k without the keys of a set has them blanked, blanks made so
far counted in. Second pass: `anonymization.suppress.undo`. No record costs more than its cheapest sufficient set of
keys on the original values. (Samarati and Sweeney 1998 for the problem, which is NP-hard: Meyerson and Williams 2004;
the algorithm is our own.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from anonymization.risk.classes import Floats, Ints, group, matches, patterns, sizes_of_distinct
from anonymization.suppress.undo import Effort, take_back

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Blanks:
    """What to blank.

    Args:
        pattern: shape (b,), rising: the pattern of each record with a blank; a pattern occurs once for each record.
        cells: shape (b, keys): the cells of that record that are blanked.
        untried: records whose blanks the second pass did not look at because of the bounds on its effort.
    """

    pattern: Ints
    cells: Flags
    untried: int = 0


def blanks(
    codes: Ints,
    counts: Ints,
    k: int,
    costs: Floats,
    *,
    own_blank: bool = True,
    effort: Effort | None = None,
) -> Blanks:
    """The cells to blank so that every record is compatible with k, itself among them.

    Args:
        codes: distinct patterns of codes, shape (p, keys), -1 where missing; keys of infinite cost are never blanked.
        counts: records of each pattern, shape (p,).
        k: the class size to reach; the caller has seen to it that blanking all keys of finite cost reaches it.
        costs: shape (keys,).
        own_blank: every record at risk keeps a blank of its own, although the blanks of others may do for it.
        effort: bounds; the usual ones when None.
    """
    effort = effort or Effort()
    weight = counts.astype(np.float64)
    low = np.flatnonzero(sizes_of_distinct(codes, weight, weight, missing="wildcard").fk < k)
    which = np.repeat(low, counts[low])
    if len(which) == 0:
        return Blanks(which, np.zeros((0, codes.shape[1]), dtype=bool))
    safe = np.setdiff1d(np.arange(len(codes)), low, assume_unique=True)
    rows = np.concatenate([codes[which], codes[safe]])
    each = np.concatenate([np.ones(len(which)), weight[safe]])
    work = np.asfortranarray(rows.copy())
    rows = np.asfortranarray(rows)
    risky = len(which)
    _first_pass(work, rows, each, risky=risky, k=k, costs=costs, own_blank=own_blank, effort=effort)
    untried = take_back(work, rows, each, risky=risky, k=k, costs=costs, own_blank=own_blank, effort=effort)
    cells = work[: len(which)] != rows[: len(which)]
    touched = cells.any(axis=1)
    return Blanks(which[touched], cells[touched], untried)


def _first_pass(
    work: Ints,
    rows: Ints,
    counts: Floats,
    *,
    risky: int,
    k: int,
    costs: Floats,
    own_blank: bool,
    effort: Effort,
) -> None:
    """Blanks, cheapest set of keys first, in every record that this brings to k; edits `work` in place."""
    open_rows = np.arange(risky)
    number, first = group(rows)
    total = np.bincount(number, weights=counts, minlength=len(first)).astype(np.float64)
    originals = rows[first]
    now = matches(rows[:risky], originals, [total])[0]
    left = float(effort.exact_rows)
    blanked = np.zeros(risky, dtype=bool)
    for subset in subsets_by_cost(rows, costs, effort.subsets):
        query = work[open_rows]
        query[:, subset] = -1
        number, first = group(query)  # alike records are asked once
        asked = query[first]
        reach = matches(asked, originals, [total])[0]
        done_rows = np.flatnonzero(blanked)
        exact = len(done_rows) and left > 0
        if exact:
            others = work[done_rows]
            left -= sum(1 for _ in patterns(others)) * len(asked) + len(done_rows)
            reach += matches(asked, others, [np.ones(len(others))])[0]
            reach -= matches(asked, rows[done_rows], [np.ones(len(others))])[0]
        done = reach[number] >= k
        if not done.any():
            continue
        chosen = open_rows[done]
        work[chosen] = query[done]
        blanked[chosen] = True
        open_rows = open_rows[~done]
        if len(open_rows) == 0:
            return
        if left > 0 and not own_blank:
            left -= 2 * len(open_rows) + len(chosen)
            ones = np.ones(len(chosen))
            now[open_rows] += matches(work[open_rows], work[chosen], [ones])[0]
            now[open_rows] -= matches(work[open_rows], rows[chosen], [ones])[0]
            open_rows = open_rows[now[open_rows] < k]
            if len(open_rows) == 0:
                return


def subsets_by_cost(rows: Ints, costs: Floats, most: int) -> list[list[int]]:
    """Sets of keys, the cheapest first and of equal ones the one that takes most apart; the last holds all keys."""
    keys = [j for j in range(rows.shape[1]) if np.isfinite(costs[j])]
    spread = [len(np.unique(rows[:, j])) for j in range(rows.shape[1])]
    sizes = 0
    while sizes < len(keys) and sum(comb(len(keys), s) for s in range(1, sizes + 2)) <= most:
        sizes += 1
    found: list[tuple[int, ...]] = [s for size in range(1, sizes + 1) for s in combinations(keys, size)]
    chain = sorted(keys, key=lambda j: (costs[j], -spread[j]))
    found += [tuple(sorted(chain[:size])) for size in range(sizes + 1, len(keys) + 1)]

    def rank(subset: Sequence[int]) -> tuple[float, float]:
        return float(costs[list(subset)].sum()), -float(np.prod([float(spread[j]) for j in subset]))

    return [list(s) for s in sorted(found, key=rank)]
