"""Weighted ranks: where each row stands in the distribution of welfare. Ties share a rank."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evaluation.columns import FloatArray, IntArray, numbers, weights
from evaluation.errors import EvaluationError


def midrank(value: FloatArray, weight: FloatArray) -> FloatArray:
    """Weighted mid-rank R_i = (sum of w where x < x_i, and half where x = x_i) / sum of w; in (0, 1).

    Its weighted mean is 1/2 exactly. Source: Lerman and Yitzhaki (1989).
    """
    _, group = np.unique(value, return_inverse=True)
    mass = np.bincount(group, weights=weight)
    return np.asarray(((np.cumsum(mass) - mass / 2) / mass.sum())[group], dtype=np.float64)


def mass_above(value: FloatArray, weight: FloatArray, amount: FloatArray) -> FloatArray:
    """For each row, (sum of w t where x > x_i + half the sum of w t where x = x_i) / sum of w."""
    _, group = np.unique(value, return_inverse=True)
    mass = np.bincount(group, weights=weight * amount)
    return np.asarray(((mass.sum() - np.cumsum(mass) + mass / 2) / weight.sum())[group], dtype=np.float64)


def quantile_codes(value: FloatArray, weight: FloatArray, groups: int) -> IntArray:
    """1 (poorest) to `groups`, by weighted mid-rank, shape (rows,)."""
    if groups < 2:
        raise EvaluationError("Ask for at least two quantile groups: 5 for quintiles, 10 for deciles.")
    rank = midrank(value, weight)
    return np.clip(np.ceil(rank * groups - 1e-12), 1, groups).astype(np.int64)


def quantile_groups(
    df: pd.DataFrame, *, welfare: str, weight: str | None = None, groups: int = 5
) -> pd.Series:
    """Each row's quantile group of `welfare`, 1 (poorest) to `groups`, indexed as `df`.

    Weight by persons (household weight x household size) to get quintiles of the population, as ASPIRE does.
    """
    found = quantile_codes(numbers(df, welfare), weights(df, weight), groups)
    return pd.Series(found, index=df.index, name="quantile")
