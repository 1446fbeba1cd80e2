"""Drops columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from anonymization.schema import Schema
from anonymization.steps.base import Context, Intent, StepEvidence, listed


@dataclass(frozen=True, slots=True)
class Drop:
    kind: ClassVar[str] = "drop"
    columns: tuple[str, ...]

    def plan(self, schema: Schema) -> Intent:
        for name in self.columns:
            schema.must(name, self.kind)
        says = f"Drops {listed(self.columns)}."
        return Intent(
            self.kind, (), (), self.columns, schema.without(self.columns), says, treats=self.columns
        )

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:  # noqa: ARG002
        return table.drop(columns=list(self.columns)), {"global": {"columns": len(self.columns)}}
