"""A step that has to see all rows at once but has no counts that add up.

It sees the columns that it reads, of all rows, in the order of their numbers. Memory then grows with the rows; a
`GlobalStep` of its own is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from anonymization.schema import Schema
from anonymization.steps.base import Context, GlobalStep, Intent, Step, StepEvidence, in_one_piece


def needs_all_rows(step: Step) -> bool:
    return bool(getattr(step, "looks_at_all_rows", False)) and not isinstance(step, GlobalStep)


@dataclass(frozen=True, slots=True)
class AllRows:
    """The step as a global one; it must leave every row in place."""

    step: Step
    intent: Intent

    @property
    def kind(self) -> str:
        return self.step.kind

    def plan(self, schema: Schema) -> Intent:
        return self.step.plan(schema)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)  # type: ignore[arg-type]

    def scan(self, table: pd.DataFrame, context: Context) -> pd.DataFrame:  # noqa: ARG002
        return table[list(self.intent.reads)]

    def decide(
        self, scans: Sequence[pd.DataFrame], context: Context
    ) -> tuple[list[pd.DataFrame], StepEvidence]:
        whole = pd.concat(list(scans))
        order = np.argsort(whole.index.to_numpy(), kind="stable")
        out, found = self.step.apply(whole.iloc[order].reset_index(drop=True), context)
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        changed = out[list(self.intent.changes)].iloc[back]
        ends = np.cumsum([0, *(len(s) for s in scans)])
        return [changed.iloc[a:b] for a, b in pairwise(ends)], found

    def carry_out(
        self, table: pd.DataFrame, decision: tuple[list[pd.DataFrame], StepEvidence], context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        changed = decision[0][context.part].set_axis(table.index)
        return table.assign(**{str(c): changed[c] for c in changed.columns}), {"global": decision[1]}
