"""What protection does to the answer that an evaluator would give: targeting accuracy, both ways."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evaluation import EvaluationError, targeting

from .coding import ordered
from .sides import compared

_METRICS = (
    "coverage", "coverage_of_poor", "exclusion_error", "inclusion_error", "leakage", "error_rate",
    "targeting_differential", "cgh_index",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TargetingQuestion:
    """Who is poor, who benefits.

    Args:
        beneficiaries: columns of yes and no, one for each programme.
        poor: column of yes and no; or leave it out and give the next two.
        welfare: column of welfare for each person or household, in money.
        line: below it a household is poor, in the unit of `welfare`.
        weight: column of weights, "" where every row counts once.
        cluster: column of primary sampling units (or households, when rows are persons) for the errors, "" for rows.
    """

    beneficiaries: tuple[str, ...]
    poor: str = ""
    welfare: str = ""
    line: float = math.nan
    weight: str = ""
    cluster: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.beneficiaries, *(c for c in (self.poor, self.welfare, self.weight, self.cluster) if c))


def compare_targeting(
    original: pd.DataFrame, protected: pd.DataFrame, question: TargetingQuestion
) -> dict[str, dict[str, Any]]:
    """For each programme, each metric with its denominator, standard errors on both sides, and the change.

    Rows in which a needed value is missing are left out on each side, and their share is told. Where a side
    cannot be computed, `why` says so and the estimates are None.
    """
    return {b: _one(original, protected, question, b) for b in question.beneficiaries}


def _one(
    original: pd.DataFrame, protected: pd.DataFrame, question: TargetingQuestion, programme: str
) -> dict[str, Any]:
    sides = {
        "original": _measure(original, question, programme),
        "protected": _measure(protected, question, programme),
    }
    why = [f"{side}: {found}" for side, found in sides.items() if isinstance(found, str)]
    if why:
        return {"why": " ".join(why), "metrics": {}}
    before, after = sides["original"], sides["protected"]
    metrics = {name: compared(before["estimates"][name], after["estimates"][name]) for name in _METRICS}
    left_out = {side: sides[side]["left_out"] for side in sides}
    return {"why": "", "left_out": left_out, "metrics": metrics}


def _measure(df: pd.DataFrame, question: TargetingQuestion, programme: str) -> Any:
    """Estimates by metric, or a sentence."""
    needed = [
        c for c in (programme, question.poor or question.welfare, question.weight, question.cluster) if c
    ]
    absent = [c for c in needed if c not in df.columns]
    if absent:
        return f"The column {absent[0]} is not in the table."
    rows = df.dropna(subset=needed)
    if not len(rows):
        return "No row has all the values that are needed."
    enrolled, standing = ordered(rows[programme]), ordered(rows[question.poor or question.welfare])
    if enrolled is None or standing is None:
        column = programme if enrolled is None else question.poor or question.welfare
        return f"The column {column} no longer holds numbers or yes and no."
    poor = standing != 0 if question.poor else standing < question.line
    work = pd.DataFrame({"beneficiary": enrolled != 0, "poor": poor}, index=rows.index)
    for word, column in (("weight", question.weight), ("cluster", question.cluster)):
        if column:
            work[word] = rows[column]
    try:
        found = targeting(
            work,
            poor="poor",
            beneficiary="beneficiary",
            weight="weight" if question.weight else None,
            cluster="cluster" if question.cluster else None,
        )
    except EvaluationError as error:
        return str(error)
    estimates = {name: getattr(found, name) for name in _METRICS}
    return {"estimates": estimates, "left_out": 1 - len(rows) / len(df)}
