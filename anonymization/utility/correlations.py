"""How far the relations between columns have moved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from .coding import Codes, Floats, ordered
from .marginals import comparable, spread


def cramers_v(a: Codes, b: Codes) -> float:
    """Bias-corrected Cramer's V of two coded columns, 0 to 1 (Bergsma 2013)."""
    _, left = np.unique(a, return_inverse=True)
    _, right = np.unique(b, return_inverse=True)
    n, r, k = len(a), int(left.max(initial=0)) + 1, int(right.max(initial=0)) + 1
    if n < 2 or r < 2 or k < 2:
        return 0.0
    table = np.bincount(left * k + right, minlength=r * k).reshape(r, k)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    phi = float(((table - expected) ** 2 / expected).sum()) / n
    phi = max(0.0, phi - (r - 1) * (k - 1) / (n - 1))
    rows, columns = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    smaller = min(rows, columns) - 1
    return min(float(np.sqrt(phi / smaller)), 1.0) if smaller > 0 else 0.0


def _spearman(a: Floats, b: Floats) -> float:
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < 3:
        return 0.0
    x, y = (pd.Series(v[both]).rank().to_numpy() for v in (a, b))
    if x.std() == 0 or y.std() == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def correlation_change(
    original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str]
) -> dict[str, object]:
    """Absolute changes over all pairs: `rank` and `association`.

    `rank` is Spearman, of numbers, dates and flags; `association` is Cramer's V, of every column on common
    levels.

    Each with the number of pairs, mean, 90th percentile and the five worst pairs.
    """
    levels = comparable(original, protected, columns, 10)
    association = {
        (a, b): abs(
            cramers_v(levels[a].original, levels[b].original)
            - cramers_v(levels[a].protected, levels[b].protected)
        )
        for a, b in combinations(levels, 2)
    }
    numbers = {c: (ordered(original[c]), ordered(protected[c])) for c in columns}
    sides = {c: (x, y) for c, (x, y) in numbers.items() if x is not None and y is not None}
    rank = {
        (a, b): abs(_spearman(sides[a][0], sides[b][0]) - _spearman(sides[a][1], sides[b][1]))
        for a, b in combinations(sides, 2)
    }
    return {"rank": spread(rank, "change"), "association": spread(association, "change")}
