"""What an evaluator asks of each dataset, as data; and what of it is synthesised."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
import yaml

from anonymization.recipe import packaged_recipe
from anonymization.schema import Schema, VariableRole
from anonymization.synth import SynthesisPlan
from anonymization.utility import ModelQuestion, TargetingQuestion
from enclave.catalogue.model import ColumnRole, Dataset


@cache
def _questions() -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = yaml.safe_load(
        (files("enclave.extracts") / "questions.yaml").read_text(encoding="utf-8")
    )
    return read


def question(slug: str) -> TargetingQuestion | None:
    """The targeting question of a dataset; None where none is kept for it."""
    asked = _questions().get(slug)
    if asked is None:
        return None
    return TargetingQuestion(
        beneficiaries=tuple(asked["beneficiaries"]),
        poor=asked.get("poor", ""),
        welfare=asked.get("welfare", ""),
        line=float(asked.get("line", "nan")),
    )


def models(slug: str) -> tuple[ModelQuestion, ...]:
    """The regressions that evaluators publish of a dataset."""
    return tuple(
        ModelQuestion(
            asked["name"],
            asked["outcome"],
            tuple(asked["on"]),
            asked.get("kind", "linear"),
            log=bool(asked.get("log", False)),
        )
        for asked in _questions().get(slug, {}).get("models", ())
    )


def synthesis_plan(table: pd.DataFrame, dataset: Dataset) -> SynthesisPlan:
    """Every released column that is neither a pseudonym nor free text, with the recipe's key variables as known."""
    left_out = {c.name for c in dataset.columns if c.role in {ColumnRole.DIRECT, ColumnRole.FREE_TEXT}}
    recipe = packaged_recipe(dataset.recipe)
    schema = Schema.infer(table, {str(c): recipe.roles[str(c)] for c in table.columns})
    columns = {f.name: f.type for f in schema.fields if f.name not in left_out}
    known = tuple(k for k in recipe.risk.keys if k in columns)
    asked = question(dataset.slug)
    covered = asked is not None and set(asked.columns) <= set(columns)
    return SynthesisPlan(
        columns=columns,
        # Chosen by `make bench-synth`: as faithful as another true sample, where a copula loses the targeting relation.
        method="cart",
        unit_id=dataset.unit_id if dataset.unit_id in table.columns else "",
        quasi_identifiers=known,
        sensitive=tuple(
            f.name for f in schema.fields if f.name in columns and f.role is VariableRole.SENSITIVE
        ),
        question=asked if covered else None,
        models=tuple(m for m in models(dataset.slug) if set(m.columns) <= set(columns)),
    )
