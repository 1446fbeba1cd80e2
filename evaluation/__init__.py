"""What evaluators compute, with errors: pandas in, results out.

A library of its own: numpy, pandas, scipy and statsmodels, nothing else of ours, so that it also runs inside
a sealed workspace. Every result has `.table()`: indicator, denominator, estimate, se, ci_low, ci_high,
n_households.
"""

from __future__ import annotations

from evaluation.adequacy import Adequacy, adequacy
from evaluation.agreement import Agreement, agreement, interval_overlap
from evaluation.combining import Combined, combine
from evaluation.errors import EvaluationError
from evaluation.impact import Discontinuity, balance, discontinuity
from evaluation.incidence import Incidence, concentration, incidence
from evaluation.overlap import Overlap, overlap
from evaluation.poverty import PovertyImpact, fgt, gini, poverty_impact
from evaluation.ranks import quantile_groups
from evaluation.regression import Regression, regress
from evaluation.survey import COLUMNS, Design, Estimate, tidy
from evaluation.targeting import Targeting, cgh, targeting, targeting_by

__all__ = [
    "COLUMNS",
    "Adequacy",
    "Agreement",
    "Combined",
    "Design",
    "Discontinuity",
    "Estimate",
    "EvaluationError",
    "Incidence",
    "Overlap",
    "PovertyImpact",
    "Regression",
    "Targeting",
    "adequacy",
    "agreement",
    "balance",
    "cgh",
    "combine",
    "concentration",
    "discontinuity",
    "fgt",
    "gini",
    "incidence",
    "interval_overlap",
    "overlap",
    "poverty_impact",
    "quantile_groups",
    "regress",
    "targeting",
    "targeting_by",
    "tidy",
]
