"""Record linkage on numeric keys: how many protected records lead back to the record that they were made from.

Sources: Domingo-Ferrer and Torra (2001), A quantitative comparison of disclosure control methods for microdata, for
distance-based linkage and interval disclosure; Mateo-Sanz, Sebé and Domingo-Ferrer (2004), Outlier protection in
continuous microdata masking, for intervals by standard deviation; Muralidhar and Domingo-Ferrer (2016), Rank-based
record linkage for re-identification risk assessment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from anonymization.errors import Unusable
from anonymization.files import numbers
from anonymization.risk.classes import Floats, Ints, group, patterns

Scale = Literal["distance", "rank"]
_TIE = 1e-9  # distances closer than this, relatively, are the same distance


def linkage_risk(
    original: pd.DataFrame, protected: pd.DataFrame, keys: Sequence[str], *, scale: Scale = "distance"
) -> Floats:
    """For each protected record the chance that its nearest original record is its own. Shape (records,).

    The attacker holds the originals and links each protected record to the nearest; among equally near ones any is as
    likely, so a tie of t counts 1/t. The mean is the share linked correctly. With `protected` the same as `original`
    it is the share that could be told apart by these values at all.

    Args:
        original, protected: the same records in the same order (the index is ignored).
        keys: numeric columns that both have.
        scale: "distance" compares values over their standard deviation in the original; "rank" compares ranks (each
            file's own), which no monotone change of the values can hide behind.

    A key that is missing in a protected record is left out of its comparison (with all missing the chance is 1/n); an
    original record without one of the compared keys is never the nearest, so its own record is not linked.

    Raises:
        Unusable: another number of records, an absent column, a column that does not hold numbers, infinite values.
    """
    mine, theirs = _both(original, protected, keys)
    if scale == "rank":
        mine, theirs = _ranks(mine), _ranks(theirs)
    n = len(mine)
    out = np.zeros(n)
    spread = np.array([_deviation(mine[:, j]) for j in range(mine.shape[1])])
    mine, theirs = mine / spread, theirs / spread
    known = np.where(np.isnan(theirs), -1, 0).astype(np.int64)
    for rows, there in patterns(known):
        if len(there) == 0:
            out[rows] = 1 / n
            continue
        able = np.flatnonzero(~np.isnan(mine[:, there]).any(axis=1))
        if len(able):
            out[rows] = _linked(mine[:, there], theirs[np.ix_(rows, there)], rows, able)
    return out


def interval_risk(
    original: pd.DataFrame,
    protected: pd.DataFrame,
    keys: Sequence[str],
    *,
    width: float,
    scale: Scale = "distance",
) -> npt.NDArray[np.bool_]:
    """Whether each protected record's own original lies inside the interval around it, on every key. Shape (records,).

    Args:
        original, protected, keys: as for `linkage_risk`.
        width: half the width of the interval: standard deviations of the original ("distance"), or a share of the
            number of records by which the ranks may differ ("rank").
        scale: which of the two.

    A key that is missing on either side discloses nothing, so it cannot be inside.

    Raises:
        Unusable: as `linkage_risk`; a negative width.
    """
    if width < 0:
        raise Unusable("The width of an interval cannot be below zero. Correct it.")
    mine, theirs = _both(original, protected, keys)
    if scale == "rank":
        near = np.abs(_ranks(mine) - _ranks(theirs)) <= width * len(mine)
    else:
        spread = np.array([_deviation(mine[:, j]) for j in range(mine.shape[1])])
        near = np.abs(mine - theirs) <= width * spread
    return np.asarray(near.all(axis=1), dtype=bool)


def _both(original: pd.DataFrame, protected: pd.DataFrame, keys: Sequence[str]) -> tuple[Floats, Floats]:
    if len(original) != len(protected):
        raise Unusable(
            f"Record linkage compares the same records before and after, and there are {len(original)} and "
            f"{len(protected)}. Give both files with the same rows in the same order."
        )
    absent = [k for k in keys if k not in original.columns or k not in protected.columns]
    if absent or not keys:
        raise Unusable(
            f"Both tables need the numeric keys; absent: {', '.join(absent) or 'all'}. Correct them."
        )
    sides = [np.column_stack([numbers(t[k], k) for k in keys]) for t in (original, protected)]
    if any(np.isinf(side).any() for side in sides):
        raise Unusable("A numeric key holds an infinite value. Correct it, or make it missing.")
    return sides[0], sides[1]


def _deviation(values: Floats) -> float:
    known = values[~np.isnan(values)]
    deviation = float(known.std()) if len(known) else 0.0
    return deviation if deviation > 0 else 1.0


def _ranks(values: Floats) -> Floats:
    """Ranks 1..n of each column, ties at their mean, NaN where missing."""
    return np.column_stack([pd.Series(values[:, j]).rank().to_numpy() for j in range(values.shape[1])])


def _linked(mine: Floats, theirs: Floats, rows: Ints, able: Ints) -> Floats:
    """The chance of a correct link for each row of `theirs`, whose own record is row `rows` of `mine`."""
    number, first = group(_as_codes(mine[able]))
    points = mine[able][first]
    size = np.bincount(number, minlength=len(first))
    place = np.full(len(mine), -1, dtype=np.int64)
    place[able] = number
    own = place[rows]
    out = np.zeros(len(rows))
    linkable = np.flatnonzero(own >= 0)
    if len(linkable) == 0:
        return out
    # The same question is asked once: same protected values, same own point.
    asked, example = group(np.column_stack([_as_codes(theirs[linkable]), own[linkable]]))
    question, answer = theirs[linkable][example], own[linkable][example]
    tree = cKDTree(points)
    nearest = tree.query(question)[0]
    distance = np.sqrt(((question - points[answer]) ** 2).sum(axis=1))
    reach = distance * (1 + _TIE) + 1e-300
    hit = np.flatnonzero(distance <= nearest * (1 + _TIE) + 1e-300)
    chance = np.zeros(len(question))
    tied = tree.query_ball_point(question[hit], reach[hit])
    chance[hit] = [1 / size[t].sum() for t in tied]
    out[linkable] = chance[asked]
    return out


def _as_codes(values: Floats) -> Ints:
    return np.column_stack([pd.factorize(values[:, j])[0] for j in range(values.shape[1])]).astype(np.int64)
