"""Incidence: how benefits and beneficiaries are spread over the distribution of welfare.

Source: World Bank ASPIRE indicators (benefit incidence, beneficiary incidence, coverage by quintile);
concentration index: Kakwani, Wagstaff and van Doorslaer (1997), with the sign of the concentration curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.columns import BoolArray, FloatArray, numbers
from evaluation.errors import EvaluationError
from evaluation.ranks import mass_above, midrank, quantile_codes
from evaluation.survey import Design, Estimate, tidy


@dataclass(frozen=True, slots=True)
class Incidence:
    """Incidence by quantile, poorest first; each tuple has one entry per quantile.

    Args:
        benefit: sum w t 1{q} / sum w t, of all benefits.
        beneficiary: sum w D 1{q} / sum w D, of all beneficiaries.
        coverage: sum w D 1{q} / sum w 1{q}, of the quantile.
    """

    benefit: tuple[Estimate, ...]
    beneficiary: tuple[Estimate, ...]
    coverage: tuple[Estimate, ...]

    def table(self) -> pd.DataFrame:
        """Tidy rows (see `evaluation.COLUMNS`), named "benefit incidence q1" and so on."""
        kinds = {
            "benefit incidence": self.benefit,
            "beneficiary incidence": self.beneficiary,
            "coverage": self.coverage,
        }
        return tidy([(f"{name} q{q}", e) for name, es in kinds.items() for q, e in enumerate(es, start=1)])


def incidence(
    df: pd.DataFrame,
    *,
    welfare: str,
    benefit: str,
    groups: int = 5,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
) -> Incidence:
    """Benefit and beneficiary incidence and coverage, by quantile of `welfare`.

    Whether `welfare` is before or after the transfer is for you to choose and to say. A beneficiary has
    benefit > 0. The count behind a share of benefits is the beneficiary households of that quantile, because
    that is the cell. Quantile edges are treated as known.

    Raises:
        EvaluationError: when a column cannot be used, a benefit is negative, or nobody receives any.
    """
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    t = _benefits(df, benefit)
    d = (t > 0).astype(np.float64)
    group = quantile_codes(numbers(df, welfare), design.weight, groups)
    cells = [(group == q).astype(np.float64) for q in range(1, groups + 1)]

    def share(amount: FloatArray, cell: FloatArray, of: str) -> Estimate:
        value, influence = design.ratio_parts(amount * cell, amount)
        spread = design.estimate(value, influence, base=amount > 0, denominator=of, share=True)
        return _counted(spread, design, (amount * cell) > 0)

    return Incidence(
        benefit=tuple(share(t, cell, "benefits") for cell in cells),
        beneficiary=tuple(share(d, cell, "beneficiaries") for cell in cells),
        coverage=tuple(design.ratio(d * cell, cell, denominator="quantile", share=True) for cell in cells),
    )


def concentration(
    df: pd.DataFrame,
    *,
    welfare: str,
    benefit: str,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
) -> Estimate:
    """Concentration coefficient C = 2 cov_w(t, R) / mean(t), R the weighted mid-rank of `welfare`.

    Between -1 and 1; NEGATIVE means pro-poor (Ravallion 2009 prints -C). The error is that of the influence
    function

        IF_i = (2 / mu) [t_i R_i + A_i - 2T] - (2T / mu^2) (t_i - mu),   T = E[t R],

    with A_i the mean of t over those above i in rank (half for ties), i.e. the rank is not taken as known.
    """
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    t = _benefits(df, benefit)
    value, influence = concentration_parts(design, numbers(df, welfare), t)
    return design.estimate(value, influence, base=t > 0, denominator="benefits")


def concentration_parts(design: Design, x: FloatArray, t: FloatArray) -> tuple[float, FloatArray]:
    """C of `t` over ranks of `x`, and its influences, shape (rows,). The Gini is C of x on x."""
    w = design.weight / design.weight.sum()
    rank = midrank(x, w)
    mean = float(np.sum(w * t))
    if mean == 0:
        return float("nan"), np.full(design.size, np.nan)
    cross = float(np.sum(w * t * rank))
    cross_influence = t * rank + mass_above(x, w, t) - 2 * cross
    influence = 2 / mean * cross_influence - 2 * cross / mean**2 * (t - mean)
    return 2 * cross / mean - 1, w * influence


def _benefits(df: pd.DataFrame, name: str) -> FloatArray:
    t = numbers(df, name)
    if (t < 0).any():
        raise EvaluationError(
            f"Column {name!r} has negative amounts. Net out reversals per household first, "
            "so that a benefit is 0 or more."
        )
    if not (t > 0).any():
        raise EvaluationError(
            f"Nobody in this table receives anything in {name!r}. Check the column and the filter."
        )
    return t


def _counted(e: Estimate, design: Design, rows: BoolArray) -> Estimate:
    n = len(np.unique(design.household[rows & (design.weight > 0)]))
    return Estimate(e.estimate, e.se, e.ci_low, e.ci_high, e.denominator, n)
