"""Regressions as evaluators publish them: coefficients with robust errors, for one table or for several to combine.

Ordinary least squares with HC1 errors (MacKinnon and White 1985), logit by maximum likelihood with the sandwich
(Huber 1967); both by cluster where one is named (Liang and Zeger 1986). The fits are statsmodels'.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from evaluation.columns import FloatArray, codes, flags, numbers
from evaluation.errors import EvaluationError
from evaluation.survey import CONFIDENCE, Estimate, tidy

Kind = Literal["linear", "logistic"]


@dataclass(frozen=True, slots=True)
class Regression:
    """A fitted model.

    Args:
        kind: "linear" or "logistic".
        coefficients: term to estimate, the constant first; of a category's level "column: level". NaN where the data
            cannot tell it (a level that nobody has, a column that follows from others).
        p_values: term to two-sided p-value of the normal, or of Student's t where clusters are named.
        fit: R squared, or McFadden's pseudo R squared of a logit.
    """

    kind: Kind
    coefficients: Mapping[str, Estimate]
    p_values: Mapping[str, float]
    fit: float

    def table(self) -> pd.DataFrame:
        """One tidy row a coefficient (see `evaluation.COLUMNS`)."""
        return tidy(list(self.coefficients.items()))


def regress(
    df: pd.DataFrame,
    *,
    outcome: str,
    on: Sequence[str],
    kind: Kind = "linear",
    log: bool = False,
    levels: Mapping[str, Sequence[object]] | None = None,
    cluster: str | None = None,
) -> Regression:
    """Fits `outcome` on the columns `on`.

    Args:
        df: one row for each household or person, none of the columns missing.
        outcome: numbers, or yes and no for "logistic".
        on: numbers, flags, or categories that `levels` names.
        kind: which model.
        log: whether the natural logarithm of the outcome is modelled; it must then be positive.
        levels: for each category its levels, the first being the one that others are compared with. Give the same
            levels to every table whose coefficients are to be compared.
        cluster: column of clusters for the errors.

    Raises:
        EvaluationError: for a column that cannot be used, fewer rows than terms, an outcome that does not vary, or a
            logit that the data separate perfectly.
    """
    if not on:
        raise EvaluationError("Name at least one column to explain the outcome with.")
    y = flags(df, outcome) if kind == "logistic" else numbers(df, outcome)
    if log:
        if kind == "logistic" or (y <= 0).any():
            raise EvaluationError(
                "A logarithm needs an outcome of positive numbers; take those rows out first."
            )
        y = np.log(y)
    named = design(df, on, levels or {})
    x = np.column_stack(list(named.values()))
    told = _independent(x)
    if len(y) <= int(told.sum()) or float(y.std()) == 0:
        raise EvaluationError(
            "The outcome does not vary, or there are fewer rows than coefficients: use more rows or fewer columns."
        )
    group = None if cluster is None else codes(df, cluster)
    params, errors, fit = _fitted(y, x[:, told], kind, group)
    clusters = None if group is None else len(np.unique(group))
    reach = _reach(clusters)
    out, p = {}, {}
    at = iter(zip(params, errors, strict=True))
    words = "rows" if clusters is None else f"rows in {clusters} clusters"
    for name, has in zip(named, told, strict=True):
        b, se = next(at) if has else (float("nan"), float("nan"))
        out[name] = Estimate(b, se, b - reach * se, b + reach * se, words, len(y))
        p[name] = _p_value(b, se, clusters)
    return Regression(kind, out, p, fit)


def design(
    df: pd.DataFrame, on: Sequence[str], levels: Mapping[str, Sequence[object]]
) -> dict[str, FloatArray]:
    """Terms as columns, shape (rows,) each, the constant first.

    Raises:
        EvaluationError: as `regress`.
    """
    out: dict[str, FloatArray] = {"constant": np.ones(len(df))}
    for name in on:
        if name not in levels:
            out[name] = numbers(df, name)
            continue
        codes(df, name)  # refuses a column that is not there or has gaps
        held = df[name].to_numpy()
        known = list(levels[name])
        if not np.isin(held.astype(str), [str(v) for v in known]).all():
            raise EvaluationError(f"Column {name!r} holds a level that `levels` does not name. Add it there.")
        for level in known[1:]:
            out[f"{name}: {level}"] = (held.astype(str) == str(level)).astype(np.float64)
    return out


def _independent(x: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which columns the ones before them do not already tell: Gram-Schmidt on columns of unit length."""
    kept = np.zeros(x.shape[1], dtype=bool)
    basis: list[FloatArray] = []
    for i in range(x.shape[1]):
        size = float(np.linalg.norm(x[:, i]))
        left = x[:, i] / size if size > 0 else x[:, i]
        for _ in range(2):  # twice is enough (Parlett 1980)
            for b in basis:
                left = left - float(b @ left) * b
        rest = float(np.linalg.norm(left))
        if rest > 1e-8:
            basis.append(left / rest)
            kept[i] = True
    return kept


def _fitted(
    y: FloatArray, x: FloatArray, kind: Kind, group: object
) -> tuple[list[float], list[float], float]:
    import statsmodels.api as sm  # noqa: PLC0415 - half a second to import, only wanted here

    how = {"cov_type": "HC1"} if group is None else {"cov_type": "cluster", "cov_kwds": {"groups": group}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "linear":
            found = sm.OLS(y, x).fit(**how)
            fit = float(found.rsquared)
        else:
            try:
                found = sm.Logit(y, x).fit(disp=0, maxiter=100, **how)
            except Exception:  # noqa: BLE001 - several kinds; their messages say nothing to act on
                raise _separated() from None
            # Under separation the likelihood has no maximum: coefficients run away, or the fit becomes perfect.
            share = found.predict()
            if not found.mle_retvals["converged"] or bool(np.all(np.abs(share - y) < 1e-6)):
                raise _separated()
            fit = float(found.prsquared)
    params, errors = np.asarray(found.params, np.float64), np.asarray(found.bse, np.float64)
    if not (np.isfinite(params).all() and np.isfinite(errors).all()):
        raise _separated()
    return params.tolist(), errors.tolist(), fit


def _separated() -> EvaluationError:
    return EvaluationError(
        "The model has no finite coefficients: the columns tell the outcome apart perfectly. Leave out the one that "
        "does."
    )


def _reach(clusters: int | None) -> float:
    tail = 0.5 + CONFIDENCE / 2
    return float(stats.norm.ppf(tail) if clusters is None else stats.t.ppf(tail, max(clusters - 1, 1)))


def _p_value(b: float, se: float, clusters: int | None) -> float:
    if not se > 0:
        return float("nan")
    z = abs(b / se)
    return float(2 * (stats.norm.sf(z) if clusters is None else stats.t.sf(z, max(clusters - 1, 1))))
