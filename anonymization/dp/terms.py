"""The words of a query: a closed set, nothing that a user writes as an expression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from anonymization.errors import AnonymizationError

from .values import Key, canonical, number


class QueryError(AnonymizationError):
    """The query cannot be asked as it stands.

    Args:
        problems: one sentence for each thing that is wrong, with what to do about it; no data value.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


class Measure(StrEnum):
    """What each cell of the answer holds."""

    COUNT = "count"
    MEAN = "mean"
    SUM = "sum"
    QUANTILE = "quantile"
    HISTOGRAM = "histogram"
    RATIO = "ratio"
    DIFFERENCE = "difference"


class Mechanism(StrEnum):
    """Which noise: discrete Laplace, paid in epsilon, or discrete Gaussian, paid in rho (zCDP)."""

    LAPLACE = "laplace"
    GAUSSIAN = "gaussian"


class Op(StrEnum):
    EQ = "=="
    NE = "!="
    GE = ">="
    LE = "<="
    IN = "in"


class Per(StrEnum):
    """What one contribution is.

    `HOUSEHOLD`: a household's rows are first brought together to one. `ROW`: each row counts, bounded as
    `Weighting` says.
    """

    HOUSEHOLD = "household"
    ROW = "row"


class Weighting(StrEnum):
    """How the rows of one household are bounded, where each row counts.

    `TRUNCATE`: each row counts one, and a household's rows beyond `max_rows` are dropped. `HOUSEHOLD`: no row
    is dropped, each counts one over the number of rows that its household has in the table, so that a
    household counts one at most.
    """

    TRUNCATE = "truncate"
    HOUSEHOLD = "household"


@dataclass(frozen=True, slots=True)
class Filter:
    """Keep rows where `column op value`. A row whose value is missing matches no filter, `!=` included."""

    column: str
    op: Op
    value: Key | tuple[Key, ...]

    def to_dict(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"column": self.column, "op": self.op.value, "value": value}

    def problems(self) -> list[str]:
        many = isinstance(self.value, tuple)
        if (self.op is Op.IN) != many or self.value == ():
            return [f"The filter on {self.column} must give a list with 'in' and one value otherwise."]
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        if any(isinstance(v, float) and not math.isfinite(v) for v in values):
            return [f"The filter on {self.column} must compare with ordinary numbers."]
        if self.op in (Op.GE, Op.LE) and number(self.value) is None:
            return [f"The filter on {self.column} with '>=' or '<=' needs a number."]
        return []


@dataclass(frozen=True, slots=True)
class Between:
    """The two PUBLIC groups of one column that a difference is taken between: `first` less `second`."""

    column: str
    first: Key
    second: Key

    def to_dict(self) -> dict[str, Any]:
        return {"column": self.column, "first": self.first, "second": self.second}

    def problems(self) -> list[str]:
        first, second = canonical(self.first), canonical(self.second)
        if first is None or second is None or first == second:
            return [f"A difference on {self.column} is taken between two groups that differ; name both."]
        return []
