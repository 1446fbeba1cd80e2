"""Coarsens values: numbers into bands, codes into groups, dates into periods, birth dates into age bands."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed
from anonymization.steps.evidence import Distinct
from anonymization.steps.hierarchy import ANY, Levels, read_levels, wrong_levels


@dataclass(frozen=True, slots=True)
class Coarser:
    """How one column is coarsened; exactly one of `edges`, `width`, `groups`, `period` and a hierarchy is given.

    Args:
        edges: inner edges of bands, rising; a value belongs to the band whose lower edge it reaches.
        width, lower, upper: bands of one width between two ends, as a short form of `edges`.
        align_to: a cut-off, or several, that must be edges, so that no band mixes the two sides (a poverty line;
            discontinuity designs need it). Bands of one width start from the first of them; the others part a band.
        groups: new label to the codes that it takes in; `other` takes the rest (empty: they become missing).
        period: month, quarter or year of a date.
        hierarchy: a code to its labels at levels 1, 2, ...; or `hierarchy_file`, the path of a file of ARX's layout,
            with `hierarchy_sha256`, so that the recipe says exactly what it does. `level`: which level is shown; a
            label `*` becomes missing, as do codes that are not in the hierarchy (or `other` takes those).
        age: the edges are completed years of age at the reference date, and the column holds birth dates.
    """

    edges: tuple[float, ...] = ()
    width: float = 0.0
    lower: float = 0.0
    upper: float = 0.0
    align_to: float | tuple[float, ...] | None = None
    groups: Mapping[str, tuple[str | int | float, ...]] | None = None
    other: str = ""
    period: Literal["", "month", "quarter", "year"] = ""
    hierarchy: Mapping[str, tuple[str, ...]] | None = None
    hierarchy_file: str = ""
    hierarchy_sha256: str = ""
    level: int = 0
    age: bool = False

    @property
    def cutoffs(self) -> tuple[float, ...]:
        if self.align_to is None:
            return ()
        return (self.align_to,) if isinstance(self.align_to, int | float) else tuple(self.align_to)

    def levels(self) -> Levels | None:
        """The hierarchy, from the recipe or its file; None when there is none."""
        if self.hierarchy_file:
            return read_levels(self.hierarchy_file, self.hierarchy_sha256)
        return self.hierarchy

    def inner_edges(self) -> tuple[float, ...]:
        if self.width <= 0:
            return self.edges
        start = self.lower
        if self.cutoffs:
            first = self.cutoffs[0]
            start = first - np.floor((first - self.lower) / self.width) * self.width
        count = int(np.floor((self.upper - start) / self.width + 1e-9)) + 1
        edges = [float(start + i * self.width) for i in range(count)]
        return tuple(sorted(edges + [float(c) for c in self.cutoffs if not _among(c, edges)]))

    def problem(self, name: str) -> str:
        """What is wrong with the rule, as a sentence; "" when nothing is."""
        tree = self.hierarchy is not None or bool(self.hierarchy_file)
        given = [bool(self.edges), self.width > 0, self.groups is not None, bool(self.period), tree]
        if sum(given) != 1 or (self.hierarchy is not None and self.hierarchy_file):
            return f"generalise: {name} needs exactly one of edges, width, groups, period or a hierarchy."
        if tree:
            return wrong_levels(name, self.levels() or {}, self.level)
        edges = self.inner_edges()
        if any(b <= a for a, b in itertools.pairwise(edges)):
            return f"generalise: the edges of {name} do not rise. Put them in order, each once."
        if self.width > 0 and (not edges or self.upper <= self.lower):
            # One edge would part all values in two bands, and nobody would be told.
            ends = f"lower ({self.lower:g}) and upper end ({self.upper:g})"
            return f"generalise: {name} has no band between its {ends}. Say both, and widen them."
        absent = [c for c in self.cutoffs if not _among(c, edges)]
        if absent:
            return (
                f"generalise: {name} must have its cut-off {', '.join(f'{c:g}' for c in absent)} among its edges, "
                "or bands mix both sides."
            )
        return ""

    def says(self, name: str) -> str:
        if self.groups is not None:
            return f"{name} into {len(self.groups) + bool(self.other)} groups"
        if self.level:
            return f"{name} to level {self.level} of its hierarchy"
        if self.period:
            return f"{name} to the {self.period}"
        return f"{name} into {len(self.inner_edges()) + 1} {'age ' if self.age else ''}bands"


@dataclass(frozen=True, slots=True)
class Generalise:
    kind: ClassVar[str] = "generalise"
    columns: Mapping[str, Coarser]

    def plan(self, schema: Schema) -> Intent:
        problems = []
        for name, rule in self.columns.items():
            try:
                problems += [p] if (p := rule.problem(name)) else []
            except RecipeProblem as error:
                problems += error.problems
        if problems:
            raise RecipeProblem(problems)
        says = f"Coarsens {listed([rule.says(name) for name, rule in self.columns.items()])}."
        return intent(self, schema, dict.fromkeys(self.columns, FieldType.STRING), says)

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        """Protected cut-offs that are not edges of the bands."""
        return [
            f"generalise: {name} must have its cut-off {c:g} among the edges of its bands, or bands mix both sides."
            for name, cutoffs in protected.items()
            for c in cutoffs
            if not _among(c, self.columns[name].inner_edges())
        ]

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        out = table.copy(deep=False)
        evidence: StepEvidence = {}
        for name, rule in self.columns.items():
            before = table[name].reset_index(drop=True)
            after = coarsened(before, rule, context.reference_date)
            out[name] = after.to_numpy(dtype=object)
            evidence[name] = {
                "levels_before": Distinct.of(before),
                "levels_after": Distinct.of(after),
                "unreadable": int((after.isna() & before.notna()).sum()),
            }
        return out, evidence


def coarsened(values: pd.Series, rule: Coarser, day: date) -> pd.Series:
    levels = rule.levels()
    if levels is not None:
        return _labelled(
            values, {code: labels[rule.level - 1] for code, labels in levels.items()}, rule.other
        )
    if rule.groups is not None:
        to = {code_of(code): label for label, codes in rule.groups.items() for code in codes}
        return _labelled(values, to, rule.other)
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


def _labelled(values: pd.Series, to: Mapping[str, str], other: str) -> pd.Series:
    known = values.notna()
    codes = values[known].map(code_of)
    labels = codes.map(to)
    if other:
        labels = labels.where(codes.isin(to.keys()), other)
    labels = labels.reindex(values.index).astype(object)
    return labels.where(labels.notna() & (labels != ANY), None)


def _among(value: float, edges: Iterable[float]) -> bool:
    return any(abs(edge - value) < 1e-9 for edge in edges)


def code_of(value: object) -> str:
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
