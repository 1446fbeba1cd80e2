"""Utility: what protection costs the people who use the data.

`coding` common levels, `marginals` and `correlations` what moved, `loss` by how much numbers moved, `propensity`
whether a model can tell, `discriminator` whether trees can, `models` regressions and `prediction` what a model learnt
from the table is worth, `targeting`, `welfare` and `cutoff` what an evaluator would answer before and after, `trees`
what is taken of scikit-learn, `report` all of it as one dictionary, `render` the same in words
(`python -m anonymization.utility`). Aggregates only.
"""

from __future__ import annotations

from .correlations import correlation_change
from .cutoff import CutoffQuestion, compare_cutoff
from .discriminator import distinguish
from .loss import information_loss
from .marginals import one_way, three_way, two_way
from .models import ModelQuestion, compare_models
from .prediction import compare_predictions
from .propensity import propensity
from .render import render
from .report import utility_report
from .targeting import TargetingQuestion, compare_targeting
from .welfare import compare_welfare

__all__ = [
    "CutoffQuestion",
    "ModelQuestion",
    "TargetingQuestion",
    "compare_cutoff",
    "compare_models",
    "compare_predictions",
    "compare_targeting",
    "compare_welfare",
    "correlation_change",
    "distinguish",
    "information_loss",
    "one_way",
    "propensity",
    "render",
    "three_way",
    "two_way",
    "utility_report",
]
