"""Rounds numbers to a multiple of a base: the nearest, or at random the one below or above."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.draws import uniforms
from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed
from anonymization.steps.evidence import Mean
from anonymization.steps.gather import Entries, Floats, one_value_each
from anonymization.steps.wrong import missing_cutoffs, refuse, wrong_cutoffs, wrong_unit


@dataclass(frozen=True, slots=True)
class Round:
    """Rounds.

    Args:
        columns: column to base, in the column's own unit; halves go to the even multiple.
        random: round up with the probability of the remainder, so that sums stay right in expectation.
        unit: with `random`, where rows share a household, its column: one draw for each household.
        cutoffs: column to the values that rounding never crosses: a multiple on the other side gives way to the next
            one on the value's own side. A value at a cut-off is above it.
    """

    kind: ClassVar[str] = "round"
    columns: Mapping[str, float]
    random: bool = False
    unit: str = ""
    cutoffs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def plan(self, schema: Schema) -> Intent:
        for name, base in self.columns.items():
            if schema.must(name, self.kind).type not in (FieldType.INTEGER, FieldType.NUMBER):
                raise RecipeProblem([f"round: {name} does not hold numbers. Use generalise instead."])
            if base <= 0:
                raise RecipeProblem([f"round: the base of {name} must be above zero."])
        problems = wrong_unit(self.kind, self.unit, list(self.columns), schema)
        problems += wrong_cutoffs(self.kind, self.cutoffs, list(self.columns))
        if self.unit and not self.random:
            problems.append("round: unit has a meaning only with random rounding. Remove it.")
        problems += [
            f"round: between the cut-offs of {name} there is no multiple of its base. Take a smaller base."
            for name, cutoffs in self.cutoffs.items()
            if name in self.columns and not _room(sorted(cutoffs), self.columns[name])
        ]
        refuse(problems)
        how = ", up or down at random" if self.random else ""
        kept = f", never across the cut-offs of {listed(list(self.cutoffs))}" if self.cutoffs else ""
        says = f"Rounds {listed([f'{name} to {base:g}' for name, base in self.columns.items()])}{how}{kept}."
        also = (self.unit,) if self.unit else ()
        return intent(self, schema, dict.fromkeys(self.columns, None), says, also_reads=also)

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        return missing_cutoffs(self.kind, self.cutoffs, protected)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        out = table.copy(deep=False)
        evidence: StepEvidence = {}
        for name, base in self.columns.items():
            values = pd.to_numeric(table[name], errors="coerce")
            x = values.astype("float64")
            steps = (
                self._random_steps(table, name, np.asarray(x, dtype=np.float64), base, context)
                if self.random
                else (x / base).round()
            )
            rounded = steps * base
            for cutoff in self.cutoffs.get(name, ()):
                above, below = np.ceil(cutoff / base) * base, (np.ceil(cutoff / base) - 1) * base
                rounded = rounded.where(~((x >= cutoff) & (rounded < cutoff)), above)
                rounded = rounded.where(~((x < cutoff) & (rounded >= cutoff)), below)
            if pd.api.types.is_integer_dtype(values) and float(base).is_integer():
                rounded = rounded.astype(values.dtype)
            out[name] = rounded
            moved = (rounded.astype("float64") - values.astype("float64")).abs()
            evidence[name] = {
                "global": {"base": base, "random": self.random},
                "mean_shift": Mean(float(np.nan_to_num(moved.mean())), int(moved.notna().sum())),
            }
        return out, evidence

    def _random_steps(
        self, table: pd.DataFrame, name: str, x: Floats, base: float, context: Context
    ) -> pd.Series:
        """How many bases: the whole ones, and one more with the probability of the remainder."""
        entries = Entries.of(table, self.unit, context)
        one_value_each(x, entries, name, self.unit)
        draws = uniforms(context.keys, context.scope, f"{self.kind}:{name}", entries.numbers)[entries.of_row]
        whole = np.floor(x / base)
        return pd.Series(whole + (draws < x / base - whole), index=table.index)


def _room(cutoffs: list[float], base: float) -> bool:
    """Whether there is a multiple of the base from every cut-off up to (not at) the next."""
    return all(np.ceil(low / base) * base < high for low, high in itertools.pairwise(cutoffs))
