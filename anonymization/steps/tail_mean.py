"""Top and bottom coding by the mean of the tail: totals stay, extreme values go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed
from anonymization.steps.gather import Entries, Floats, numbers_of, one_value_each, put_back
from anonymization.steps.topcode import Caps, crossing_caps, wrong_caps
from anonymization.steps.wrong import by_unit, refuse, wrong_columns, wrong_unit

#: For each column, the values below its bottom and above its top.
Tails = dict[str, tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class TailMean:
    """Everything beyond a cap becomes the mean of what is beyond it, so that sums and means are as before.

    Where fewer than `least` are beyond a cap their mean would tell too much: they get the cap itself, as `topcode`
    does. Memory: 8 bytes for each value beyond a cap.

    Args:
        columns: column to its caps.
        least: the fewest households (or rows) that one mean may stand for, at least 2.
        unit: where rows share a household, its column: a household counts once.
    """

    kind: ClassVar[str] = "tail_mean"
    columns: Mapping[str, Caps]
    least: int
    unit: str = ""

    def plan(self, schema: Schema) -> Intent:
        problems = wrong_columns(self.kind, list(self.columns), schema, numbers=True)
        problems += wrong_unit(self.kind, self.unit, list(self.columns), schema)
        problems += wrong_caps(self.kind, self.columns)
        if self.least < 2:
            problems.append("tail_mean: least must be at least 2, or a mean is one record's value.")
        refuse(problems)
        says = (
            f"Replaces the extreme values of {listed(list(self.columns))} by their mean, of at least "
            f"{self.least}{by_unit(self.unit)}."
        )
        types: dict[str, FieldType | None] = dict.fromkeys(self.columns)
        return intent(self, schema, types, says, also_reads=(self.unit,) if self.unit else ())

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        return crossing_caps(self.kind, self.columns, protected)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> Tails:
        entries = Entries.of(table, self.unit, context)
        out = {}
        for name, caps in self.columns.items():
            x = one_value_each(numbers_of(table, name), entries, name, self.unit)
            low, high = _beyond(x, caps)
            out[name] = (x[low], x[high])
        return out

    def decide(self, scans: Sequence[Tails], context: Context) -> dict[str, tuple[float, float]]:  # noqa: ARG002
        """For each column what stands for its bottom and its top."""
        out = {}
        for name, caps in self.columns.items():
            # Sorted, so that the sum does not hang on the order of the partitions.
            low, high = (np.sort(np.concatenate([s[name][i] for s in scans])) for i in (0, 1))
            bottom = float(low.mean()) if len(low) >= self.least else caps.bottom
            top = float(high.mean()) if len(high) >= self.least else caps.top
            out[name] = (np.nan if bottom is None else bottom, np.nan if top is None else top)
        return out

    def carry_out(
        self, table: pd.DataFrame, decision: Mapping[str, tuple[float, float]], context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        entries = Entries.of(table, self.unit, context)
        out = table.copy(deep=False)
        evidence: StepEvidence = {}
        for name, caps in self.columns.items():
            x = one_value_each(numbers_of(table, name), entries, name, self.unit)
            low, high = _beyond(x, caps)
            bottom, top = decision[name]
            new = np.where(high, top, np.where(low, bottom, x))[entries.of_row]
            whole = pd.api.types.is_integer_dtype(table[name].dtype)
            out[name] = put_back(table, name, new, whole=whole)
            evidence[name] = {"replaced_below": int(low.sum()), "replaced_above": int(high.sum())}
        return out, evidence


def _beyond(x: Floats, caps: Caps) -> tuple[np.ndarray, np.ndarray]:
    none = np.zeros(len(x), dtype=bool)
    low = none if caps.bottom is None else x < caps.bottom
    high = none if caps.top is None else x > caps.top
    return low, high
