"""The second pass of local suppression: takes back, dearest key first, every blank that nobody needs any more.

A blank of record r in key j may go when r keeps k compatible records without it, and when every record at risk that is
compatible with r only because of it keeps k as well. Fewer blanks never make more records compatible, so what may not
be taken back now never may later: at the end no single blank can be taken back.

Whole rounds are taken at once: of the blanks that could go alone, those go together that cannot hurt each other (of any
that could, only the first). Work and memory are bounded by `Effort`; what it leaves out stays blanked, which is safe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anonymization.risk.classes import Floats, Ints, matches
from anonymization.suppress.pairs import compatible_pairs

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try; beyond it blanks are chosen more crudely or stay although they need not.

    Args:
        exact_rows: in the first pass, rows compared while blanks already made are counted in; then records are
            compared with the original values only.
        pairs_at_once: compatible pairs held in memory by the second pass (about 60 bytes each).
        pairs: compatible pairs visited by the second pass in all.
        subsets: sets of keys tried; with more keys than that allows, larger sets are tried in one order only.
    """

    exact_rows: int = 20_000_000
    pairs_at_once: int = 2_000_000
    pairs: int = 300_000_000
    subsets: int = 4_096


@dataclass(slots=True)
class _State:
    """Rows at risk (first `risky` of them) and classes of all others, with blanks so far and class sizes."""

    work: Ints
    rows: Ints
    counts: Floats
    size: Floats
    risky: int
    k: int
    own_blank: bool
    left: float


def take_back(
    work: Ints,
    rows: Ints,
    counts: Floats,
    *,
    risky: int,
    k: int,
    costs: Floats,
    own_blank: bool,
    effort: Effort,
) -> int:
    """Takes blanks back in `work`, in place.

    Args:
        work: codes after the first pass, shape (n, keys): the records at risk, then the classes of all others.
        rows: the same before any blank.
        counts: shape (n,), 1 for a record at risk, its records for a class.
        risky: how many of the rows are at risk.
        k: the class size to keep.
        costs: what a blank of each key costs (infinite where it must not be blanked).
        own_blank: leave every record its last blank.
        effort: the bounds.

    Returns:
        How many records were left out because of the bounds.
    """
    blanked = np.flatnonzero((work[:risky] != rows[:risky]).any(axis=1))
    if len(blanked) == 0:
        return 0
    if own_blank and int((work[:risky] != rows[:risky]).sum()) == len(blanked):
        return 0
    size = matches(work[:risky], work, [counts])[0]
    state = _State(work, rows, counts, size, risky, k, own_blank, float(effort.pairs))
    finite = np.where(np.isfinite(costs), costs, 0.0)
    cost = (work[blanked] != rows[blanked]).astype(np.float64) @ finite
    number = np.cumsum(np.ones(len(blanked)))
    blanked = blanked[np.lexsort((number, -size[blanked], -cost))]
    keys = sorted((j for j in range(rows.shape[1]) if np.isfinite(costs[j])), key=lambda j: -costs[j])
    pairs = matches(work[blanked], work, [np.ones(len(work))])[0]
    skipped = 0
    start = 0
    while start < len(blanked):
        reach = np.cumsum(pairs[start:])
        stop = start + max(1, int(np.searchsorted(reach, effort.pairs_at_once, side="right")))
        held = float(reach[stop - start - 1])
        if held > min(state.left, 4.0 * effort.pairs_at_once):
            skipped += 1 if stop == start + 1 else stop - start
        else:
            skipped += _chunk(state, blanked[start:stop], keys)
        start = stop
    return skipped


def _chunk(state: _State, mine: Ints, keys: list[int]) -> int:
    """Takes back blanks of the records `mine`; 1 or more when the effort ran out."""
    asked, other = compatible_pairs(state.work[mine], state.work)
    state.left -= len(asked)
    one = mine[asked]
    apart = one != other
    one, other = one[apart], other[apart]
    first_of = np.full(len(state.work), np.iinfo(np.int64).max)
    first_of[mine] = np.arange(len(mine))
    for j in keys:
        one, other, enough = _one_key(state, mine, one, other, first_of, j)
        if not enough:
            return len(mine)
    return 0


