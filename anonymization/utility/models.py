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
    original: pd.DataFrame,
    syntheses: Sequence[pd.DataFrame],
    questions: Sequence[ModelQuestion],
    *,
    fresh: bool = False,
) -> dict[str, dict[str, Any]]:
    """For each model each coefficient with its errors: original, first synthetic table, all of them combined.

    Args:
        original: the rows that were learnt from.
        syntheses: tables, the one to be released first.
        questions: the models.
        fresh: whether each table's parameters were drawn anew (the rule for fully synthetic tables), or all tables are
            of one fit.

    Returns:
        By name: `why` (a sentence where a side could not be fitted), `overlap` (mean over the
        coefficients that leave zero out on the real side, or over all but the constant where none does, the released
        table's interval against the original's), `kept` (the share of all whose sign and significance are kept),
        `reversed` (how many point the other way with significance), `combined_overlap` (of all
        tables combined), `rule`, `coefficients`. Where the original cannot be fitted the figures are None; where a
        synthetic table cannot be, 0.
    """
    return {q.name: _one(original, syntheses, q, fresh=fresh) for q in questions}


def _one(
    original: pd.DataFrame, syntheses: Sequence[pd.DataFrame], question: ModelQuestion, *, fresh: bool
) -> dict[str, Any]:
    head = {"outcome": question.outcome, "kind": question.kind, "log": question.log, "m": len(syntheses)}
    figures = ("overlap", "kept", "reversed", "combined_overlap")
    try:
        levels = levels_of(original, question)
        rows = usable(original, question, levels)
        before = _fit(rows, question, levels)
    except KeyError:
        return {
            **head,
            **dict.fromkeys(figures),
            "why": "original: A column of the model is not in the table.",
        }
    except EvaluationError as error:
        return {**head, **dict.fromkeys(figures), "why": f"original: {error}"}
    told = [t for t, e in before.coefficients.items() if t != "constant" and np.isfinite(e.se) and e.se > 0]
    if not told:
        return {**head, **dict.fromkeys(figures), "why": "original: No coefficient can be told."}
    try:
        parts = [usable(df, question, levels) for df in syntheses]
        after = [_fit(part, question, levels) for part in parts]
    except EvaluationError as error:
        lost = {**dict.fromkeys(figures, 0.0), "reversed": 0}
        return {**head, **lost, "why": f"synthetic: {error}"}
    ratio = None if fresh and len(parts) > 1 else len(parts[0]) / len(rows)
    coefficients = {t: _coefficient(t, before, after, ratio) for t in told}
    # What says nothing on the real side cannot be lost, and would hide what was.
    telling = [c for c in coefficients.values() if c["significant"]] or list(coefficients.values())
    return {
        **head,
        "why": "",
        "rows": {"original": len(rows), "synthetic": len(parts[0])},
        "left_out": {
            "original": 1 - len(rows) / len(original),
            "synthetic": 1 - len(parts[0]) / len(syntheses[0]),
        },
        "fit": {"original": before.fit, "synthetic": after[0].fit},
        "overlap": float(np.mean([c["overlap"] for c in telling])),
        "overlap_of_all": float(np.mean([c["overlap"] for c in coefficients.values()])),
        "kept": float(np.mean([c["kept"] for c in coefficients.values()])),
        "reversed": sum(c["reversed"] for c in coefficients.values()),
        "combined_overlap": float(np.mean([c["combined"]["overlap"] for c in telling])),
        "rule": "fully synthetic tables" if ratio is None else "tables of one fit",
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


def _coefficient(
    term: str, before: Regression, after: Sequence[Regression], ratio: float | None
) -> dict[str, Any]:
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
        "reversed": found.reversed,
        "combined": _combined(first, [a.coefficients[term] for a in after], ratio),
    }


def _combined(first: Estimate, after: Sequence[Estimate], ratio: float | None) -> dict[str, Any]:
    """All tables as one estimate; `ratio` of sizes where they are of one fit, None where parameters were drawn anew."""
    if not all(np.isfinite(e.se) for e in after):
        return {"estimate": None, "se": None, "overlap": 0.0, "adjusted": None}
    values, errors = [e.estimate for e in after], [e.se**2 for e in after]
    one = combine(values, errors, kind="fully" if ratio is None else "fitted_once", size_ratio=ratio)
    return {
        "estimate": one.estimate,
        "se": one.se,
        "overlap": interval_overlap((first.ci_low, first.ci_high), (one.ci_low, one.ci_high)),
        "adjusted": one.adjusted,
    }
