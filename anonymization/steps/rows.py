"""Row order and sampling: a registry's order says who came next to whom, and a sample adds doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.draws import order, uniforms
from anonymization.errors import RecipeProblem
from anonymization.schema import Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, listed
from anonymization.steps.calibrate import (
    Cell,
    Floats,
    Ints,
    cells_of,
    factors,
    in_steps,
    margins_of,
    merged,
    spread_of,
    totals_by_cell,
    weights_of,
)
from anonymization.steps.gather import Entries, one_code_each, row_numbers
from anonymization.steps.reweight import with_weight, wrong_target
from anonymization.steps.wrong import refuse


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Puts the rows in a secret order (a household's rows may part)."""

    kind: ClassVar[str] = "shuffle"

    def plan(self, schema: Schema) -> Intent:
        return Intent(self.kind, (), (), (), schema, "Puts the rows in a secret order.", rows="reordered")

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        secret = order(context.keys, context.scope, self.kind, row_numbers(table))
        return table.iloc[secret], {"rows": len(table)}


@dataclass(frozen=True, slots=True)
class Drawn:
    """Of one partition's households (or rows): draws, shape (n,); their cells; their weights in exact steps."""

    draws: Floats
    codes: Ints
    cells: list[Cell]
    steps: Ints


@dataclass(frozen=True, slots=True)
class Chosen:
    """Who stays (draws up to `highest`), and what each cell's weights are multiplied by."""

    highest: float
    of: dict[Cell, float]
    evidence: StepEvidence


@dataclass(frozen=True, slots=True)
class Sample:
    """Keeps a random share, exactly: the households with the lowest draws. Memory: 24 bytes x households (or rows).

    Args:
        fraction: share of households (or rows) that stay, in (0, 1).
        unit: the household's column, "" for rows.
        weight, into: with one of them, the sample is weighted back to all: `weight` is a column of weights, `into` a
            column that takes the new ones (new, or by default `weight` itself).
        margins: columns, or lists of columns to be crossed, whose weighted totals stay as they were before; they do not
            vary inside households. Without margins the grand total stays.
    """

    kind: ClassVar[str] = "sample"
    fraction: float
    unit: str = ""
    weight: str = ""
    into: str = ""
    margins: tuple[str | tuple[str, ...], ...] = ()

    @property
    def target(self) -> str:
        return self.into or self.weight

    def plan(self, schema: Schema) -> Intent:
        problems = [] if 0 < self.fraction < 1 else ["sample: the fraction must lie between 0 and 1."]
        crossed = margins_of(self.margins)
        named = [n for n in (self.unit, self.weight) if n] + [n for m in crossed for n in m]
        for name in dict.fromkeys(named):
            try:
                schema.must(name, self.kind)
            except RecipeProblem as error:
                problems += error.problems
        if self.target or crossed:
            problems += wrong_target(self.kind, self.weight, self.into, schema)
        refuse(problems)
        what = "households" if self.unit else "rows"
        says = f"Keeps {self.fraction:.0%} of the {what}"
        if not self.target:
            reads = (self.unit,) if self.unit else ()
            return Intent(self.kind, reads, (), (), schema, f"{says}.", rows="fewer")
        by = listed([" x ".join(m) for m in crossed]) if crossed else "all together"
        says += f" and weighs them in {self.target} so that totals by {by} stay."
        return Intent(
            self.kind,
            tuple(dict.fromkeys(named)),
            (self.target,),
            (),
            with_weight(schema, self.target),
            says,
            rows="fewer",
            treats=() if self.into and self.into != self.weight else (self.target,),
        )

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> Drawn:
        entries = Entries.of(table, self.unit, context)
        draws = uniforms(context.keys, context.scope, self.kind, entries.numbers)
        if not self.target:
            return Drawn(draws, np.zeros(0, dtype=np.int64), [], np.zeros(0, dtype=np.int64))
        for name in dict.fromkeys(n for m in margins_of(self.margins) for n in m):
            one_code_each(table, name, entries, self.unit)
        codes, cells = cells_of(table, margins_of(self.margins))
        steps = np.zeros(len(draws), dtype=np.int64)
        np.add.at(steps, entries.of_row, in_steps(weights_of(table, self.weight)))
        return Drawn(draws, codes[entries.first], cells, steps)

    def decide(self, scans: Sequence[Drawn], context: Context) -> Chosen:  # noqa: ARG002
        every = np.concatenate([s.draws for s in scans]) if scans else np.zeros(0)
        stay = round(self.fraction * len(every))
        highest = float(np.partition(every, stay - 1)[stay - 1]) if stay else -1.0
        if not self.target:
            return Chosen(highest, {}, {})
        kept = [s.draws <= highest for s in scans]
        before = merged([totals_by_cell(s.codes, s.cells, s.steps) for s in scans])
        after = merged(
            [totals_by_cell(s.codes[k], s.cells, s.steps[k]) for s, k in zip(scans, kept, strict=True)]
        )
        found, miss = factors(before, after, margins_of(self.margins))
        return Chosen(highest, found, {"cells": len(before), "largest_miss": miss, **spread_of(found, after)})

    def carry_out(
        self, table: pd.DataFrame, decision: Chosen, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        entries = Entries.of(table, self.unit, context)
        chosen = uniforms(context.keys, context.scope, self.kind, entries.numbers) <= decision.highest
        rows = np.flatnonzero(chosen[entries.of_row])
        out = table.iloc[rows]
        if self.target:
            codes, cells = cells_of(table, margins_of(self.margins))
            by_cell = np.array([decision.of.get(cell, 0.0) for cell in cells])
            new = (weights_of(table, self.weight) * by_cell[codes])[rows]
            out = out.assign(**{self.target: new})
        return out, {
            "global": decision.evidence,
            "rows_before": len(table),
            "rows_after": len(out),
            "units_before": len(chosen),
            "units_after": int(chosen.sum()),
        }