def _one_key(
    state: _State, mine: Ints, one: Ints, other: Ints, priority: Ints, j: int
) -> tuple[Ints, Ints, bool]:
    """All rounds for one key; returns the pairs that are still compatible, and whether the effort lasted."""
    work, rows, k = state.work, state.rows, state.k
    n, risky = len(work), state.risky
    ready = np.zeros(n, dtype=bool)
    ready[mine] = (work[mine, j] < 0) & (rows[mine, j] >= 0)
    if state.own_blank:
        ready[mine] &= ((work[mine] < 0) & (rows[mine] >= 0)).sum(axis=1) > 1
    if not ready[mine].any():
        return one, other, True
    # Only pairs whose values differ can lose by it.
    here = ready[one] & (rows[one, j] != np.where(work[other, j] >= 0, work[other, j], rows[other, j]))
    here &= (work[other, j] >= 0) | ready[other]
    a, b = one[here], other[here]
    order = np.argsort(b, kind="stable")  # pairs come in the order of a's priority
    a, b = a[order], b[order]
    changed = False
    while True:
        state.left -= len(a)
        known = work[b, j] >= 0
        lost = np.bincount(a[known], weights=state.counts[b[known]], minlength=n).astype(np.float64)
        at_risk = known & (b < risky)
        tight = np.zeros(n, dtype=bool)
        tight[:risky] = state.size < k + 1
        ready[mine] &= state.size[mine] - lost[mine] >= k
        ready[a[at_risk & tight[b]]] = False
        keep = ready[a] & (known | ready[b])
        a, b = a[keep], b[keep]
        if state.left < 0 or not ready[mine].any():
            break
        go = ready & ~_in_the_way(state, a, b, ready, lost, priority, j)
        chosen = mine[go[mine]]
        if not len(chosen):
            break  # the first of the ready ones never has to wait; no loop may hang on that
        moved = go[a]
        gone = work[b, j] >= 0
        np.subtract.at(state.size, b[moved & gone & (b < risky)], 1.0)
        apart = moved & go[b] & ~gone
        state.size[chosen] -= lost[chosen] + np.bincount(a[apart], minlength=n)[chosen]
        work[chosen, j] = rows[chosen, j]
        ready[chosen] = False
        changed = True
        keep = ready[a]
        a, b = a[keep], b[keep]
    if changed:
        alike = (work[one, j] < 0) | (work[other, j] < 0) | (work[one, j] == work[other, j])
        one, other = one[alike], other[alike]
    return one, other, state.left >= 0


def _in_the_way(state: _State, a: Ints, b: Ints, ready: Flags, lost: Floats, priority: Ints, j: int) -> Flags:
    """Which of the ready ones must wait, so that all others can go together; the first of them never must.

    Args:
        a, b: pairs that lose each other when a goes, in the order of b and then of a's priority.
    """
    n, risky, k = len(state.work), state.risky, state.k
    out = np.zeros(n, dtype=bool)
    known = state.work[b, j] >= 0
    # A record at risk can lose as many as it has above k: the first ones that touch it.
    touching = known & (b < risky)
    mine, theirs = a[touching], b[touching]
    out[mine[_rank(theirs) >= state.size[theirs] - k]] = True
    # Two that go both stop being compatible with each other: each can bear so many of the others.
    both = ~known & ready[b]
    mine, theirs = a[both], b[both]
    bears = state.size[theirs] - lost[theirs] - k
    earlier = np.bincount(theirs[priority[mine] < priority[theirs]], minlength=n)
    crowded = earlier[theirs] > bears
    out[theirs[crowded]] = True
    out[mine[~crowded & (_rank(theirs) >= bears) & (priority[mine] > priority[theirs])]] = True
    return out


def _rank(groups: Ints) -> Ints:
    """The place of each entry among those of its group, from 0; equal entries stand together."""
    at = np.arange(len(groups))
    if len(groups) == 0:
        return at
    start = np.concatenate([[True], groups[1:] != groups[:-1]])
    return at - np.maximum.accumulate(np.where(start, at, 0))
