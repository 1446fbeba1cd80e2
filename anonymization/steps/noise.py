"""Adds noise to numbers. Never for a running variable or a welfare aggregate that a poverty line cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from anonymization.draws import normals
from anonymization.perturb.noise import additive, correlated, multiplicative
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed
from anonymization.steps.gather import Entries, Floats, Gathered, Part, numbers_of, put_back
from anonymization.steps.wrong import by_unit, refuse, wrong_columns, wrong_unit


@dataclass(frozen=True, slots=True)
class Moments:
    """Of the complete entries. Args: centre, spread: shape (d,); covariance: shape (d, d)."""

    centre: Floats
    spread: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True)
class Noise:
    """Adds noise; a missing value stays missing and a whole number becomes a whole number.

    Memory: 8 bytes x rows x (variables + 1) while means and covariances are taken; nothing for `multiplicative`.

    Args:
        columns: what is changed.
        share: standard deviation of the noise over that of the variable (of the factor itself for `multiplicative`).
        method: `additive` keeps means and inflates variances; `correlated` keeps means, variances and correlations in
            expectation; `multiplicative` keeps means, signs and zeros. Sources in `perturb.noise`.
        unit: where rows share a household, its column: one draw and one value for each household.
    """

    kind: ClassVar[str] = "noise"
    columns: tuple[str, ...]
    share: float
    method: Literal["additive", "correlated", "multiplicative"] = "additive"
    unit: str = ""

    def plan(self, schema: Schema) -> Intent:
        problems = wrong_columns(self.kind, self.columns, schema, numbers=True)
        problems += wrong_unit(self.kind, self.unit, self.columns, schema)
        if not 0 < self.share <= 1:
            problems.append("noise: the share must be above 0 and at most 1 (0.1 is a tenth of the spread).")
        if self.method == "correlated" and len(self.columns) < 2:
            problems.append("noise: correlated noise needs at least two columns. Use additive for one.")
        refuse(problems)
        types: dict[str, FieldType | None] = dict.fromkeys(self.columns)
        of = "of each value" if self.method == "multiplicative" else "of each variable's standard deviation"
        says = f"Adds {self.method} noise of {self.share:.0%} {of} to {listed(self.columns)}{by_unit(self.unit)}."
        return intent(self, schema, types, says, also_reads=(self.unit,) if self.unit else ())

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        return [
            f"noise: {name} has protected cut-offs, and noise moves values across them. Leave it exact, or use "
            "microaggregate with its cutoffs."
            for name in protected
        ]

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> Part | None:
        if self.method == "multiplicative":
            return None
        return Part.of(table, self.columns, self.unit, context)

    def decide(self, scans: Sequence[Part | None], context: Context) -> Moments | None:  # noqa: ARG002
        if self.method == "multiplicative":
            return None
        every = Gathered.of([s for s in scans if s is not None]).data
        spread = np.array([_spread(every[:, j]) for j in range(len(self.columns))])
        whole = every[~np.isnan(every).any(axis=1)]
        d = len(self.columns)
        covariance = np.cov(whole, rowvar=False).reshape(d, d) if len(whole) > 1 else np.zeros((d, d))
        centre = whole.mean(axis=0) if len(whole) else np.zeros(d)
        return Moments(centre, spread, covariance)

    def carry_out(
        self, table: pd.DataFrame, decision: Moments | None, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        entries = Entries.of(table, self.unit, context)
        values = Part.of(table, self.columns, self.unit, context).data
        keys, scope = context.keys, context.scope
        draws = np.column_stack(
            [normals(keys, scope, f"{self.kind}:{name}", entries.numbers) for name in self.columns]
        )
        if decision is None:
            new = multiplicative(values, self.share, draws)
        elif self.method == "correlated":
            new = correlated(values, self.share, draws, decision.covariance, decision.centre)
        else:
            new = additive(values, self.share, draws, decision.spread)
        out = table.copy(deep=False)
        evidence: StepEvidence = {"global": {"method": self.method, "share": self.share}}
        for j, name in enumerate(self.columns):
            whole = pd.api.types.is_integer_dtype(table[name].dtype)
            out[name] = put_back(table, name, new[entries.of_row, j], whole=whole)
            moved = numbers_of(out, name) != numbers_of(table, name)
            evidence[name] = {"changed": int((moved & table[name].notna().to_numpy()).sum())}
        return out, evidence


def _spread(values: Floats) -> float:
    held = values[~np.isnan(values)]
    return float(held.std(ddof=1)) if len(held) > 1 else 0.0
