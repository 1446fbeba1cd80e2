"""Coarsens values: numbers into bands, codes into groups, dates into periods, birth dates into age bands."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed


@dataclass(frozen=True, slots=True)
class Coarser:
    """How one column is coarsened; exactly one of `edges`, `width`, `groups`, `period` is given.

    Args:
        edges: inner edges of bands, rising; a value belongs to the band whose lower edge it reaches.
        width, lower, upper: bands of one width between two ends, as a short form of `edges`.
        align_to: a cut-off that must be an edge, so that no band mixes the two sides (discontinuity designs
            need it).
        groups: new label to the codes that it takes in; `other` takes the rest (empty: they become missing).
        period: month, quarter or year of a date.
        age: the edges are completed years of age at the reference date, and the column holds birth dates.
    """

    edges: tuple[float, ...] = ()
    width: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    align_to: float | None = None
    groups: Mapping[str, tuple[str | int | float, ...]] | None = None
    other: str = ""
    period: Literal["", "month", "quarter", "year"] = ""
    age: bool = False

    def inner_edges(self) -> tuple[float, ...]:
        if self.width <= 0:
            return self.edges
        start = self.lower
        if self.align_to is not None:
            start = self.align_to - np.floor((self.align_to - self.lower) / self.width) * self.width
        count = int(np.floor((self.upper - start) / self.width + 1e-9)) + 1
        return tuple(float(start + i * self.width) for i in range(count))

    def problem(self, name: str) -> str:
        """What is wrong with the rule, as a sentence; "" when nothing is."""
        given = [bool(self.edges), self.width > 0, self.groups is not None, bool(self.period)]
        if sum(given) != 1:
            return f"generalise: {name} needs exactly one of edges, width, groups or period."
        edges = self.inner_edges()
        if any(b <= a for a, b in itertools.pairwise(edges)):
            return f"generalise: the edges of {name} do not rise. Put them in order, each once."
        if self.width > 0 and not edges:
            return f"generalise: {name} has no band between its lower and upper end. Widen them."
        if self.align_to is not None and not any(abs(e - self.align_to) < 1e-9 for e in edges):
            return (
                f"generalise: {name} must have its cut-off {self.align_to:g} among its edges, "
                "or bands mix both sides."
            )
        return ""

    def says(self, name: str) -> str:
        if self.groups is not None:
            return f"{name} into {len(self.groups) + bool(self.other)} groups"
        if self.period:
            return f"{name} to the {self.period}"
        return f"{name} into {len(self.inner_edges()) + 1} {'age ' if self.age else ''}bands"


@dataclass(frozen=True, slots=True)
class Generalise:
    kind: ClassVar[str] = "generalise"
    columns: Mapping[str, Coarser]

    def plan(self, schema: Schema) -> Intent:
        problems = [p for name, rule in self.columns.items() if (p := rule.problem(name))]
        if problems:
            raise RecipeProblem(problems)
        says = f"Coarsens {listed([rule.says(name) for name, rule in self.columns.items()])}."
        return intent(self, schema, dict.fromkeys(self.columns, FieldType.STRING), says)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        out = table.copy(deep=False)
        evidence: StepEvidence = {}
        for name, rule in self.columns.items():
            before = table[name].reset_index(drop=True)
            after = _coarsen(before, rule, context.reference_date)
            out[name] = after.to_numpy(dtype=object)
            evidence[name] = {
                "levels_before": int(before.nunique()),
                "levels_after": int(after.nunique()),
                "unreadable": int((after.isna() & before.notna()).sum()),
            }
        return out, evidence


def _coarsen(values: pd.Series, rule: Coarser, day: date) -> pd.Series:
    if rule.groups is not None:
        return _grouped(values, rule.groups, rule.other)
    if rule.period:
        dates = pd.to_datetime(values, errors="coerce", format="ISO8601")
        period = {"month": "M", "quarter": "Q", "year": "Y"}[rule.period]
        return dates.dt.to_period(period).astype(str).where(dates.notna(), None)
    whole = pd.api.types.is_integer_dtype(values) or rule.age
    numbers = _ages(values, day) if rule.age else pd.to_numeric(values, errors="coerce").astype("float64")
    edges = rule.inner_edges()
    labels = np.array(_labels(edges, whole=whole), dtype=object)
    band = np.searchsorted(np.asarray(edges), numbers.to_numpy(), side="right")
    return pd.Series(labels[band], dtype=object).where(numbers.notna().to_numpy(), None)


def _ages(values: pd.Series, day: date) -> pd.Series:
    """Completed years at `day`; a date that cannot be read, or lies after `day`, is missing."""
    born = pd.to_datetime(values, errors="coerce", format="ISO8601")
    had = (born.dt.month * 100 + born.dt.day) <= day.month * 100 + day.day
    years = day.year - born.dt.year - (~had).astype(int)
    return years.astype("float64").where(born.notna() & (born <= pd.Timestamp(day)))


def _grouped(values: pd.Series, groups: Mapping[str, tuple[str | int | float, ...]], other: str) -> pd.Series:
    to = {_code(code): label for label, codes in groups.items() for code in codes}
    known = values.notna()
    labels = values[known].map(_code).map(to)
    if other:
        labels = labels.fillna(other)
    return labels.reindex(values.index).astype(object).where(lambda s: s.notna(), None)


def _code(value: object) -> str:
    """A code as text: 1, 1.0, True and "1" stay what a code list writes."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _labels(edges: tuple[float, ...], *, whole: bool) -> list[str]:
    if whole and all(float(e).is_integer() for e in edges):
        inner = [f"{int(a)}-{int(b) - 1}" if b - a > 1 else f"{int(a)}" for a, b in itertools.pairwise(edges)]
        return [f"under {int(edges[0])}", *inner, f"{int(edges[-1])} and over"]
    inner = [f"{a:g} to under {b:g}" for a, b in itertools.pairwise(edges)]
    return [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and over"]
