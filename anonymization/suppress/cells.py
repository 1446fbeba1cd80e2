"""Local suppression of a whole coded table at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from anonymization.errors import Unusable
from anonymization.risk.classes import Ints, Missing, group
from anonymization.suppress.undo import Effort
from anonymization.suppress.wildcard import Blanks, blanks


def blanks_of(
    codes: Ints,
    counts: Ints,
    k: int,
    importance: Sequence[float],
    *,
    strata: Ints | None = None,
    missing: Missing = "wildcard",
    own_blank: bool = True,
    effort: Effort | None = None,
) -> Blanks:
    """The cells to blank, for distinct patterns.

    Args:
        codes: distinct patterns, shape (p, keys), -1 where missing; with `strata`, distinct together with them.
        counts: records of each, shape (p,).
        k: the class size that every record must reach.
        importance: the cost of blanking one cell of each key; cheaper keys are blanked first.
        strata: shape (p,), numbers from 0: records count only inside their own stratum.
        missing: how a blanked or missing cell counts.
        own_blank: every record at risk keeps a blank of its own (see `anonymization.suppress.wildcard`); False for
            the fewest cells. Of no consequence when a missing value is a category.
        effort: bounds on the work.

    Raises:
        Unusable: when there are fewer than k records, in all or in a stratum.
    """
    _enough(counts, k, strata)
    costs = np.asarray(importance, dtype=np.float64)
    if missing == "category":
        from anonymization.suppress.category import blanks_as_category  # noqa: PLC0415 - rarely asked for

        return blanks_as_category(codes, counts, k, costs, strata)
    if strata is None:
        return blanks(codes, counts, k, costs, own_blank=own_blank, effort=effort)
    both, prices = np.column_stack([codes, strata]), np.append(costs, np.inf)
    found = blanks(both, counts, k, prices, own_blank=own_blank, effort=effort)
    return Blanks(found.pattern, found.cells[:, :-1], found.untried)


def suppressed_cells(
    codes: Ints,
    k: int,
    importance: Sequence[float],
    *,
    strata: Ints | None = None,
    missing: Missing = "wildcard",
    own_blank: bool = True,
    effort: Effort | None = None,
) -> npt.NDArray[np.bool_]:
    """Which cells to blank, shape (records, keys); no record is dropped. Arguments as `blanks_of`, a row a record."""
    n, m = codes.shape
    out = np.zeros((n, m), dtype=bool)
    if n == 0:
        return out
    whole = codes if strata is None else np.column_stack([codes, strata])
    number, first = group(whole)
    found = blanks_of(
        codes[first],
        np.bincount(number, minlength=len(first)),
        k,
        importance,
        strata=None if strata is None else strata[first],
        missing=missing,
        own_blank=own_blank,
        effort=effort,
    )
    out[places(number, found.pattern)] = found.cells
    return out


def places(number: Ints, wanted: Ints) -> Ints:
    """A record for each entry of `wanted`: the first of its pattern, then the second, and so on.

    Args:
        number: each record's pattern, shape (records,). wanted: patterns in rising order, shape (b,).
    """
    at = np.flatnonzero(np.isin(number, wanted))
    at = at[np.argsort(number[at], kind="stable")]
    held = number[at]
    # How many of the same pattern stand before each entry.
    rank = np.arange(len(wanted)) - np.searchsorted(wanted, wanted, side="left")
    return at[np.searchsorted(held, wanted, side="left") + rank]


def _enough(counts: Ints, k: int, strata: Ints | None) -> None:
    n = int(counts.sum())
    if 0 < n < k:
        raise Unusable(
            f"There are only {n} records, fewer than the {k} that have to look alike. "
            "Add records, or release this table as a differentially private aggregate instead."
        )
    if strata is None or n == 0:
        return
    held = np.bincount(strata, weights=counts.astype(np.float64))
    small = int(((held > 0) & (held < k)).sum())
    if small:
        raise Unusable(
            f"{small} strata have fewer than the {k} records that have to look alike inside each. "
            "Join strata that are small, or leave the strata out."
        )
