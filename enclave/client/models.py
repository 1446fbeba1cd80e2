"""Regression tables that carry what the airlock asks of a model: its size, its freedom, the support of each term."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from enclave.client.errors import ClientError
from enclave.client.outputs import SCHEMA, check_words, outputs_folder, write_whole

#: Rows of one block when leverages are worked out, to bound memory.
_BLOCK = 100_000


def regression(
    fitted: Any, name: str, *, household: pd.Series, title: str, context: str, digits: int = 6
) -> Path:
    """Writes the coefficients of a fitted statsmodels model and its description into the outputs folder.

    Args:
        fitted: what `.fit()` of OLS, WLS, GLM, Logit, Probit or Poisson returned.
        name: file name without ending: small letters, digits, hyphens, underscores.
        household: the household of each row of the data, by the data's own index (before rows with missing values
            were dropped).
        title, context: for the checkers and the public register; checkers return outputs without them.
        digits: significant digits that are written.

    Returns:
        The csv's path. Its columns: term, estimate, std_error, p_value and support, the fewest households that the
        term's column tells apart from all others (for a dummy: those with it or those without it).

    Raises:
        ClientError: when it is no fitted model, or the households do not fit its rows.
    """
    check_words(name, title, context)
    try:
        exog = np.asarray(fitted.model.exog, dtype="float64")
        terms = [str(t) for t in fitted.model.exog_names]
        estimates, errors = np.asarray(fitted.params), np.asarray(fitted.bse)
        p_values, free = np.asarray(fitted.pvalues), round(float(fitted.df_resid))
    except (AttributeError, TypeError, ValueError):
        raise ClientError(
            "This is no fitted model of statsmodels. Give what .fit() returned, for example "
            "smf.ols('y ~ x', df).fit()."
        ) from None
    if estimates.ndim != 1 or len(estimates) != len(terms):
        raise ClientError(
            "Only models with one coefficient for each term can be written; send others as a table."
        )
    codes = _codes(fitted, household, len(exog))
    table = pd.DataFrame(
        {
            "term": terms,
            "estimate": _rounded(estimates, digits),
            "std_error": _rounded(errors, digits),
            "p_value": _rounded(p_values, digits),
            "support": [_support(column, codes) for column in exog.T],
        }
    )
    explained = getattr(fitted, "rsquared", None)
    described = {
        "schema": SCHEMA,
        "kind": "model",
        "unit": "household",
        "counts": ["support"],
        "statistics": ["estimate", "std_error", "p_value"],
        "dimensions": ["term"],
        "model": {
            "households": int(codes.max()) + 1,
            "parameters": len(terms),
            "residual_df": free,
            "r_squared": None if explained is None else round(float(explained), 6),
            "largest_leverage": round(_largest_leverage(exog), 6),
        },
        "title": title.strip(),
        "context": context.strip(),
    }
    folder = outputs_folder()
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / f"{name}.sdc.json", text.encode())
    return write_whole(folder / f"{name}.csv", table.to_csv(index=False, lineterminator="\n").encode())


def _codes(fitted: Any, household: pd.Series, rows: int) -> npt.NDArray[np.int64]:
    """The household of each row that the model was fitted on, as numbers from 0."""
    if not isinstance(household, pd.Series):
        raise ClientError("Give household= as the column of the data that names the household.")
    labels = getattr(getattr(fitted.model, "data", None), "row_labels", None)
    if labels is not None and household.index.is_unique and len(labels) == rows:
        taken = household.reindex(labels)
    else:
        taken = household
    if len(taken) != rows or taken.isna().any():
        raise ClientError(
            "The households do not fit the rows of the model. Give the household column of the very table that it "
            "was fitted on, with its index (after reset_index(drop=True) on that table, if in doubt)."
        )
    return pd.factorize(taken)[0].astype("int64")


def _support(column: npt.NDArray[np.float64], codes: npt.NDArray[np.int64]) -> int:
    """Households that differ from the most frequent value; for two values, the smaller of both groups."""
    values, counts = np.unique(column, return_counts=True)
    if len(values) == 1:
        return len(np.unique(codes))
    usual = column == values[counts.argmax()]
    apart = len(np.unique(codes[~usual]))
    return min(apart, len(np.unique(codes[usual]))) if len(values) == 2 else apart


def _largest_leverage(exog: npt.NDArray[np.float64]) -> float:
    """Largest diagonal element of X (X'X)^+ X' (Belsley, Kuh and Welsch 1980)."""
    _, singular, right = np.linalg.svd(np.linalg.qr(exog, mode="r"), full_matrices=False)
    kept = singular > singular.max() * 1e-12
    turned = (right[kept].T / singular[kept]).astype("float64")
    blocks = (exog[at : at + _BLOCK] @ turned for at in range(0, len(exog), _BLOCK))
    return float(min(max(float((block**2).sum(axis=1).max()) for block in blocks), 1.0))


def _rounded(values: npt.NDArray[np.float64], digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]
