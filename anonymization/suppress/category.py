"""Local suppression when a missing value is a value of its own (the stricter reading).

Blanked records must then look like k others *as they stand*, blanks included. Sets of keys in the order of their cost:
records at risk that become k alike (or join a class that has k) once the keys of a set are blanked have them blanked.
Those that are left lose all keys; when these are fewer than k, records are added to them that cost least: spare ones of
larger classes, or a whole small class. (k-anonymity as Samarati and Sweeney 1998 define it; our own algorithm.)
"""

from __future__ import annotations

import numpy as np

from anonymization.risk.classes import Floats, Ints, group
from anonymization.suppress.undo import Effort
from anonymization.suppress.wildcard import Blanks, subsets_by_cost


def blanks_as_category(
    codes: Ints, counts: Ints, k: int, costs: Floats, strata: Ints | None, effort: Effort | None = None
) -> Blanks:
    """As `anonymization.suppress.cells.blanks_of`, for `missing="category"`."""
    whole = codes if strata is None else np.column_stack([codes, strata])
    prices = costs if strata is None else np.append(costs, np.inf)
    low = np.flatnonzero(counts < k)
    which = np.concatenate([np.repeat(low, counts[low]), np.flatnonzero(counts >= k)])
    risky = int(counts[low].sum())
    held = np.concatenate([np.ones(risky, dtype=np.int64), counts[counts >= k]])
    work = np.asfortranarray(whole[which])
    open_rows = np.arange(risky)
    for subset in subsets_by_cost(whole, prices, (effort or Effort()).subsets):
        if len(open_rows) == 0:
            break
        query = work[open_rows].copy()
        query[:, subset] = -1
        settled = np.ones(len(work), dtype=bool)
        settled[open_rows] = False
        number, first = group(np.concatenate([query, work[settled]]))
        weight = np.concatenate([np.ones(len(query)), held[settled].astype(np.float64)])
        enough = np.bincount(number, weights=weight, minlength=len(first))[number[: len(query)]] >= k
        work[open_rows[enough]] = query[enough]
        open_rows = open_rows[~enough]
    if len(open_rows):
        which, work, held = _gather(which, work, held, open_rows, k=k, costs=prices)
    cells = (work != whole[which])[:, : codes.shape[1]]
    touched = np.flatnonzero(cells.any(axis=1))
    touched = np.repeat(touched, held[touched])
    touched = touched[np.argsort(which[touched], kind="stable")]
    return Blanks(which[touched], cells[touched])


def _gather(
    which: Ints, work: Ints, held: Ints, left: Ints, *, k: int, costs: Floats
) -> tuple[Ints, Ints, Ints]:
    """Blanks all keys of the records `left`, in each stratum, and of as many others as make k.

    A class that gives some of its records is split; returns patterns, codes and records of all, as they came in.
    """
    keys, fixed = np.flatnonzero(np.isfinite(costs)), np.flatnonzero(~np.isfinite(costs))
    work[np.ix_(left, keys)] = -1
    strata = np.unique(work[left][:, fixed], axis=0)
    for stratum in strata:
        while True:
            inside = np.flatnonzero((work[:, fixed] == stratum).all(axis=1))
            blank = (work[np.ix_(inside, keys)] < 0).all(axis=1)
            wanted = k - int(held[inside][blank].sum())
            if wanted <= 0:
                break
            number, first = group(work[inside])
            size = np.bincount(number, weights=held[inside], minlength=len(first)).astype(np.int64)
            price = (work[inside[first]][:, keys] >= 0).astype(np.float64) @ costs[keys]
            # A class gives what it has above k, or goes as a whole.
            gives = np.where(size > k, np.minimum(size - k, wanted), size)
            spent = price * gives / np.minimum(gives, wanted)
            spent[number[blank]] = np.inf
            chosen = int(np.argmin(spent))
            open_places = int(gives[chosen])
            for row in inside[number == chosen]:
                taken = min(open_places, int(held[row]))
                if not taken:
                    break
                open_places -= taken
                if taken < held[row]:
                    held[row] -= taken
                    which = np.append(which, which[row])
                    held = np.append(held, taken)
                    work = np.asfortranarray(np.vstack([work, work[row]]))
                    work[-1, keys] = -1
                else:
                    work[row, keys] = -1
    return which, work, held
