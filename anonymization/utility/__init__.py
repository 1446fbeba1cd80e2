"""Utility: what protection costs the people who use the data.

`coding` common levels, `marginals` and `correlations` what moved, `targeting` what an evaluator would answer
before and after, `report` all of it as one dictionary. Aggregates only.
"""

from __future__ import annotations

from .correlations import correlation_change
from .marginals import one_way, two_way
from .report import utility_report
from .targeting import TargetingQuestion, compare_targeting

__all__ = [
    "TargetingQuestion",
    "compare_targeting",
    "correlation_change",
    "one_way",
    "two_way",
    "utility_report",
]
