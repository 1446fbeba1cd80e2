"""Microaggregation: values are replaced by the mean of at least g alike records, never across a cut-off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from anonymization.perturb.mdav import group_means, lost, mdav
from anonymization.perturb.univariate import optimal_groups
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed
from anonymization.steps.gather import Entries, Floats, Gathered, Ints, Part, put_back, sides
from anonymization.steps.wrong import (
    by_unit,
    missing_cutoffs,
    refuse,
    wrong_columns,
    wrong_cutoffs,
    wrong_unit,
)


@dataclass(frozen=True, slots=True)
class Means:
    """What was decided: the new values of each partition's entries, and the evidence."""

    parts: tuple[Floats, ...]
    evidence: StepEvidence


@dataclass(frozen=True, slots=True)
class Microaggregate:
    """Replaces numbers by group means. Totals stay; within a group nobody can be told from the others.

    Memory: 8 bytes x rows x (variables + 1) for the scan, about five times that while groups are formed.

    Args:
        columns: what is replaced. With `mdav` together (groups alike in all of them); with `univariate` one by one,
            which loses less but protects each variable only by itself.
        g: the smallest group.
        method: see `columns`. Sources in `perturb.mdav` and `perturb.univariate`.
        unit: where rows share a household, its column: a household counts once and its rows get one value.
        cutoffs: column to the values that no group may span (a poverty line, an eligibility cut-off).

    A missing value stays missing; entries with the same variables missing are grouped among themselves. Where fewer
    than g are on one side of a cut-off or miss the same variables, their values are blanked: they could not be
    protected without crossing.
    """

    kind: ClassVar[str] = "microaggregate"
    columns: tuple[str, ...]
    g: int
    method: Literal["mdav", "univariate"] = "mdav"
    unit: str = ""
    cutoffs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def plan(self, schema: Schema) -> Intent:
        problems = wrong_columns(self.kind, self.columns, schema, numbers=True)
        problems += wrong_unit(self.kind, self.unit, self.columns, schema)
        problems += wrong_cutoffs(self.kind, self.cutoffs, self.columns)
        if self.g < 2:
            problems.append("microaggregate: g must be at least 2, or nothing is protected.")
        refuse(problems)
        how = (
            "alike in all of them" if self.method == "mdav" and len(self.columns) > 1 else "nearest in value"
        )
        counted = f"households ({self.unit})" if self.unit else "records"
        kept = f", never across the cut-offs of {listed(list(self.cutoffs))}" if self.cutoffs else ""
        says = (
            f"Replaces {listed(self.columns)} by the mean of at least {self.g} {counted} {how}{kept}"
            f"{by_unit(self.unit)}."
        )
        also = (self.unit,) if self.unit else ()
        return intent(self, schema, dict.fromkeys(self.columns, FieldType.NUMBER), says, also_reads=also)

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        return missing_cutoffs(self.kind, self.cutoffs, protected)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> Part:
        return Part.of(table, self.columns, self.unit, context)

    def decide(self, scans: Sequence[Part], context: Context) -> Means:  # noqa: ARG002
        every = Gathered.of(scans)
        if self.method == "mdav":
            new, found = self._grouped(every.data, tuple(range(len(self.columns))))
            found = {**found, "columns": list(self.columns)}
        else:
            pieces = [self._grouped(every.data[:, [j]], (j,)) for j in range(len(self.columns))]
            new = np.column_stack([p for p, _ in pieces])
            found = {name: e for name, (_, e) in zip(self.columns, pieces, strict=True)}
        evidence: StepEvidence = {
            "method": self.method,
            "g": self.g,
            "counted": "households" if self.unit else "records",
            **found,
        }
        return Means(every.split(new), evidence)

    def carry_out(
        self, table: pd.DataFrame, decision: Means, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        entries = Entries.of(table, self.unit, context)
        out = table.copy(deep=False)
        new = decision.parts[context.part]
        for j, name in enumerate(self.columns):
            out[name] = put_back(table, name, new[entries.of_row, j], whole=False)
        return out, {"global": decision.evidence}

    def _grouped(self, values: Floats, which: tuple[int, ...]) -> tuple[Floats, StepEvidence]:
        """New values, shape as `values`, and what it cost. `which`: the positions of the columns in hand."""
        held = ~np.isnan(values)
        new = np.where(held, np.nan, values)
        strata = self._strata(values, which)
        groups, smallest, blanked = 0, 0, 0
        for stratum in range(int(strata.max(initial=-1)) + 1):
            here = np.flatnonzero(strata == stratum)
            there = held[here[0]]
            if not there.any():
                continue
            if len(here) < self.g:
                blanked += len(here)
                continue
            x = values[np.ix_(here, there)]
            label = mdav(x, self.g) if self.method == "mdav" else optimal_groups(x[:, 0], self.g)
            new[np.ix_(here, there)] = group_means(x, label)
            sizes = np.bincount(label)
            groups += len(sizes)
            smallest = int(sizes.min()) if not smallest else min(smallest, int(sizes.min()))
        return new, {
            "groups": groups,
            "smallest_group": smallest,
            "blanked": blanked,
            "information_loss": lost(values, new),
        }

    def _strata(self, values: Floats, which: tuple[int, ...]) -> Ints:
        """Entries that may stand in one group: the same variables missing, the same side of every cut-off."""
        codes = [np.isnan(values).astype(np.int64)]
        for at, j in enumerate(which):
            cutoffs = self.cutoffs.get(self.columns[j], ())
            if cutoffs:
                codes.append(sides(values[:, at], cutoffs)[:, None])
        if not len(values):
            return np.zeros(0, dtype=np.int64)
        return np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
