"""PRAM: categories may be exchanged for others, by probabilities that keep the counts in expectation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.draws import uniforms
from anonymization.errors import Unusable
from anonymization.perturb.pram import exchange, invariant_with_diagonal, retention_matrix
from anonymization.schema import Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed
from anonymization.steps.gather import Entries, Floats, one_code_each
from anonymization.steps.wrong import by_unit, refuse, wrong_columns, wrong_unit

#: How often each category of a column occurs.
Counts = dict[object, int]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One column's categories in order, and its matrix, shape (m, m)."""

    categories: tuple[object, ...]
    matrix: Floats


@dataclass(frozen=True, slots=True)
class Pram:
    """Exchanges categories at random; a missing value stays missing.

    Memory: one count for each distinct category.

    Args:
        columns: categories, each treated by itself, so relations between columns weaken.
        stay: probability that a category stays: the smallest diagonal entry of its matrix, in (0, 1).
        invariant: expected counts are those of the original, so a user needs no correction (Gouweleeuw et al. 1998).
            Otherwise a category leaves with 1 - `stay` for others in proportion to their counts, and tables must be
            corrected with the inverse of that matrix.
        most: the most categories that a column may have.
        unit: where rows share a household, its column: one draw and one category for each household.
    """

    kind: ClassVar[str] = "pram"
    columns: tuple[str, ...]
    stay: float
    invariant: bool = True
    most: int = 200
    unit: str = ""

    def plan(self, schema: Schema) -> Intent:
        problems = wrong_columns(self.kind, self.columns, schema, numbers=False)
        problems += wrong_unit(self.kind, self.unit, self.columns, schema)
        if not 0 < self.stay < 1:
            problems.append("pram: stay must lie between 0 and 1 (0.9 keeps nine in ten).")
        if self.most < 2:
            problems.append("pram: most must be at least 2 categories.")
        refuse(problems)
        kept = ", counts kept in expectation" if self.invariant else ""
        says = (
            f"Exchanges categories of {listed(self.columns)} at random; each stays with probability "
            f"{self.stay:g} or more{kept}{by_unit(self.unit)}."
        )
        also = (self.unit,) if self.unit else ()
        return intent(self, schema, dict.fromkeys(self.columns, None), says, also_reads=also)

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        return [
            f"pram: {n} has protected cut-offs, and PRAM moves values across them. Leave it exact."
            for n in protected
        ]

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> dict[str, Counts]:
        entries = Entries.of(table, self.unit, context)
        found = {}
        for name in self.columns:
            counts = one_code_each(table, name, entries, self.unit).value_counts(sort=False)
            found[name] = {_plain(value): int(n) for value, n in counts.items()}
        return found

    def decide(self, scans: Sequence[dict[str, Counts]], context: Context) -> dict[str, Exchange]:  # noqa: ARG002
        out = {}
        for name in self.columns:
            counts: Counts = {}
            for scan in scans:
                for value, n in scan[name].items():
                    counts[value] = counts.get(value, 0) + n
            if len(counts) > self.most:
                raise Unusable(
                    f"{name} has {len(counts)} categories and pram was told to expect at most {self.most}. "
                    "Coarsen it first, or raise most."
                )
            categories = tuple(sorted(counts, key=in_order))
            totals = np.array([counts[c] for c in categories], dtype=np.int64)
            make = invariant_with_diagonal if self.invariant else retention_matrix
            out[name] = Exchange(categories, make(totals, self.stay) if len(totals) else np.zeros((0, 0)))
        return out

    def carry_out(
        self, table: pd.DataFrame, decision: Mapping[str, Exchange], context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        entries = Entries.of(table, self.unit, context)
        out = table.copy(deep=False)
        evidence: StepEvidence = {"global": {"invariant": self.invariant, "stay": self.stay}}
        for name in self.columns:
            chosen = decision[name]
            place = {value: i for i, value in enumerate(chosen.categories)}
            held = one_code_each(table, name, entries, self.unit)
            codes = np.array([-1 if v is None else place[_plain(v)] for v in held], dtype=np.int64)
            draws = uniforms(context.keys, context.scope, f"{self.kind}:{name}", entries.numbers)
            new = exchange(codes, chosen.matrix, draws)
            values = np.array([*chosen.categories, None], dtype=object)[new][entries.of_row]
            values[table[name].isna().to_numpy()] = None
            out[name] = pd.Series(values, index=table.index, dtype=object).astype(table[name].dtype)
            evidence[name] = {
                "global": {
                    "categories": len(chosen.categories),
                    "diagonal": sorted(round(float(p), 6) for p in np.diag(chosen.matrix)),
                },
                "changed": int((new != codes)[entries.of_row].sum()),
            }
        return out, evidence


def _plain(value: object) -> object:
    """A category as Python's own type: 1, 1.0 and numpy's 1 are one category in every partition."""
    return value.item() if isinstance(value, np.generic) else value


def in_order(value: object) -> tuple[str, float, str]:
    """A sorting key that holds for numbers, text and anything else side by side."""
    if isinstance(value, bool | int | float):
        return ("", float(value), "")
    return (type(value).__name__, 0.0, str(value))
