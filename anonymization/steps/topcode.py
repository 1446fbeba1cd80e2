"""Caps extreme values: everything beyond the cap becomes the cap."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed
from anonymization.steps.wrong import refuse

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
        for name in self.columns:
            if schema.must(name, self.kind).type not in _NUMBERS:
                raise RecipeProblem([f"topcode: {name} does not hold numbers. Use generalise instead."])
        refuse(wrong_caps(self.kind, self.columns))
        says = f"Caps {listed(list(self.columns))}."
        return intent(self, schema, dict.fromkeys(self.columns, None), says)

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        return crossing_caps(self.kind, self.columns, protected)

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


def wrong_caps(kind: str, columns: Mapping[str, Caps]) -> list[str]:
    """Columns without a cap, or with caps the wrong way round."""
    out = [
        f"{kind}: {name} has neither a top nor a bottom. Give one."
        for name, caps in columns.items()
        if caps.top is None and caps.bottom is None
    ]
    return out + [
        f"{kind}: the top of {name} is not above its bottom. Swap them."
        for name, caps in columns.items()
        if caps.top is not None and caps.bottom is not None and caps.top <= caps.bottom
    ]


def crossing_caps(
    kind: str, columns: Mapping[str, Caps], protected: Mapping[str, tuple[float, ...]]
) -> list[str]:
    """Caps that move values to the other side of a protected cut-off; a value at a cut-off is above it."""
    out = []
    for name, cutoffs in protected.items():
        caps = columns[name]
        for cutoff in cutoffs:
            # Whole-number columns take the cap's whole part, so that must stay on its side too.
            if caps.top is not None and math.floor(caps.top) < cutoff:
                out.append(
                    f"{kind}: the top of {name} is below its cut-off {cutoff:g}. Raise it to {math.ceil(cutoff)}."
                )
            if caps.bottom is not None and math.ceil(caps.bottom) >= cutoff:
                out.append(f"{kind}: the bottom of {name} reaches its cut-off {cutoff:g}. Lower it below.")
    return out
