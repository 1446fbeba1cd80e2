"""What an evaluator's regressions say of the synthetic tables, beside what they say of the rows that were learnt from.

Source: Karr et al. (2006) for the overlap of intervals; `evaluation.combining` for several tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from evaluation import Estimate, EvaluationError, Regression, agreement, combine, interval_overlap, regress

from .coding import ordered
from .sides import plain


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """A regression that evaluators would publish.

    Args:
        name: in a few words.
        outcome: column of numbers, or of yes and no.
        on: columns that explain it: numbers, yes and no, or words, which are taken as categories.
        kind: "linear" or "logistic".
        log: whether the logarithm of the outcome is modelled; rows without a positive outcome are left out.
        cluster: column of clusters for the errors, "" for rows.
    """

    name: str
    outcome: str
    on: tuple[str, ...]
    kind: Literal["linear", "logistic"] = "linear"
    log: bool = False
    cluster: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.outcome, *self.on, *((self.cluster,) if self.cluster else ()))


Levels = Mapping[str, tuple[str, ...]]


def levels_of(original: pd.DataFrame, question: ModelQuestion) -> Levels:
    """Levels of each column of words, the most frequent first: it is the one that others are compared with."""
    out = {}
    for name in question.on:
        if ordered(original[name]) is None:
            counts = original[name].dropna().astype(str).value_counts()
            out[name] = tuple(sorted(counts.index, key=lambda v: (-int(counts[v]), v)))
    return out


def usable(df: pd.DataFrame, question: ModelQuestion, levels: Levels) -> pd.DataFrame:
    """The rows that the model can use, numbers as floats and words as text.

    Raises:
        EvaluationError: when a column is not there or no longer holds what it held.
    """
    absent = [c for c in question.columns if c not in df.columns]
    if absent:
        raise EvaluationError(f"The column {absent[0]} is not in the table.")
    out: dict[str, Any] = {}
    for name in question.columns:
        if name in levels or name == question.cluster:
            words = df[name].astype(object).where(df[name].notna(), None)
            text = words.map(lambda v: None if v is None else str(v))
            known = text.isin(levels[name]) if name in levels else text.notna()
            out[name] = text.where(known, None).to_numpy()
            continue
        values = ordered(df[name])
        if values is None:
            raise EvaluationError(f"The column {name} no longer holds numbers or yes and no.")
        out[name] = (
            np.where(values > 0, values, np.nan) if question.log and name == question.outcome else values
        )
    return pd.DataFrame(out).dropna().reset_index(drop=True)


def compare_models(
    original: pd.DataFrame, syntheses: Sequence[pd.DataFrame], questions: Sequence[ModelQuestion]
) -> dict[str, dict[str, Any]]:
    """For each model each coefficient with its errors: original, first synthetic table, all of them combined.

    Args:
        original: the rows that were learnt from.
        syntheses: tables of one fitted model, the one to be released first.
        questions: the models.

    Returns:
        By name: `why` (a sentence where a side could not be fitted), `overlap` (mean over all coefficients but the
        constant, the released table's interval against the original's), `kept` (the share of them whose sign and
        significance are kept), `combined_overlap` (the same with all tables), `coefficients`. Where the original
        cannot be fitted the figures are None; where the synthetic table cannot be, 0.
    """
    return {q.name: _one(original, syntheses, q) for q in questions}


def _one(
    original: pd.DataFrame, syntheses: Sequence[pd.DataFrame], question: ModelQuestion
) -> dict[str, Any]:
    head = {"outcome": question.outcome, "kind": question.kind, "log": question.log, "m": len(syntheses)}
    try:
        levels = levels_of(original, question)
        rows = usable(original, question, levels)
        before = _fit(rows, question, levels)
    except (EvaluationError, KeyError) as error:
        why = (
            str(error) if isinstance(error, EvaluationError) else "A column of the model is not in the table."
        )
        return {**head, "why": f"original: {why}", "overlap": None, "kept": None, "combined_overlap": None}
    try:
        parts = [usable(df, question, levels) for df in syntheses]
        after = [_fit(part, question, levels) for part in parts]
    except EvaluationError as error:
        return {**head, "why": f"synthetic: {error}", "overlap": 0.0, "kept": 0.0, "combined_overlap": 0.0}
    told = [t for t, e in before.coefficients.items() if t != "constant" and np.isfinite(e.se) and e.se > 0]
    ratio = len(parts[0]) / len(rows)
    coefficients = {t: _coefficient(t, before, after, ratio) for t in told}
    return {
        **head,
        "why": "",
        "rows": {"original": len(rows), "synthetic": len(parts[0])},
        "left_out": {
            "original": 1 - len(rows) / len(original),
            "synthetic": 1 - len(parts[0]) / len(syntheses[0]),
        },
        "fit": {"original": before.fit, "synthetic": after[0].fit},
        "overlap": float(np.mean([c["overlap"] for c in coefficients.values()])),
        "kept": float(np.mean([c["kept"] for c in coefficients.values()])),
        "combined_overlap": float(np.mean([c["combined"]["overlap"] for c in coefficients.values()])),
        "coefficients": coefficients,
    }


def _fit(rows: pd.DataFrame, question: ModelQuestion, levels: Levels) -> Regression:
    return regress(
        rows,
        outcome=question.outcome,
        on=question.on,
        kind=question.kind,
        log=question.log,
        levels=levels,
        cluster=question.cluster or None,
    )


def _coefficient(term: str, before: Regression, after: Sequence[Regression], ratio: float) -> dict[str, Any]:
    first = before.coefficients[term]
    found = agreement(first, after[0].coefficients[term])
    return {
        "original": first.estimate,
        "original_se": first.se,
        "synthetic": plain(after[0].coefficients[term].estimate),
        "synthetic_se": plain(after[0].coefficients[term].se),
        "overlap": found.overlap,
        "standardised_difference": plain(found.standardised),
        "significant": found.significant,
        "kept": found.kept,
        "combined": _combined(first, [a.coefficients[term] for a in after], ratio),
    }


def _combined(first: Estimate, after: Sequence[Estimate], ratio: float) -> dict[str, Any]:
    """All tables as one estimate: by the rule for one fitted model, and by that for parameters drawn anew."""
    if not all(np.isfinite(e.se) for e in after):
        return {"estimate": None, "se": None, "overlap": 0.0, "fully_se": None, "fully_adjusted": None}
    values, errors = [e.estimate for e in after], [e.se**2 for e in after]
    one = combine(values, errors, kind="fitted_once", size_ratio=ratio)
    fully = combine(values, errors, kind="fully") if len(after) > 1 else None
    return {
        "estimate": one.estimate,
        "se": one.se,
        "overlap": interval_overlap((first.ci_low, first.ci_high), (one.ci_low, one.ci_high)),
        "fully_se": fully.se if fully else None,
        "fully_adjusted": fully.adjusted if fully else None,
    }
