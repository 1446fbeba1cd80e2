"""Poverty and inequality, and what a transfer does to them on paper.

Sources: Foster, Greer and Thorbecke (FGT, 1984); Gini with its influence function, Deville (1999);
benefit-cost ratio, World Bank ADePT Social Protection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.columns import FloatArray, numbers
from evaluation.errors import EvaluationError
from evaluation.incidence import concentration_parts
from evaluation.survey import Design, Estimate, Indicators


def fgt(
    df: pd.DataFrame,
    *,
    welfare: str,
    line: float,
    alpha: int = 0,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
) -> Estimate:
    """FGT_a = sum w (1 - x/z)^a 1{x < z} / sum w: headcount (a = 0), poverty gap (1), severity (2).

    `line` is the poverty line z, in the units of `welfare`, and is taken as known: an estimated line (60 % of
    a median) has a variance of its own that is not in this error.
    """
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    gaps = _gaps(numbers(df, welfare), _line(line), alpha)
    return design.ratio(gaps, np.ones(len(df)), denominator="population", share=alpha == 0)


def gini(
    df: pd.DataFrame,
    *,
    welfare: str,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
) -> Estimate:
    """Gini G = 2 cov_w(x, R) / mean(x), R the weighted mid-rank of x; 0 to 1 when no x is negative."""
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    x = numbers(df, welfare)
    value, influence = concentration_parts(design, x, x)
    return design.estimate(value, influence, base=np.ones(len(df), dtype=bool), denominator="population")


@dataclass(frozen=True, slots=True)
class PovertyImpact(Indicators):
    """Poverty and inequality without and with a transfer: arithmetic, not behaviour.

    Args:
        headcount_*, gap_*, severity_*: FGT 0, 1 and 2; a reduction is without minus with.
        gini_*: Gini of welfare without and with the transfer; its reduction mixes in re-ranking.
        benefit_cost_ratio: (money gap without - money gap with) / money spent, between 0 and 1; 1 when all
            of the money closes gaps.
    """

    headcount_without: Estimate
    headcount_with: Estimate
    headcount_reduction: Estimate
    gap_without: Estimate
    gap_with: Estimate
    gap_reduction: Estimate
    severity_without: Estimate
    severity_with: Estimate
    severity_reduction: Estimate
    gini_without: Estimate
    gini_with: Estimate
    gini_reduction: Estimate
    benefit_cost_ratio: Estimate


def poverty_impact(
    df: pd.DataFrame,
    *,
    welfare: str,
    benefit: str,
    line: float,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
) -> PovertyImpact:
    """Simulated effect of a transfer: welfare observed (x, which includes it) against x - t.

    No behavioural response is modelled: say so when you publish. `welfare`, `benefit` and `line` share one
    unit, normally money per person, with `weight` counting persons.
    """
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    x, t, z = numbers(df, welfare), numbers(df, benefit), _line(line)
    one = np.ones(len(df))
    everybody = np.ones(len(df), dtype=bool)
    found: dict[str, Estimate] = {}
    for alpha, name in enumerate(("headcount", "gap", "severity")):
        without, with_it = _gaps(x - t, z, alpha), _gaps(x, z, alpha)
        is_share = alpha == 0
        found[f"{name}_without"] = design.ratio(without, one, denominator="population", share=is_share)
        found[f"{name}_with"] = design.ratio(with_it, one, denominator="population", share=is_share)
        found[f"{name}_reduction"] = design.ratio(without - with_it, one, denominator="population")
    gini_without, influence_without = concentration_parts(design, x - t, x - t)
    gini_with, influence_with = concentration_parts(design, x, x)
    for name, value, influence in (
        ("gini_without", gini_without, influence_without),
        ("gini_with", gini_with, influence_with),
        ("gini_reduction", gini_without - gini_with, influence_without - influence_with),
    ):
        found[name] = design.estimate(value, influence, base=everybody, denominator="population")
    closed = np.maximum(z - (x - t), 0) - np.maximum(z - x, 0)
    found["benefit_cost_ratio"] = design.ratio(closed, t, denominator="benefits")
    return PovertyImpact(**found)


def _line(line: float) -> float:
    if not (np.isfinite(line) and line > 0):
        raise EvaluationError(
            "The poverty line must be a positive number in the units of the welfare column."
        )
    return line


def _gaps(x: FloatArray, line: float, alpha: int) -> FloatArray:
    if alpha not in (0, 1, 2):
        raise EvaluationError("alpha must be 0 (headcount), 1 (poverty gap) or 2 (severity).")
    poor = x < line
    return np.where(poor, np.where(poor, 1 - x / line, 0.0) ** alpha, 0.0)
