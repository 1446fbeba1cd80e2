"""What the gates weigh, measured on the tables themselves: facts for the policies, no judgement."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from anonymization.columns.left import identifiers_left
from anonymization.keys import normalise
from enclave.catalogue.model import ColumnRole, Dataset

#: Free-text cells are read as runs of letters, and as numbers with their separators taken out.
_NUMBER = re.compile(r"\d(?:[\d\s().\-/]*\d)?")
_SHORTEST_NUMBER = 7
#: The families of attacks, and the facts that policies weigh.
_ATTACKS = {
    "singling out": "singling_out_risk",
    "linkability": "linkability_risk",
    "inference": "inference_risk",
}


def microdata_facts(
    evidence: Mapping[str, Any], before: pd.DataFrame, after: pd.DataFrame, dataset: Dataset
) -> dict[str, object]:
    """Facts for the policy "deidentification"."""
    risk = evidence["risk"]["after"]
    kept = [k for k in risk["settings"]["keys"] if k in after.columns]
    blanks = float(after[kept].isna().to_numpy().mean()) if kept else 0.0
    earlier = [k for k in kept if k in before.columns]
    were = float(before[earlier].isna().to_numpy().mean()) if earlier else 0.0
    return {
        "direct_identifiers_left": sum(int(n) for n in evidence["identifiers_found_in_output"].values())
        + len(identifiers_left(after, {c.name: c.role.value for c in dataset.columns})),
        "undecided_columns": len(set(before.columns) - {c.name for c in dataset.columns}),
        "planted_identifiers_found": numbers_left(before, after, dataset),
        "k_minimum": int(risk["smallest_class"]),
        "expected_reidentifications_share": risk["expected_reidentifications"] / max(1, risk["records"]),
        "suppressed_cell_share": max(0.0, blanks - were),
        "rows_dropped_share": 1 - len(after) / max(1, len(before)),
        **attack_facts(evidence),
    }


def attack_facts(evidence: Mapping[str, Any]) -> dict[str, object]:
    """The upper confidence bound of the worst attack of each family; None where it was not made, which denies."""
    risks: Mapping[str, float] = evidence.get("attacks", {}).get("risks", {})
    facts: dict[str, object] = {}
    for family, fact in _ATTACKS.items():
        found = [risk for name, risk in risks.items() if name.startswith(f"{family}, ")]
        facts[fact] = max(found, default=None)
    return facts


def numbers_left(before: pd.DataFrame, after: pd.DataFrame, dataset: Dataset) -> int:
    """How many numbers of the registry (identity numbers, phones: 7 digits and more) still stand in released text."""
    direct = [c.name for c in dataset.columns if c.role is ColumnRole.DIRECT and c.name in before.columns]
    known = {
        d
        for name in direct
        for d in map(_digits, before[name].dropna().map(normalise))
        if len(d) >= _SHORTEST_NUMBER
    }
    texts = [c.name for c in dataset.columns if c.role is ColumnRole.FREE_TEXT and c.name in after.columns]
    return sum(
        _digits(number) in known
        for name in texts
        for text in after[name].dropna().astype(str)
        for number in _NUMBER.findall(text)
        if len(_digits(number)) >= _SHORTEST_NUMBER
    )


def _digits(text: str | None) -> str:
    return "".join(ch for ch in text or "" if ch.isdigit())


def synthetic_facts(evidence: Mapping[str, Any], made: pd.DataFrame, dataset: Dataset) -> dict[str, object]:
    """Facts for the policy "synthetic-data"."""
    roles = {c.name: c.role for c in dataset.columns}
    privacy, pairs = evidence["privacy"], evidence["quality"]["pairs"]
    return {
        "direct_identifiers_left": sum(
            roles.get(str(c)) is ColumnRole.DIRECT for c in made.columns if c != dataset.unit_id
        ),
        "free_text_columns": sum(roles.get(str(c)) is ColumnRole.FREE_TEXT for c in made.columns),
        "exact_copies_share": privacy["copies"]["all_columns"]["share_of_synthetic"],
        "closest_record_ratio": privacy["closest_record"]["median_ratio_to_holdout"],
        "two_way_total_variation": pairs["mean"],
        "three_way_total_variation": evidence["quality"]["triples"]["mean"],
        **fitness_facts(evidence),
        **attack_facts(evidence),
    }


def fitness_facts(evidence: Mapping[str, Any]) -> dict[str, object]:
    """What an evaluator's questions lost: targeting, regressions, prediction. A missing figure is None, which denies.

    A regression that the real rows themselves cannot be fitted with is no question that anybody could ask.
    """
    asked: Mapping[str, Any] = evidence["utility"]["targeting"]
    moved = [found["metrics"].get("targeting_differential", {}).get("change") for found in asked.values()]
    whole = bool(moved) and None not in moved
    return {
        "targeting_is_measured": bool(asked),
        "targeting_differential_error": max(map(abs, moved)) if whole else None,
        **_model_facts(evidence["utility"]),
    }


def _model_facts(utility: Mapping[str, Any]) -> dict[str, object]:
    """The worst model's figures."""
    asked = {n: m for n, m in utility.get("models", {}).items() if m["overlap"] is not None}
    losses = [utility["prediction"][name]["loss"] for name in asked]
    told = [loss for loss in losses if loss is not None]
    return {
        "models_are_measured": bool(asked),
        "regression_overlap": min((m["combined_overlap"] for m in asked.values()), default=None),
        "coefficients_reversed": sum(m["reversed"] for m in asked.values()) if asked else None,
        "prediction_loss": max(told, default=None),
        "discriminator_area": utility.get("discriminator", {}).get("area"),
    }
