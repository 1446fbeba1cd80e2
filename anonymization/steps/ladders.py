"""Hierarchies of a step: for each column rules from fine to coarse, or a file of ARX's layout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from anonymization.errors import RecipeProblem, Unusable
from anonymization.lattice import Hierarchy
from anonymization.steps.generalise import Coarser, coarsened, code_of
from anonymization.steps.hierarchy import ANY, read_levels

#: What stands for a value at each level, the exact one first; None where it becomes missing.
Labels = Mapping[object, tuple[str | None, ...]]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The levels of one column above its exact values.

    Args:
        levels: rules as in the step generalise, from fine to coarse, each of the exact values.
        file, sha256: instead of rules, a file of ARX's layout (`;`-separated, one row a value, exact to coarsest) and
            its digest, so that the recipe says exactly what it does.
        top: whether the values may be taken away altogether, as the last level.
    """

    levels: tuple[Coarser, ...] = ()
    file: str = ""
    sha256: str = ""
    top: bool = True

    def problems(self, kind: str, name: str) -> list[str]:
        if self.levels and self.file:
            return [f"{kind}: {name} needs rules or a file, not both."]
        try:
            if self.file:
                read_levels(self.file, self.sha256)
            return [p.replace("generalise:", f"{kind}:") for rule in self.levels if (p := rule.problem(name))]
        except RecipeProblem as error:
            return [p.replace("generalise:", f"{kind}:") for p in error.problems]

    def labels(self, values: Sequence[object], name: str, day: date) -> list[tuple[str | None, ...]]:
        """Of each distinct value its label at every level; the exact one is the value's text.

        Raises:
            Unusable: a value that is not in the file.
        """
        exact = [code_of(v) for v in values]
        if self.file:
            tree = read_levels(self.file, self.sha256)
            absent = sum(text not in tree for text in exact)
            if absent:
                raise Unusable(
                    f"{absent} values of {name} are not in its hierarchy. Add a row for each of them to its file."
                )
            columns = [[tree[text][level] for text in exact] for level in range(_depth(tree))]
        else:
            column = _as_column(values)
            columns = [coarsened(column, rule, day).tolist() for rule in self.levels]
        above = [[None if _nothing(v) else str(v) for v in c] for c in columns]
        levels: list[list[str | None]] = [[*exact], *above]
        if self.top and any(v is not None for v in levels[-1]):
            levels.append([None] * len(exact))
        return list(zip(*levels, strict=True))

    def edges(self, height: int) -> list[tuple[float, ...] | None]:
        """The edges of each level's bands, None where it has none."""
        out: list[tuple[float, ...] | None] = [None]
        out += [
            rule.inner_edges() if (rule.edges or rule.width) and not rule.age else None
            for rule in self.levels
        ]
        return [*out, *([None] * height)][:height]


def built(name: str, ladder: Ladder, values: Sequence[object], labels: Labels) -> Hierarchy:
    """The hierarchy over coded values: sets of values (of a household) come together as sets of labels.

    Args:
        values: what the codes 0, 1, ... stand for; None for a missing value.
        labels: of each single value.

    Raises:
        Unusable: levels that do not nest.
    """
    height = len(next(iter(labels.values()))) if labels else 1
    rows = []
    numbers = np.full(len(values), np.nan)
    for code, value in enumerate(values):
        if value is None:
            above = [""] * (height - 1)
        elif isinstance(value, frozenset):
            parts = [labels[v] for v in value]
            above = ["|".join(sorted({p[level] or "" for p in parts})) for level in range(1, height)]
        else:
            above = [labels[value][level] or "" for level in range(1, height)]
            numbers[code] = _number(value)
        rows.append([str(code), *above])
    try:
        return Hierarchy.of(name, rows or [["0"]], ladder.edges(height), numbers if rows else None)
    except Unusable:
        raise Unusable(
            f"The levels of {name} do not nest: a coarser level may only join what a finer one tells apart. Put them "
            "in order, and take the edges of coarser bands from those of the finer ones."
        ) from None


def _as_column(values: Sequence[object]) -> pd.Series:
    """Distinct values as a column; whole numbers are whole whatever type a partition gave them."""
    if values and all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values):
        numbers = np.array([float(v) for v in values])  # type: ignore[arg-type]
        return pd.Series(numbers.astype(np.int64) if (numbers == np.rint(numbers)).all() else numbers)
    return pd.Series(list(values), dtype=object)


def _number(value: object) -> float:
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return float(value)
    return float("nan")


def _nothing(value: object) -> bool:
    return value is None or value is pd.NA or value == ANY or (isinstance(value, float) and np.isnan(value))


def _depth(tree: Mapping[str, tuple[str, ...]]) -> int:
    return min((len(labels) for labels in tree.values()), default=0)
