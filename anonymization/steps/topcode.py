"""Caps extreme values: everything beyond the cap becomes the cap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed

_NUMBERS = (FieldType.INTEGER, FieldType.NUMBER)


@dataclass(frozen=True, slots=True)
class Caps:
    """Args: top, bottom: the highest and lowest value that stays visible."""

    top: float | None = None
    bottom: float | None = None


@dataclass(frozen=True, slots=True)
class Topcode:
    kind: ClassVar[str] = "topcode"
    columns: Mapping[str, Caps]

    def plan(self, schema: Schema) -> Intent:
        for name, caps in self.columns.items():
            if schema.must(name, self.kind).type not in _NUMBERS:
                raise RecipeProblem([f"topcode: {name} does not hold numbers. Use generalise instead."])
            if caps.top is None and caps.bottom is None:
                raise RecipeProblem([f"topcode: {name} has neither a top nor a bottom. Give one."])
            if caps.top is not None and caps.bottom is not None and caps.top <= caps.bottom:
                raise RecipeProblem([f"topcode: the top of {name} is not above its bottom. Swap them."])
        says = f"Caps {listed(list(self.columns))}."
        return intent(self, schema, dict.fromkeys(self.columns, None), says)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:  # noqa: ARG002
        out = table.copy(deep=False)
        evidence: StepEvidence = {}
        for name, caps in self.columns.items():
            values = pd.to_numeric(table[name], errors="coerce")
            whole = pd.api.types.is_integer_dtype(values)
            top = None if caps.top is None else int(caps.top) if whole else caps.top
            bottom = None if caps.bottom is None else int(caps.bottom) if whole else caps.bottom
            out[name] = values.clip(lower=bottom, upper=top)
            evidence[name] = {
                "capped_above": 0 if top is None else int((values > top).sum()),
                "capped_below": 0 if bottom is None else int((values < bottom).sum()),
            }
        return out, evidence
