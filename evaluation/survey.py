"""Estimates with honest errors: ultimate-cluster Taylor linearisation.

Every estimator in this package hands over a value and, for each row, its linearised contribution
("influence"). The variance of their total is

    V = sum_h n_h / (n_h - 1) * sum_c (z_hc - zbar_h)^2

over strata h and primary sampling units (PSUs) c, with z_hc the PSU's total of the influences: Wolter,
Introduction to Variance Estimation (2007), ch. 6; Binder (1983); Deville (1999) for non-linear functionals.
A stratum with a single PSU is centred at the mean over all PSUs, which is what R's `survey` calls "adjust".
Estimates for a part of the population keep all PSUs of the sample (Lumley, Complex Surveys, 2010, s. 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import pandas as pd
from scipy import stats

from evaluation.columns import BoolArray, FloatArray, IntArray, codes, weights

#: What every `.table()` gives, in this order.
COLUMNS = ("indicator", "denominator", "estimate", "se", "ci_low", "ci_high", "n_households")

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its error.

    Args:
        estimate: the value; NaN when its denominator is empty.
        se: linearised standard error; NaN when fewer than two PSUs stand behind it.
        ci_low, ci_high: 95 % confidence limits.
        denominator: what the number is a share or mean of, in words.
        n: distinct households (unweighted) in that denominator: the count that disclosure control asks for.
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    denominator: str
    n: int


@dataclass(frozen=True, slots=True)
class Design:
    """How the rows were drawn. Arrays have one entry per row, except `psu_stratum`: one per PSU.

    Args:
        weight: sampling weight.
        psu: code of the primary sampling unit; codes are nested in strata.
        psu_stratum: stratum of each PSU.
        household: code of the household.
    """

    weight: FloatArray
    psu: IntArray
    psu_stratum: IntArray
    household: IntArray

    @classmethod
    def of(
        cls,
        df: pd.DataFrame,
        *,
        weight: str | None = None,
        cluster: str | None = None,
        stratum: str | None = None,
        household: str | None = None,
    ) -> Self:
        """The design of `df`, whose rows are households, or persons when `household` names their household.

        Without `cluster` the household is the PSU; without `stratum` there is one.
        """
        w = weights(df, weight)
        rows = np.arange(len(df), dtype=np.int64)
        home = rows if household is None else codes(df, household)
        unit = home if cluster is None else codes(df, cluster)
        layer = np.zeros_like(rows) if stratum is None else codes(df, stratum)
        pairs, psu = np.unique(np.column_stack([layer, unit]), axis=0, return_inverse=True)
        return cls(w, psu.reshape(-1).astype(np.int64), pairs[:, 0], home)

    @property
    def size(self) -> int:
        return len(self.weight)

    def standard_error(self, influence: FloatArray) -> float:
        """Root of the variance of the total of `influence`, shape (rows,). NaN with fewer than two PSUs."""
        psus = len(self.psu_stratum)
        if psus < 2:
            return float("nan")
        totals = np.bincount(self.psu, weights=influence, minlength=psus)
        in_stratum = np.bincount(self.psu_stratum)
        means = np.bincount(self.psu_stratum, weights=totals) / np.maximum(in_stratum, 1)
        means[in_stratum == 1] = totals.mean()
        scale = np.where(in_stratum > 1, in_stratum / np.maximum(in_stratum - 1, 1), 1.0)
        squares = (totals - means[self.psu_stratum]) ** 2
        return float(np.sqrt(np.sum(scale[self.psu_stratum] * squares)))

    def estimate(
        self, value: float, influence: FloatArray, *, base: BoolArray, denominator: str, share: bool = False
    ) -> Estimate:
        """`value` with its error.

        Args:
            value: the point estimate.
            influence: linearised contribution of each row, its weight included, shape (rows,).
            base: the rows in the denominator, shape (rows,).
            denominator: the same in words.
            share: whether the value is a share of `base`; its interval then stays inside 0 and 1.
        """
        base = base & (self.weight > 0)
        n = len(np.unique(self.household[base]))
        psus = np.unique(self.psu[base])
        if n == 0 or not np.isfinite(value):
            return Estimate(float("nan"), float("nan"), float("nan"), float("nan"), denominator, n)
        if len(psus) < 2:
            return Estimate(value, float("nan"), float("nan"), float("nan"), denominator, n)
        se = self.standard_error(influence)
        free = len(psus) - len(np.unique(self.psu_stratum[psus]))
        low, high = _interval(value, se, free if free > 0 else len(psus) - 1, len(psus), share=share)
        return Estimate(value, se, low, high, denominator, n)

    def ratio(
        self,
        top: FloatArray,
        bottom: FloatArray,
        *,
        denominator: str,
        base: BoolArray | None = None,
        share: bool = False,
    ) -> Estimate:
        """R = sum(w top) / sum(w bottom), with influence w (top - R bottom) / sum(w bottom).

        `base` says which rows count as the denominator; by default those where `bottom` is not zero.
        """
        value, influence = self.ratio_parts(top, bottom)
        rows = bottom != 0 if base is None else base
        return self.estimate(value, influence, base=rows, denominator=denominator, share=share)

    def ratio_parts(self, top: FloatArray, bottom: FloatArray) -> tuple[float, FloatArray]:
        """A ratio and its influences, for building differences and ratios of ratios."""
        below = float(np.sum(self.weight * bottom))
        if below == 0:
            return float("nan"), np.full(self.size, np.nan)
        value = float(np.sum(self.weight * top)) / below
        return value, self.weight * (top - value * bottom) / below


def _interval(value: float, se: float, free: int, psus: int, *, share: bool) -> tuple[float, float]:
    """95 % limits.

    Student's t with (PSUs - strata) degrees of freedom; for a share on the logit scale (Korn and Graubard,
    Analysis of Health Surveys, 1999, s. 3.3); for a share of exactly 0 or 1, where linearisation says
    nothing, the exact binomial limits (Clopper and Pearson, 1934) on the number of PSUs, which is on the
    wide side.
    """
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, free))
    if not share:
        return value - reach * se, value + reach * se
    tail = (1 - CONFIDENCE) / 2
    edge = 1e-12
    if value <= edge:
        return 0.0, float(1 - tail ** (1 / psus))
    if value >= 1 - edge:
        return float(tail ** (1 / psus)), 1.0
    centre = np.log(value / (1 - value))
    width = reach * se / (value * (1 - value))
    return float(1 / (1 + np.exp(width - centre))), float(1 / (1 + np.exp(-width - centre)))


def tidy(rows: Sequence[tuple[str, Estimate]]) -> pd.DataFrame:
    """Named estimates as a table with the columns of `COLUMNS`."""
    cells = [(name, e.denominator, e.estimate, e.se, e.ci_low, e.ci_high, e.n) for name, e in rows]
    return pd.DataFrame(cells, columns=list(COLUMNS))


@dataclass(frozen=True, slots=True)
class Indicators:
    """A result that is a set of named estimates."""

    def table(self) -> pd.DataFrame:
        """One row per indicator: indicator, denominator, estimate, se, ci_low, ci_high, n_households."""
        named = [(f.name, getattr(self, f.name)) for f in fields(self)]
        return tidy([(name, value) for name, value in named if isinstance(value, Estimate)])
