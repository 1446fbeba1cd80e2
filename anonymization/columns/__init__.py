"""Columns: what each column of a table is, proposed with its reason, and decided by a steward.

lexicon and kinds.yaml (what names say), sampling (a bounded look), written, national and counted (what values give
away), judging and across (both heard together, and over the table), treatments (what a recipe would do), proposal (the
document), confirming (who decided what, when and why), comparing (on a new extract), drafting (the recipe).
"""

from __future__ import annotations

from anonymization.columns.classifying import classify
from anonymization.columns.proposal import Classification, ClassificationProblem, load_classification

__all__ = ["Classification", "ClassificationProblem", "classify", "load_classification"]
