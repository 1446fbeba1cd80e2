"""Impact: the discontinuity at an eligibility cut-off, and whether two groups were alike before.

Sources: Hahn, Todd and van der Klaauw (2001) for local-linear regression at a cut-off; Imbens and
Kalyanaraman (2012) for the bandwidth; MacKinnon and White (1985) and Liang and Zeger (1986) for the errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from evaluation.bandwidth import imbens_kalyanaraman
from evaluation.columns import BoolArray, FloatArray, IntArray, codes, flags, numbers, weights
from evaluation.errors import EvaluationError
from evaluation.survey import CONFIDENCE, Estimate, tidy

#: Below this many clusters, cluster-robust errors are too small (Cameron, Gelbach and Miller 2008).
FEW_CLUSTERS = 40


@dataclass(frozen=True, slots=True)
class Discontinuity:
    """The jump of an outcome at a cut-off.

    Args:
        effect: outcome just inside eligibility minus just outside, in the outcome's units. The interval is
            conventional: it does not correct for smoothing bias, so also report half and twice the bandwidth.
        bandwidth: half-width of the window, in the units of the running variable.
        n_below, n_above: rows used on either side of the cut-off.
        note: what a reader must be told; empty when nothing.
    """

    effect: Estimate
    bandwidth: float
    n_below: int
    n_above: int
    note: str = ""

    def table(self) -> pd.DataFrame:
        """One tidy row (see `evaluation.COLUMNS`)."""
        return tidy([("effect at the cut-off", self.effect)])


def discontinuity(
    df: pd.DataFrame,
    *,
    outcome: str,
    running: str,
    cutoff: float = 0.0,
    eligible: Literal["below", "above"] = "below",
    bandwidth: float | None = None,
    weight: str | None = None,
    cluster: str | None = None,
) -> Discontinuity:
    """Sharp regression discontinuity by local-linear regression with a triangular kernel.

    Weighted least squares of y on (1, T, x-c, T(x-c)) for |x-c| < h, with kernel weights 1 - |x-c|/h; the
    effect is the coefficient of T. Errors are HC1, or clustered when `cluster` is named.

    Args:
        df: one row per household or person.
        outcome: column of y, in any unit.
        running: column of x, the score that decides eligibility; exact, never noised.
        cutoff: c. A score exactly at it counts as above, and with eligible="below" as not eligible.
        eligible: which side the programme serves; poverty scores usually serve "below".
        bandwidth: h, in units of x; by default that of Imbens and Kalyanaraman (2012).
        weight: column of sampling weights.
        cluster: column of clusters for the error.

    Raises:
        EvaluationError: when fewer than 10 rows, or fewer than 3 different scores, lie on a side of the
            cut-off inside the bandwidth.
    """
    y, x = numbers(df, outcome), numbers(df, running) - cutoff
    w = weights(df, weight)
    unit = None if cluster is None else codes(df, cluster)
    for side in (x < 0, x >= 0):
        _enough(x[side])
    h = imbens_kalyanaraman(y, x) if bandwidth is None else bandwidth
    if not (np.isfinite(h) and h > 0):
        raise EvaluationError("The bandwidth must be a positive number in the units of the running variable.")
    inside = (np.abs(x) < h) & (w > 0)
    below, above = inside & (x < 0), inside & (x >= 0)
    _enough(x[below])
    _enough(x[above])
    treated = ((x < 0) if eligible == "below" else (x >= 0)).astype(np.float64)[inside]
    near = x[inside]
    columns = np.column_stack([np.ones_like(near), treated, near, treated * near])
    kernel = w[inside] * (1 - np.abs(near) / h)
    effect = _slope(
        y[inside], columns, kernel, None if unit is None else unit[inside], "rows inside the bandwidth"
    )
    return Discontinuity(effect, float(h), int(below.sum()), int(above.sum()), _note(unit, inside))


def balance(
    df: pd.DataFrame,
    *,
    treated: str,
    covariates: Sequence[str],
    weight: str | None = None,
    cluster: str | None = None,
) -> pd.DataFrame:
    """Whether two groups were alike: one row per covariate.

    Columns: covariate, mean_treated, mean_control, difference, se, p_value, standardised_difference,
    n_treated, n_control. The standardised difference is (m1 - m0) / sqrt((s1^2 + s0^2) / 2): Imbens and
    Rubin (2015), ch. 14; above 0.25 in absolute value is usually called unbalanced. Errors as in
    `discontinuity`.
    """
    d = flags(df, treated)
    if d.min() == d.max():
        raise EvaluationError(
            f"Everybody has the same value in {treated!r}: there is nobody to compare with."
        )
    w = weights(df, weight)
    unit = None if cluster is None else codes(df, cluster)
    rows = []
    for name in covariates:
        v = numbers(df, name)
        means = [float(np.average(v[d == g], weights=w[d == g])) for g in (1, 0)]
        spread = [
            float(np.average((v[d == g] - m) ** 2, weights=w[d == g]))
            for g, m in zip((1, 0), means, strict=True)
        ]
        fit = _slope(v, np.column_stack([np.ones_like(d), d]), w, unit, "rows")
        pooled = float(np.sqrt(sum(spread) / 2))
        p_value = float(2 * stats.norm.sf(abs(fit.estimate / fit.se))) if fit.se > 0 else float("nan")
        gap = (means[0] - means[1]) / pooled if pooled > 0 else 0.0
        rows.append((name, *means, fit.estimate, fit.se, p_value, gap, int(d.sum()), int((1 - d).sum())))
    return pd.DataFrame(
        rows,
        columns=[
            "covariate",
            "mean_treated",
            "mean_control",
            "difference",
            "se",
            "p_value",
            "standardised_difference",
            "n_treated",
            "n_control",
        ],
    )


def _slope(
    y: FloatArray, columns: FloatArray, w: FloatArray, unit: IntArray | None, denominator: str
) -> Estimate:
    """The coefficient of the second column of a weighted least squares fit, with a robust error."""
    import statsmodels.api as sm  # noqa: PLC0415 - half a second to import, only wanted here

    how = {"cov_type": "HC1"} if unit is None else {"cov_type": "cluster", "cov_kwds": {"groups": unit}}
    fit = sm.WLS(y, columns, weights=w).fit(**how)
    value, se = float(fit.params[1]), float(fit.bse[1])
    reach = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))
    if unit is not None:
        reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, max(len(np.unique(unit)) - 1, 1)))
    return Estimate(value, se, value - reach * se, value + reach * se, denominator, len(y))


def _enough(side: FloatArray) -> None:
    if len(side) < 10 or len(np.unique(side)) < 3:
        raise EvaluationError(
            "Too few rows on one side of the cut-off to fit a line there. "
            "Check the cut-off, or widen the bandwidth."
        )


def _note(unit: IntArray | None, inside: BoolArray) -> str:
    if unit is None or len(np.unique(unit[inside])) >= FEW_CLUSTERS:
        return ""
    return (
        f"Fewer than {FEW_CLUSTERS} clusters stand behind this error, so it is too small. "
        "Report randomisation inference or a wild cluster bootstrap beside it."
    )
