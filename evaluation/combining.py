"""Combining the same estimate from m synthetic tables into one, with an error that counts the synthesis too.

Sources: Raghunathan, Reiter and Rubin (2003), Multiple imputation for statistical disclosure limitation (fully
synthetic); Reiter (2002), Satisfying disclosure restrictions with synthetic data sets (its adjustment where the
variance would be negative); Reiter (2003), Inference for partially synthetic, public use microdata sets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from evaluation.errors import EvaluationError
from evaluation.survey import CONFIDENCE


@dataclass(frozen=True, slots=True)
class Combined:
    """One estimate from m syntheses.

    Args:
        estimate: the mean of the m estimates.
        se: root of `total`.
        ci_low, ci_high: 95 % limits, Student's t with `df` degrees of freedom.
        between: b, the variance of the m estimates.
        within: v, the mean of the m variances.
        total: (1 + 1/m) b - v for fully, v + b/m for partially synthetic tables.
        df: degrees of freedom; infinite where the synthesis adds nothing.
        m: how many syntheses.
        adjusted: whether the variance for fully synthetic tables came out at or below zero, and v stands in its place.
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    between: float
    within: float
    total: float
    df: float
    m: int
    adjusted: bool


def combine(
    estimates: Sequence[float], variances: Sequence[float], *, kind: Literal["fully", "partially"]
) -> Combined:
    """The estimate and its error from m synthetic tables.

    Compute the estimate and its variance (the squared standard error) on each of the m tables as if it were
    real, and hand over both lists.

    Args:
        estimates: q, one for each table.
        variances: u, one for each table, in the square of the estimate's unit.
        kind: "fully" where each table is a new sample of people of whom none is in the data; "partially" where
            values were replaced in the rows of the people who are there.

    Returns:
        Combined. For fully synthetic tables T = (1 + 1/m) b - v; where that is not positive, v stands in its place,
        Reiter's adjustment for tables of the size of the original, and `adjusted` says so.

    Raises:
        EvaluationError: with fewer than two tables, lists of different lengths, or numbers that are not finite.
    """
    q, u = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if q.ndim != 1 or q.shape != u.shape:
        raise EvaluationError("Give one estimate and one variance for each synthetic table.")
    if len(q) < 2:
        raise EvaluationError("Combining needs two synthetic tables or more; five or more are better.")
    if not (np.isfinite(q).all() and np.isfinite(u).all()) or (u < 0).any():
        raise EvaluationError(
            "Estimates must be finite and variances finite and not negative. Leave no table out: find out why it "
            "gave none."
        )
    if kind not in ("fully", "partially"):
        raise EvaluationError('The kind of synthesis is "fully" or "partially".')
    m = len(q)
    between, within = float(q.var(ddof=1)), float(u.mean())
    adjusted = False
    if kind == "partially":
        total = within + between / m
        df = (m - 1) * (1 + within / (between / m)) ** 2 if between > 0 else math.inf
    else:
        inflated = (1 + 1 / m) * between
        total = inflated - within
        adjusted = total <= 0
        total = within if adjusted else total
        # The reference distribution of the unadjusted variance has no meaning for a negative one.
        df = float(m - 1) if adjusted else (m - 1) * (1 - within / inflated) ** 2
        df = max(df, 1.0)
    value, se = float(q.mean()), math.sqrt(total)
    tail = 0.5 + CONFIDENCE / 2
    reach = float(stats.t.ppf(tail, df)) if math.isfinite(df) else float(stats.norm.ppf(tail))
    return Combined(
        value, se, value - reach * se, value + reach * se, between, within, total, df, m, adjusted
    )
