"""Row order and sampling: a registry's order says who came next to whom, and a sample adds doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.risk.units import unit_numbers
from anonymization.schema import Schema
from anonymization.steps.base import Context, Intent, StepEvidence


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Puts the rows in a secret order (a household's rows may part)."""

    kind: ClassVar[str] = "shuffle"

    def plan(self, schema: Schema) -> Intent:
        return Intent(self.kind, (), (), (), schema, "Puts the rows in a secret order.", rows="reordered")

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        order = np.random.default_rng(context.keys.seed(context.scope, self.kind)).permutation(len(table))
        return table.iloc[order], {"rows": len(table)}


@dataclass(frozen=True, slots=True)
class Sample:
    """Keeps a random share.

    Args:
        fraction: share of households (or rows) that stay, in (0, 1).
        unit: the household's column, "" for rows.
    """

    kind: ClassVar[str] = "sample"
    fraction: float
    unit: str = ""

    def plan(self, schema: Schema) -> Intent:
        if not 0 < self.fraction < 1:
            raise RecipeProblem(["sample: the fraction must lie between 0 and 1."])
        if self.unit:
            schema.must(self.unit, self.kind)
        what = "households" if self.unit else "rows"
        reads = (self.unit,) if self.unit else ()
        return Intent(
            self.kind, reads, (), (), schema, f"Keeps {self.fraction:.0%} of the {what}.", rows="fewer"
        )

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        numbers = unit_numbers(table, self.unit) if self.unit else np.arange(len(table))
        units = int(numbers.max(initial=-1)) + 1
        rng = np.random.default_rng(context.keys.seed(context.scope, self.kind))
        chosen = np.zeros(units, dtype=bool)
        chosen[rng.permutation(units)[: round(self.fraction * units)]] = True
        out = table.iloc[np.flatnonzero(chosen[numbers])]
        return out, {
            "rows_before": len(table),
            "rows_after": len(out),
            "units_before": units,
            "units_after": int(chosen.sum()),
        }
