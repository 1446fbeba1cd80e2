"""Reading columns out of a DataFrame, refusing what would silently bias a result."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluation.errors import EvaluationError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def _column(df: pd.DataFrame, name: str) -> pd.Series:
    if name not in df.columns:
        raise EvaluationError(
            f"There is no column called {name!r}. Check its name, or ask for that variable "
            "in an access request."
        )
    column = df[name]
    if list(df.columns).count(name) > 1:
        raise EvaluationError(f"There are several columns called {name!r}. Rename all but one of them.")
    if column.isna().any():
        raise EvaluationError(
            f"Column {name!r} has missing values. Decide what they mean: drop those rows "
            f"(df.dropna(subset=[{name!r}])) or fill them in, and say which in your report."
        )
    return column


def numbers(df: pd.DataFrame, name: str) -> FloatArray:
    """Column `name` as finite floats, shape (rows,).

    Raises:
        EvaluationError: when it is absent, missing anywhere, not numeric or not finite.
    """
    column = _column(df, name)
    try:
        values = column.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        raise EvaluationError(
            f"Column {name!r} does not hold numbers. Convert it with pd.to_numeric first."
        ) from None
    if not np.isfinite(values).all():
        raise EvaluationError(f"Column {name!r} holds infinite numbers. Drop or correct those rows first.")
    return values


def flags(df: pd.DataFrame, name: str) -> FloatArray:
    """Column `name` as 0.0 and 1.0, shape (rows,).

    Raises:
        EvaluationError: as `numbers`, and when anything else than true/false or 1/0 occurs.
    """
    values = numbers(df, name)
    if not np.isin(values, (0.0, 1.0)).all():
        raise EvaluationError(
            f"Column {name!r} must say yes or no (True/False or 1/0). "
            f"Make it so, for example with df[{name!r}] > 0."
        )
    return values


def codes(df: pd.DataFrame, name: str) -> IntArray:
    """Column `name` as integer codes 0..k-1, shape (rows,), whatever its type."""
    return np.asarray(pd.factorize(_column(df, name))[0], dtype=np.int64)


def weights(df: pd.DataFrame, name: str | None) -> FloatArray:
    """Sampling weights, shape (rows,); ones when `name` is None, as in a complete registry."""
    if df.empty:
        raise EvaluationError("The table has no rows. Check the filter that made it.")
    if name is None:
        return np.ones(len(df))
    values = numbers(df, name)
    if (values < 0).any() or values.sum() <= 0:
        raise EvaluationError(f"Weights in column {name!r} must not be negative and must not all be zero.")
    return values
