"""Local suppression: the fewest and least important cells to blank so that every record is k-anonymous.

Under the wildcard reading a blanked cell can only raise everybody's class size, so blanking in rounds is
safe, and a
second pass may take back what other blanks have made unnecessary. (Samarati and Sweeney 1998; our own
algorithm.)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from anonymization.errors import Unusable
from anonymization.risk.classes import Floats, Ints, group, matches, sizes_of_codes

#: The second pass compares each blanked record with every class; beyond this many comparisons it is left out.
_SECOND_PASS = 4_000_000_000


def suppressed_cells(codes: Ints, k: int, importance: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Which cells to blank, shape (records, keys). Never a whole record unless all its keys must go.

    Args:
        codes: coded key variables, -1 where missing already; shape (records, keys).
        k: the class size that every record must reach, a missing value standing for any value.
        importance: the cost of blanking one cell of each key; cheaper keys are blanked first.

    Raises:
        Unusable: when there are fewer than k records.
    """
    n, m = codes.shape
    blank = np.zeros((n, m), dtype=bool)
    if n == 0:
        return blank
    if n < k:
        raise Unusable(
            f"There are only {n} records, fewer than the {k} that have to look alike. "
            "Add records, or release this table as a differentially private aggregate instead."
        )
    ones = np.ones(n)
    fk = sizes_of_codes(codes, ones, missing="wildcard").fk
    low = np.flatnonzero(fk < k)
    if len(low) == 0:
        return blank
    kept = np.setdiff1d(np.arange(n), low, assume_unique=True)
    number, first = group(codes[kept])
    # Records at risk one by one, all others as classes with their counts.
    rows = np.concatenate([codes[low], codes[kept][first]])
    counts = np.concatenate([np.ones(len(low)), np.bincount(number, minlength=len(first)).astype(np.float64)])
    costs = np.asarray(importance, dtype=np.float64)
    work = rows.copy()
    _first_pass(work, counts, len(low), k, costs)
    if int((work[: len(low)] != rows[: len(low)]).any(axis=1).sum()) * len(rows) * m <= _SECOND_PASS:
        _second_pass(work, rows, counts, risky=len(low), k=k, costs=costs)
    blank[low] = work[: len(low)] != rows[: len(low)]
    return blank


def _first_pass(work: Ints, counts: Floats, risky: int, k: int, costs: Floats) -> None:
    """Blanks, cheapest set of keys first, in every record that this brings to k; edits `work` in place."""
    m = work.shape[1]
    spread = [len(np.unique(work[:, j])) for j in range(m)]
    subsets = sorted(
        (s for size in range(1, m + 1) for s in combinations(range(m), size)),
        key=lambda s: (costs[list(s)].sum(), -np.prod([spread[j] for j in s])),
    )
    open_rows = np.arange(risky)
    for subset in subsets:
        if len(open_rows) == 0:
            return
        query = work[open_rows]
        query[:, list(subset)] = -1
        # Alike records are asked once.
        number, first = group(query)
        reach = matches(query[first], work, [counts])[0][number]
        done = reach >= k
        if not done.any():
            continue
        work[open_rows[done]] = query[done]
        open_rows = open_rows[~done]
        if len(open_rows):
            number, first = group(work[open_rows])
            now = matches(work[open_rows][first], work, [counts])[0][number]
            open_rows = open_rows[now < k]


def _second_pass(work: Ints, rows: Ints, counts: Floats, *, risky: int, k: int, costs: Floats) -> None:
    """Takes back, dearest first, every blank that nobody needs any more; edits `work` in place."""
    m = work.shape[1]
    number, first = group(work)
    size = matches(work[first], work, [counts])[0][number]
    cells = [(j, i) for j in range(m) for i in np.flatnonzero(work[:risky, j] != rows[:risky, j])]
    cells.sort(key=lambda cell: (-costs[cell[0]], -size[cell[1]]))
    columns = [np.ascontiguousarray(work[:, j]) for j in range(m)]
    for j, i in cells:
        alike = np.ones(len(work), dtype=bool)
        for other in range(m):
            value = columns[other][i]
            if other != j and value >= 0:
                alike &= (columns[other] == value) | (columns[other] < 0)
        lost = alike & (columns[j] != rows[i, j]) & (columns[j] >= 0)
        if size[i] - counts[lost].sum() >= k and (size[lost] - 1 >= k).all():
            size[i] -= counts[lost].sum()
            size[lost] -= 1
            columns[j][i] = rows[i, j]
    for j in range(m):
        work[:, j] = columns[j]
