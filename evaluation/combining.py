"""Combining the same estimate from m synthetic tables into one, with an error that counts the synthesis too.

Sources: Raghunathan, Reiter and Rubin (2003), Multiple imputation for statistical disclosure limitation (fully
synthetic); Reiter (2002), Satisfying disclosure restrictions with synthetic data sets (its adjustment where the
variance would be negative); Reiter (2003), Inference for partially synthetic, public use microdata sets; Raab, Nowok
and Dibben (2016), Practical data synthesis for large samples (tables drawn from one fitted model).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import stats

from evaluation.errors import EvaluationError
from evaluation.survey import CONFIDENCE

Synthesis = Literal["fully", "partially", "fitted_once"]


@dataclass(frozen=True, slots=True)
class Combined:
    """One estimate from m syntheses.

    Args:
        estimate: the mean of the m estimates.
        se: root of `total`.
        ci_low, ci_high: 95 % limits, Student's t with `df` degrees of freedom.
        between: b, the variance of the m estimates; 0 for one table.
        within: v, the mean of the m variances.
        total: (1 + 1/m) b - v for fully, v + b/m for partially synthetic tables, v (k/n + 1/m) for tables of one fit.
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
    estimates: Sequence[float],
    variances: Sequence[float],
    *,
    kind: Synthesis,
    size_ratio: float | None = None,
) -> Combined:
    """The estimate and its error from m synthetic tables.

    Compute the estimate and its variance (the squared standard error) on each of the m tables as if it were
    real, and hand over both lists.

    Args:
        estimates: q, one for each table.
        variances: u, one for each table, in the square of the estimate's unit.
        kind: "fully" where each table is a new sample of people of whom none is in the data, from a model whose
            parameters were drawn anew for it; "partially" where values were replaced in the rows of the people who are
            there; "fitted_once" where all tables were drawn from one fitted model, as our methods of synthesis do: one
            table is then enough. It supposes that the model is right, and counts no noise of differential privacy.
        size_ratio: k/n, rows of a synthetic table over rows that were learnt from; for "fitted_once" alone.

    Returns:
        Combined. For fully synthetic tables T = (1 + 1/m) b - v; where that is not positive, v stands in its place,
        Reiter's adjustment for tables of the size of the original, and `adjusted` says so.

    Raises:
        EvaluationError: with fewer than two tables (one for "fitted_once"), lists of different lengths, numbers that
            are not finite, or a ratio of sizes where it does not belong.
    """
    q, u = np.asarray(estimates, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if q.ndim != 1 or q.shape != u.shape:
        raise EvaluationError("Give one estimate and one variance for each synthetic table.")
    if kind not in get_args(Synthesis):
        raise EvaluationError('The kind of synthesis is "fully", "partially" or "fitted_once".')
    if len(q) < (1 if kind == "fitted_once" else 2):
        raise EvaluationError("Combining needs two synthetic tables or more; five or more are better.")
    if (size_ratio is not None) != (kind == "fitted_once") or not (
        size_ratio is None or 0 < size_ratio < math.inf
    ):
        raise EvaluationError(
            'Tables of one fit ("fitted_once"), and only they, need size_ratio: the rows of a synthetic table '
            "divided by the rows that were learnt from."
        )
    if not (np.isfinite(q).all() and np.isfinite(u).all()) or (u < 0).any():
        raise EvaluationError(
            "Estimates must be finite and variances finite and not negative. Leave no table out: find out why it "
            "gave none."
        )
    m = len(q)
    between, within = float(q.var(ddof=1)) if m > 1 else 0.0, float(u.mean())
    adjusted = False
    if size_ratio is not None:
        return _combined(float(q.mean()), within * (size_ratio + 1 / m), math.inf, (between, within), m)
    if kind == "partially":
        added = between / m
        total = within + added
        more = 1 + within / added if added > 0 else math.inf
        df = (m - 1) * more * more  # not a power: that raises where a product is infinite
    else:
        inflated = (1 + 1 / m) * between
        total = inflated - within
        adjusted = total <= 0
        total = within if adjusted else total
        # The reference distribution of the unadjusted variance has no meaning for a negative one.
        df = float(m - 1) if adjusted else (m - 1) * (1 - within / inflated) ** 2
        df = max(df, 1.0)
    return _combined(float(q.mean()), total, df, (between, within), m, adjusted=adjusted)


def _combined(
    value: float, total: float, df: float, parts: tuple[float, float], m: int, *, adjusted: bool = False
) -> Combined:
    se, tail = math.sqrt(total), 0.5 + CONFIDENCE / 2
    reach = float(stats.t.ppf(tail, df)) if math.isfinite(df) else float(stats.norm.ppf(tail))
    return Combined(value, se, value - reach * se, value + reach * se, *parts, total, df, m, adjusted)
