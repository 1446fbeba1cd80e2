"""Rank swapping: numbers change places between records whose ranks are near, never across a cut-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from anonymization.draws import uniforms
from anonymization.perturb.swap import rank_swap
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed
from anonymization.steps.gather import Entries, Floats, Gathered, Part, put_back, sides
from anonymization.steps.wrong import (
    by_unit,
    missing_cutoffs,
    refuse,
    wrong_columns,
    wrong_cutoffs,
    wrong_unit,
)

_STREAMS = 6


@dataclass(frozen=True, slots=True)
class Swapped:
    """The new values of each partition's entries, and the evidence."""

    parts: tuple[Floats, ...]
    evidence: StepEvidence


@dataclass(frozen=True, slots=True)
class RankSwap:
    """Swaps values of each column by itself: its distribution stays as it was, its relations weaken.

    Every published value is some record's true value: where the value itself is the secret (a large income), cap or
    aggregate it too. Memory: 8 bytes x rows x (variables + 1) for the scan, and 80 bytes x rows while one column is
    swapped.

    Args:
        columns: numbers.
        window: the widest distance in ranks as a share of the records, in (0, 1]; 0.05 is usual.
        unit: where rows share a household, its column: households swap, and their rows keep one value.
        cutoffs: column to the values across which nothing is swapped.
    """

    kind: ClassVar[str] = "rank_swap"
    columns: tuple[str, ...]
    window: float
    unit: str = ""
    cutoffs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def plan(self, schema: Schema) -> Intent:
        problems = wrong_columns(self.kind, self.columns, schema, numbers=True)
        problems += wrong_unit(self.kind, self.unit, self.columns, schema)
        problems += wrong_cutoffs(self.kind, self.cutoffs, self.columns)
        if not 0 < self.window <= 1:
            problems.append(
                "rank_swap: the window must be above 0 and at most 1 (0.05 is five in a hundred)."
            )
        refuse(problems)
        kept = f", never across the cut-offs of {listed(list(self.cutoffs))}" if self.cutoffs else ""
        says = (
            f"Swaps values of {listed(self.columns)} between records at most {self.window:.1%} of all ranks "
            f"apart{kept}{by_unit(self.unit)}."
        )
        types: dict[str, FieldType | None] = dict.fromkeys(self.columns)
        return intent(self, schema, types, says, also_reads=(self.unit,) if self.unit else ())

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        return missing_cutoffs(self.kind, self.cutoffs, protected)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> Part:
        return Part.of(table, self.columns, self.unit, context)

    def decide(self, scans: Sequence[Part], context: Context) -> Swapped:
        every = Gathered.of(scans)
        new = every.data.copy()
        evidence: StepEvidence = {"window": self.window, "counted": "households" if self.unit else "records"}
        for j, name in enumerate(self.columns):
            held = np.flatnonzero(~np.isnan(every.data[:, j]))
            x = every.data[held, j]
            ranks = max(1, int(self.window * len(x)))
            draws = np.column_stack(
                [
                    uniforms(context.keys, context.scope, f"{self.kind}:{name}", every.numbers[held], stream)
                    for stream in range(_STREAMS)
                ]
            )
            side = sides(x, self.cutoffs.get(name, ()))
            swapped = 0
            for here in (np.flatnonzero(side == s) for s in np.unique(side)):
                partner = rank_swap(x[here], ranks, draws[here])
                new[held[here], j] = x[here[partner]]
                swapped += int((partner != np.arange(len(here))).sum())
            alike = float(spearmanr(x, new[held, j]).statistic) if len(x) > 2 and np.ptp(x) > 0 else 1.0
            evidence[name] = {"ranks": ranks, "swapped": swapped, "rank_correlation_with_original": alike}
        return Swapped(every.split(new), evidence)

    def carry_out(
        self, table: pd.DataFrame, decision: Swapped, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        entries = Entries.of(table, self.unit, context)
        out = table.copy(deep=False)
        new = decision.parts[context.part]
        for j, name in enumerate(self.columns):
            whole = pd.api.types.is_integer_dtype(table[name].dtype)
            out[name] = put_back(table, name, new[entries.of_row, j], whole=whole)
        return out, {"global": decision.evidence}
