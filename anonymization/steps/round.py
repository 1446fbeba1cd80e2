"""Rounds numbers to the nearest multiple of a base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed


@dataclass(frozen=True, slots=True)
class Round:
    """Args: columns: column to base, in the column's own unit; halves go to the even multiple."""

    kind: ClassVar[str] = "round"
    columns: Mapping[str, float]

    def plan(self, schema: Schema) -> Intent:
        for name, base in self.columns.items():
            if schema.must(name, self.kind).type not in (FieldType.INTEGER, FieldType.NUMBER):
                raise RecipeProblem([f"round: {name} does not hold numbers. Use generalise instead."])
            if base <= 0:
                raise RecipeProblem([f"round: the base of {name} must be above zero."])
        says = f"Rounds {listed([f'{name} to {base:g}' for name, base in self.columns.items()])}."
        return intent(self, schema, dict.fromkeys(self.columns, None), says)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:  # noqa: ARG002
        out = table.copy(deep=False)
        evidence: StepEvidence = {}
        for name, base in self.columns.items():
            values = pd.to_numeric(table[name], errors="coerce")
            rounded = (values.astype("float64") / base).round() * base
            if pd.api.types.is_integer_dtype(values) and float(base).is_integer():
                rounded = rounded.astype(values.dtype)
            out[name] = rounded
            moved = (rounded.astype("float64") - values.astype("float64")).abs()
            evidence[name] = {"base": base, "mean_shift": float(np.nan_to_num(moved.mean()))}
        return out, evidence
