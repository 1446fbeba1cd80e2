"""Re-weighting after suppression: complete records stand for all, so that leaving out blanks moves no total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.risk.units import unit_numbers
from anonymization.schema import Field, FieldType, Schema, VariableRole
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, listed
from anonymization.steps.calibrate import (
    Cell,
    cells_of,
    factors,
    in_steps,
    margins_of,
    merged,
    spread_of,
    totals_by_cell,
    weights_of,
)
from anonymization.steps.gather import Entries, one_code_each
from anonymization.steps.wrong import refuse


@dataclass(frozen=True, slots=True)
class Totals:
    """Exact weighted totals of cells: of all rows, and of the complete ones."""

    every: dict[Cell, int]
    complete: dict[Cell, int]


@dataclass(frozen=True, slots=True)
class Factors:
    """What each cell's weights are multiplied by, and the evidence."""

    of: dict[Cell, float]
    evidence: StepEvidence


@dataclass(frozen=True, slots=True)
class Reweight:
    """Gives complete records the weight of all: raking (Deming and Stephan 1940), or post-stratification by one margin.

    Whoever analyses a column with blanks leaves those records out; they are not like the others (poorer, more often
    headed by women), so the answer moves. With these weights the complete records have the weighted totals of all
    records, by every margin, at this point of the recipe.

    Memory: two totals for each distinct combination of the margins.

    Args:
        complete: columns that an analysis needs together; a record with a blank in one of them gets weight 0.
        margins: columns, or lists of columns to be crossed, that are not blanked themselves (a blank is its own level).
        weight: the weight column; "" where every record counts once.
        into: the column that takes the new weight; by default `weight` itself, and the original weights are lost.
        unit: where rows share a household, its column: a household is complete when all its rows are, and its rows get
            one factor, which needs margins that do not vary inside households.
    """

    kind: ClassVar[str] = "reweight"
    complete: tuple[str, ...]
    margins: tuple[str | tuple[str, ...], ...]
    weight: str = ""
    into: str = ""
    unit: str = ""

    @property
    def target(self) -> str:
        return self.into or self.weight

    def plan(self, schema: Schema) -> Intent:
        crossed = margins_of(self.margins)
        read = [*self.complete, *(n for m in crossed for n in m), *(n for n in (self.weight, self.unit) if n)]
        problems: list[str] = []
        for name in dict.fromkeys(read):
            try:
                schema.must(name, self.kind)
            except RecipeProblem as error:
                problems += error.problems
        if not self.complete:
            problems.append("reweight: name the columns that a record must have to count (complete).")
        if not crossed or not all(crossed):
            problems.append("reweight: name at least one margin whose totals are to stay.")
        problems += wrong_target(self.kind, self.weight, self.into, schema)
        both = sorted({n for m in crossed for n in m} & set(self.complete))
        problems += [
            f"reweight: {n} is both a margin and a column with blanks. Its blanks would have a total that no complete "
            "record can reach: take it out of one."
            for n in both
        ]
        refuse(problems)
        says = (
            f"Weighs records that have {listed(self.complete)} so that they reproduce the totals of all records by "
            f"{listed([' x '.join(m) for m in crossed])}, in {self.target}."
        )
        return Intent(
            self.kind,
            tuple(dict.fromkeys(read)),
            (self.target,),
            (),
            with_weight(schema, self.target),
            says,
            treats=() if self.into and self.into != self.weight else (self.target,),
        )

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> Totals:
        if self.unit:
            entries = Entries.of(table, self.unit, context)
            for name in dict.fromkeys(n for m in margins_of(self.margins) for n in m):
                one_code_each(table, name, entries, self.unit)
        codes, cells = cells_of(table, margins_of(self.margins))
        steps = in_steps(weights_of(table, self.weight))
        whole = self._complete(table)
        return Totals(totals_by_cell(codes, cells, steps), totals_by_cell(codes[whole], cells, steps[whole]))

    def decide(self, scans: Sequence[Totals], context: Context) -> Factors:  # noqa: ARG002
        every, complete = merged([s.every for s in scans]), merged([s.complete for s in scans])
        found, miss = factors(every, complete, margins_of(self.margins))
        return Factors(found, {"cells": len(every), "largest_miss": miss, **spread_of(found, complete)})

    def carry_out(
        self,
        table: pd.DataFrame,
        decision: Factors,
        context: Context,  # noqa: ARG002
    ) -> tuple[pd.DataFrame, StepEvidence]:
        codes, cells = cells_of(table, margins_of(self.margins))
        by_cell = np.array([decision.of.get(cell, 0.0) for cell in cells])
        whole = self._complete(table)
        out = table.copy(deep=False)
        new = np.where(whole, weights_of(table, self.weight) * by_cell[codes], 0.0)
        out[self.target] = pd.Series(new, index=table.index)
        return out, {"global": decision.evidence, "rows": len(table), "rows_that_count": int(whole.sum())}

    def _complete(self, table: pd.DataFrame) -> np.ndarray:
        whole = table[list(self.complete)].notna().to_numpy().all(axis=1)
        if not self.unit or not len(table):
            return np.asarray(whole)
        unit = unit_numbers(table, self.unit)
        lacking = np.bincount(unit, weights=~whole) > 0
        return np.asarray(~lacking[unit])


def wrong_target(kind: str, weight: str, into: str, schema: Schema) -> list[str]:
    """No column for the weights, or one that holds something else."""
    if not weight and not into:
        return [f"{kind}: name the weight column, or with into a new one that takes the weights."]
    if into and into != weight and schema.get(into) is not None:
        return [f"{kind}: there is already a column {into}. Give the weights another name."]
    return []


def with_weight(schema: Schema, target: str) -> Schema:
    """The schema with the weight as a number, added at the end when it is new."""
    if schema.get(target) is None:
        return Schema((*schema.fields, Field(target, VariableRole.PLAIN, FieldType.NUMBER)))
    return Schema(tuple(replace(f, type=FieldType.NUMBER) if f.name == target else f for f in schema.fields))
