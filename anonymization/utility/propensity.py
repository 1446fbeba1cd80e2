"""Propensity scores: can a plain model tell the protected records from the originals?

Source: Woo, Reiter, Oganian and Karr (2009), Global measures of data utility for microdata masked for disclosure
limitation; Snoke, Raab, Nowok, Dibben and Slavkovic (2018), General and specific utility measures for synthetic data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .coding import Coded, Floats, coded, ordered

#: Rows of each side that are looked at; every so-manieth of a larger table.
_ROWS = 10_000
#: Categories that get an indicator of their own.
_CATEGORIES = 15


def propensity(original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str]) -> dict[str, object]:
    """PMSE of a logistic model of main effects (numbers with their squares, categories, what is missing).

    Returns:
        `pmse`: mean (p - c)^2, with c the share of protected records; `share_of_worst`: pmse / (c (1 - c)), from 0
        (nobody can tell) to 1 (everybody can); `ratio`: pmse over its mean for two independent samples of one
        distribution, (k - 1) c (1 - c) / N (Snoke et al. divide by (1 - c) times that, because they hold the original
        fixed), so it is below 1 for a slightly perturbed copy of the same records; `terms`: k. None where there is
        nothing to compare.
    """
    empty: dict[str, object] = {"pmse": None, "share_of_worst": None, "ratio": None, "terms": 0, "rows": 0}
    before, after = _thinned(original), _thinned(protected)
    if len(before) < 20 or len(after) < 20:
        return empty
    terms = [t for c in columns for t in _terms(before[c], after[c])]
    design = np.column_stack([np.ones(len(before) + len(after)), *terms])
    design = design[:, np.r_[True, design[:, 1:].std(axis=0) > 0]]
    if design.shape[1] == 1:
        return empty
    design[:, 1:] = (design[:, 1:] - design[:, 1:].mean(axis=0)) / design[:, 1:].std(axis=0)
    is_after = np.r_[np.zeros(len(before)), np.ones(len(after))]
    c, n = float(is_after.mean()), len(is_after)
    pmse = float(((_logistic(design, is_after) - c) ** 2).mean())
    k = int(np.linalg.matrix_rank(design))
    expected = (k - 1) * c * (1 - c) / n
    return {
        "pmse": pmse,
        "share_of_worst": pmse / (c * (1 - c)),
        "ratio": pmse / expected,
        "terms": k,
        "rows": n,
    }


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= _ROWS:
        return table
    return table.iloc[np.linspace(0, len(table) - 1, _ROWS).astype(np.int64)]


def _terms(original: pd.Series, protected: pd.Series) -> list[Floats]:
    """Columns of the design for one variable, original rows first."""
    found = coded(original, protected)
    if not isinstance(found, Coded):
        return []
    gone = [np.r_[original.isna().to_numpy(), protected.isna().to_numpy()].astype(np.float64)]
    x, y = ordered(original), ordered(protected)
    if x is not None and y is not None:
        both = np.concatenate([x, y])
        held = ~np.isnan(both)
        spread = float(both[held].std()) if held.any() else 0.0
        z = np.where(held, (both - both[held].mean()) / spread, 0.0) if spread > 0 else np.zeros(len(both))
        z = np.clip(z, -10, 10)  # one extreme value must not carry the model
        return [*gone, z, z * z]
    levels = np.concatenate([found.original, found.protected])
    common = np.argsort(-np.bincount(levels, minlength=found.levels), kind="stable")[:_CATEGORIES]
    return [*gone, *((levels == level).astype(np.float64) for level in common)]


def _logistic(design: Floats, outcome: Floats) -> Floats:
    """Fitted probabilities by Newton's method, with a ridge small enough to matter only under separation."""
    beta = np.zeros(design.shape[1])
    ridge = np.full(design.shape[1], 1e-2)
    ridge[0] = 0.0
    p = np.full(len(outcome), float(outcome.mean()))
    for _ in range(25):
        eta = np.clip(design @ beta, -30, 30)
        p = 1 / (1 + np.exp(-eta))
        weight = np.maximum(p * (1 - p), 1e-10)
        slope = design.T @ (outcome - p) - ridge * beta
        curve = (design * weight[:, None]).T @ design + np.diag(ridge + 1e-9)
        step = np.linalg.solve(curve, slope)
        beta = beta + np.clip(step, -5, 5)
        if float(np.abs(step).max()) < 1e-7:
            break
    return np.asarray(1 / (1 + np.exp(-np.clip(design @ beta, -30, 30))), dtype=np.float64)
