"""Information loss of numbers: how far values moved, and how the shape of the whole cloud changed.

Sources: IL1s, Yancey, Winkler and Creecy (2002), Disclosure risk assessment in perturbative microdata protection; the
earth mover's distance on a line, Villani (2003); comparison of eigenvalues, Templ (2008), Statistical disclosure
control for microdata using the R-package sdcMicro.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from .coding import Floats, ordered

#: At how many levels two distributions are compared.
_LEVELS = 1000


def information_loss(
    original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str], *, aligned: bool = False
) -> dict[str, object]:
    """Loss of each column that holds numbers on both sides, and of all together.

    Args:
        aligned: row i of both tables is one record; only then can movement be measured.

    Returns:
        `columns`: for each, `mean_shift` (in standard deviations of the original), `spread_ratio` (protected over
        original standard deviation), `quantile_distance` (mean distance of equal quantiles, in standard deviations)
        and, when aligned, `il1s` (mean |x - x'| / (sqrt(2) s)) and `moved` (share of values that changed).
        `il1s`: mean over columns; `eigenvalues`: mean relative change of the eigenvalues of the correlation matrix, in
        the original's units, over rows where all of the columns are there; None where that cannot be computed.
    """
    numbers = {c: (ordered(original[c]), ordered(protected[c])) for c in columns}
    pairs = {c: (x, y) for c, (x, y) in numbers.items() if x is not None and y is not None}
    found = {c: _one(x, y, aligned=aligned) for c, (x, y) in pairs.items()}
    moved = [v for f in found.values() if (v := f.get("il1s")) is not None]
    return {
        "columns": found,
        "il1s": float(np.mean(moved)) if moved else None,
        "eigenvalues": _eigenvalues([x for x, _ in pairs.values()], [y for _, y in pairs.values()]),
    }


def _one(before: Floats, after: Floats, *, aligned: bool) -> dict[str, float | None]:
    x, y = before[~np.isnan(before)], after[~np.isnan(after)]
    spread = float(x.std(ddof=1)) if len(x) > 1 else 0.0
    if not spread > 0 or not len(y):
        return {"mean_shift": None, "spread_ratio": None, "quantile_distance": None}
    at = (np.arange(_LEVELS) + 0.5) / _LEVELS
    out: dict[str, float | None] = {
        "mean_shift": float(y.mean() - x.mean()) / spread,
        "spread_ratio": float(y.std(ddof=1)) / spread if len(y) > 1 else None,
        "quantile_distance": float(np.abs(np.quantile(x, at) - np.quantile(y, at)).mean()) / spread,
    }
    if aligned:
        both = ~(np.isnan(before) | np.isnan(after))
        gap = np.abs(after[both] - before[both])
        out["il1s"] = float(gap.mean()) / (math.sqrt(2) * spread) if both.any() else None
        out["moved"] = float((gap > 0).mean()) if both.any() else None
    return out


def _eigenvalues(before: Sequence[Floats], after: Sequence[Floats]) -> float | None:
    if len(before) < 2:
        return None
    sides = []
    for side in (before, after):
        data = np.column_stack(side)
        sides.append(data[~np.isnan(data).any(axis=1)])
    if min(len(s) for s in sides) < 3:
        return None
    spread = sides[0].std(axis=0, ddof=1)
    kept = spread > 0
    if kept.sum() < 2:
        return None
    values = [np.linalg.eigvalsh(np.cov(s[:, kept] / spread[kept], rowvar=False))[::-1] for s in sides]
    real = values[0] > 1e-9  # exact linear relations have no size to compare with
    return float(np.mean(np.abs(values[1][real] - values[0][real]) / values[0][real])) if real.any() else None
