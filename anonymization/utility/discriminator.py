"""Can trees tell synthetic rows from real ones? They see what a model of main effects cannot: relations that are gone.

Source: Snoke, Raab, Nowok, Dibben and Slavkovic (2018), General and specific utility measures for synthetic data (pMSE
of CART, its null distribution by permutation); the area under the ROC curve on rows that the model has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from .coding import Coded, coded, ordered
from .trees import MISSING, Floats, area_under_curve, boosted, one_tree

_ROWS = 5_000
_PERMUTATIONS = 20
_CATEGORIES = 30


def distinguish(
    original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str], seed: int
) -> dict[str, Any]:
    """How well trees tell the two tables apart, with as many rows of each.

    Args:
        original, protected: two tables with these columns.
        columns: what is looked at.
        seed: of the subsamples, the permutations and the halves.

    Returns:
        `pmse`: mean (p - 1/2)^2 of a classification tree; `ratio`: over its mean when labels are permuted, about 1
        where the tables cannot be told apart; `area`: under the ROC curve of boosted trees on the half that they have
        not seen, 0.5 where nothing is told and 1 where everything is; `rows` of each side. None and `why` where it
        could not be measured.
    """
    rng = np.random.default_rng(seed)
    size = min(len(original), len(protected), _ROWS)
    if size < 100:
        return _nothing("Fewer than 100 rows on a side.")
    sides = [df.iloc[np.sort(rng.permutation(len(df))[:size])] for df in (original, protected)]
    x = _matrix(sides[0], sides[1], columns)
    if x is None:
        return _nothing("No column can be compared.")
    y = np.repeat([0.0, 1.0], size)
    try:
        seen = _pmse(x, y)
        null = float(np.mean([_pmse(x, rng.permutation(y)) for _ in range(_PERMUTATIONS)]))
        area = _area(x, y, rng)
    except ImportError:
        return _nothing(MISSING)
    return {"why": "", "pmse": seen, "ratio": seen / null if null > 0 else None, "area": area, "rows": size}


def _nothing(why: str) -> dict[str, Any]:
    return {"why": why, "pmse": None, "ratio": None, "area": None, "rows": 0}


def _pmse(x: Floats, y: Floats) -> float:
    return float(((one_tree(x, y) - y.mean()) ** 2).mean())


def _area(x: Floats, y: Floats, rng: np.random.Generator) -> float:
    half = np.zeros(len(y), dtype=bool)
    half[rng.permutation(len(y))[: len(y) // 2]] = True
    return area_under_curve(y[~half], boosted(x[half], y[half], x[~half], flag=True))


def _matrix(original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str]) -> Floats | None:
    """Numbers as they are, missing as NaN, words as one flag for each frequent level; original rows first."""
    parts: list[Floats] = []
    for name in columns:
        x, y = ordered(original[name]), ordered(protected[name])
        if x is not None and y is not None:
            parts.append(np.concatenate([x, y]))
            continue
        found = coded(original[name], protected[name])
        if isinstance(found, Coded):
            levels = np.concatenate([found.original, found.protected])
            common = np.argsort(-np.bincount(levels, minlength=found.levels), kind="stable")[:_CATEGORIES]
            parts += [np.asarray(levels == level, dtype=np.float64) for level in common]
    return np.column_stack(parts) if parts else None
