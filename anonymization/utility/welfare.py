"""What protection does to poverty and inequality, and to how a programme's benefits fall on the distribution."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from evaluation import Estimate, EvaluationError, cgh, concentration, fgt, gini

from .coding import ordered
from .sides import compared
from .targeting import TargetingQuestion

_POVERTY = {"headcount": 0, "poverty_gap": 1, "severity": 2}


def compare_welfare(
    original: pd.DataFrame, protected: pd.DataFrame, question: TargetingQuestion
) -> dict[str, Any]:
    """Poverty, inequality and how benefits fall, each with errors on both sides.

    FGT 0, 1, 2 and Gini of `question.welfare`; for each programme its concentration coefficient and the CGH index of
    the poorest 40 %. Empty when the question has no welfare and line. Rows in which a needed value is missing are left
    out on each side.
    """
    if not question.welfare or not math.isfinite(question.line):
        return {}
    whole = _both(original, protected, question, "")
    return {
        "distribution": whole,
        "programmes": {b: _both(original, protected, question, b) for b in question.beneficiaries},
    }


def _both(
    original: pd.DataFrame, protected: pd.DataFrame, question: TargetingQuestion, programme: str
) -> dict[str, Any]:
    sides = [_measure(side, question, programme) for side in (original, protected)]
    named = zip(("original", "protected"), sides, strict=True)
    why = [f"{side}: {found}" for side, found in named if isinstance(found, str)]
    before, after = sides
    if isinstance(before, str) or isinstance(after, str):
        return {"why": " ".join(why), "metrics": {}}
    return {"why": "", "metrics": {name: compared(before[name], after[name]) for name in before}}


def _measure(df: pd.DataFrame, question: TargetingQuestion, programme: str) -> dict[str, Estimate] | str:
    """Estimates by metric, or a sentence."""
    needed = [question.welfare, *(c for c in (programme, question.weight, question.cluster) if c)]
    absent = [c for c in needed if c not in df.columns]
    if absent:
        return f"The column {absent[0]} is not in the table."
    rows = df.dropna(subset=needed)
    welfare = ordered(rows[question.welfare]) if len(rows) else None
    benefit = ordered(rows[programme]) if programme and len(rows) else None
    if not len(rows):
        return "No row has all the values that are needed."
    if welfare is None or (programme and benefit is None):
        return f"The column {question.welfare if welfare is None else programme} no longer holds numbers or yes and no."
    work = pd.DataFrame({"welfare": welfare})
    how: dict[str, Any] = {}
    for word, column in (("weight", question.weight), ("cluster", question.cluster)):
        if column:
            work[word] = rows[column].to_numpy()
            how[word] = word
    try:
        if not programme:
            found = {
                name: fgt(work, welfare="welfare", line=question.line, alpha=alpha, **how)
                for name, alpha in _POVERTY.items()
            }
            return {**found, "gini": gini(work, welfare="welfare", **how)}
        work["benefit"] = benefit
        return {
            "concentration": concentration(work, welfare="welfare", benefit="benefit", **how),
            "cgh_poorest_40": cgh(work, welfare="welfare", benefit="benefit", **how),
        }
    except EvaluationError as error:
        return str(error)
