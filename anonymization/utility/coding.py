"""Bringing a column before and after protection to the same few levels, so that they can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

#: More categories than this are a key, not a variable.
_MOST_CATEGORIES = 200


@dataclass(frozen=True, slots=True)
class Coded:
    """One column on both sides, on common levels.

    Args:
        original, protected: level of each row, from 0; level 0 is missing, level 1 is a value outside the
            levels.
        levels: how many there are, the two above included.
    """

    original: Codes
    protected: Codes
    levels: int


@dataclass(frozen=True, slots=True)
class NotComparable:
    """Why a column cannot be compared, as a sentence."""

    why: str


def ordered(column: pd.Series[Any]) -> Floats | None:
    """The column as numbers (dates as days, true as 1), NaN where missing; None for words and codes."""
    if pd.api.types.is_datetime64_any_dtype(column):
        days = column.to_numpy(dtype="datetime64[D]").astype(np.float64)
        return np.where(column.isna().to_numpy(), np.nan, days)
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    held = column.dropna()
    if isinstance(column.dtype, pd.CategoricalDtype) or not len(held):
        return None
    if all(isinstance(v, (bool, int, float, np.bool_, np.number)) for v in held):
        return np.array([np.nan if pd.isna(v) else float(v) for v in column], dtype=np.float64)
    return None


def coded(original: pd.Series[Any], protected: pd.Series[Any], bins: int = 20) -> Coded | NotComparable:
    """Both sides on the levels of the original.

    Args:
        original: the column before.
        protected: the column after, in any number of rows.
        bins: at most about this many levels for numbers: quantiles of the original, and each frequent value
            by itself.
    """
    before, after = ordered(original), ordered(protected)
    if protected.isna().all():
        return NotComparable("Every value is missing after protection.")
    if before is not None and after is not None:
        edges = _edges(before, bins)
        return Coded(_digits(before, edges), _digits(after, edges), len(edges) + 3)
    if before is not None:
        return NotComparable("Numbers became categories.")
    return _categories(original, protected)


def _edges(values: Floats, bins: int) -> Floats:
    held = values[~np.isnan(values)]
    if not len(held):
        return np.zeros(0)
    distinct, counts = np.unique(held, return_counts=True)
    if len(distinct) <= bins:
        return (distinct[1:] + distinct[:-1]) / 2
    frequent = distinct[counts >= len(held) / bins]
    alone = np.concatenate([frequent, np.nextafter(frequent, np.inf)])
    return np.unique(np.concatenate([np.quantile(held, np.linspace(0, 1, bins + 1)[1:-1]), alone]))


def _digits(values: Floats, edges: Floats) -> Codes:
    place = np.searchsorted(edges, values, side="right").astype(np.int64) + 2
    return np.where(np.isnan(values), 0, place)


def _categories(original: pd.Series[Any], protected: pd.Series[Any]) -> Coded | NotComparable:
    known = sorted({str(v) for v in original.dropna().unique()})
    if len(known) > _MOST_CATEGORIES:
        return NotComparable("Too many categories: this looks like a key.")
    place = {v: i + 2 for i, v in enumerate(known)}
    after = _places(protected, place)
    if (after <= 1).all():
        return NotComparable("No category of the original is left: the codes were replaced.")
    return Coded(_places(original, place), after, len(known) + 2)


def _places(column: pd.Series[Any], place: dict[str, int]) -> Codes:
    gone = column.isna().to_numpy()
    return np.array(
        [0 if m else place.get(str(v), 1) for v, m in zip(column, gone, strict=True)], dtype=np.int64
    )
