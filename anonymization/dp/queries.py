"""What may be asked: a closed set of query shapes, nothing that a user writes as an expression.

OpenDP accepts plans whose claimed loss is wrong (a margin's length taken as a sensitivity, a column redefined
after truncation), so a query here is data, not code: a measure, public keys, public bounds and simple
filters.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any, Self

from anonymization.errors import AnonymizationError

from .values import Key, canonical, number

#: The form of `DpQuery.to_dict`; part of a query's identity.
QUERY_VERSION = 1


class QueryError(AnonymizationError):
    """The query cannot be asked as it stands.

    Args:
        problems: one sentence for each thing that is wrong, with what to do about it; no data value.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


class Measure(StrEnum):
    COUNT = "count"
    MEAN = "mean"
    SUM = "sum"


class Op(StrEnum):
    EQ = "=="
    NE = "!="
    GE = ">="
    LE = "<="
    IN = "in"


class Per(StrEnum):
    """What one contribution is.

    `HOUSEHOLD`: a household's rows are first brought together to one. `ROW`: each row counts, and rows of a
    household beyond `max_rows` are dropped before anything is computed.
    """

    HOUSEHOLD = "household"
    ROW = "row"


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
class DpQuery:
    """A differentially private table of counts, means or sums; the privacy unit is the household.

    Args:
        table: name of the table (a dataset of the catalogue).
        unit_id: column that names the household. Rows without a value there belong to nobody and are left
            out.
        measure: what each cell holds.
        epsilon: privacy loss asked for, pure epsilon, add-or-remove one household.
        column: what is averaged or summed; none for a count.
        lower, upper: PUBLIC bounds of `column` for one contribution (with `per` household: of the household's
            total); values outside are moved to the bound. In the column's own unit.
        group_by: column to its PUBLIC list of keys, from the data dictionary. Rows with other keys are left
            out.
        count_by_programme: boolean columns that overlap: a household may be in several. Each is a group of
            its own, and sensitivity is multiplied by `max_programmes`.
        max_programmes: how many of them one household may count in (0: all). Memberships beyond are dropped,
            by a rule that looks at that household alone.
        filters: all must hold.
        per: what one contribution is.
        max_rows: with `per` row, the number of rows that one household may contribute.
        min_count: a mean whose noisy number of contributions is below this is withheld.

    Raises:
        QueryError: when the parts do not fit together.
    """

    table: str
    unit_id: str
    measure: Measure
    epsilon: float
    column: str | None = None
    lower: float | None = None
    upper: float | None = None
    group_by: Mapping[str, tuple[Key, ...]] = field(default_factory=dict, hash=False)
    count_by_programme: tuple[str, ...] = ()
    max_programmes: int = 0
    filters: tuple[Filter, ...] = ()
    per: Per = Per.HOUSEHOLD
    max_rows: int = 1
    min_count: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "group_by", {c: tuple(self.group_by[c]) for c in sorted(self.group_by)})
        problems = [p for check in (self._shape, self._bounds, self._cells) for p in check()]
        if problems:
            raise QueryError(problems)

    def _shape(self) -> list[str]:
        said = [p for f in self.filters for p in f.problems()]
        if not (math.isfinite(self.epsilon) and self.epsilon > 0):
            said.append("Epsilon must be a number above zero.")
        if self.max_rows < 1 or (self.per is Per.HOUSEHOLD and self.max_rows != 1):
            said.append("Rows per household must be 1, or more when every row counts (per: row).")
        if not 0 <= self.max_programmes <= len(self.count_by_programme):
            said.append("Programmes per household must lie between 0 (all) and the number listed.")
        if self.min_count < 0:
            said.append("The smallest count behind a mean cannot be negative.")
        return said

    def _bounds(self) -> list[str]:
        if self.measure is Measure.COUNT:
            if self.column is not None or self.lower is not None or self.upper is not None:
                return ["A count takes no column and no bounds; ask for a mean or a sum, or leave them out."]
            return []
        if self.column is None:
            return [f"A {self.measure.value} needs the column that it is of."]
        if self.lower is None or self.upper is None:
            where = "take them from the data dictionary, never from the data."
            return [f"A {self.measure.value} of {self.column} needs public bounds (lower and upper): {where}"]
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower < self.upper):
            return [f"The bounds of {self.column} must be two numbers, the lower below the upper."]
        return []

    def _cells(self) -> list[str]:
        said = []
        for column, keys in self.group_by.items():
            texts = [canonical(k) for k in keys]
            if not keys:
                said.append(f"Grouping by {column} needs the list of its keys, from the data dictionary.")
            elif None in texts or len(set(texts)) != len(texts):
                # A key given twice (also as 1 and "1") would count a household twice for the price of one.
                said.append(f"The keys of {column} must be given once each, and none may be empty.")
        if len(set(self.count_by_programme)) != len(self.count_by_programme):
            said.append("Each programme column must be listed once.")
        if "programme" in self.group_by and self.count_by_programme:
            said.append("A column called programme cannot be grouped by together with a list of programmes.")
        return said

    @property
    def contributions(self) -> int:
        """How many (row, cell) pairs one household can add at most: the L1 bound of a count."""
        programmes = (self.max_programmes or len(self.count_by_programme)) if self.count_by_programme else 1
        return self.max_rows * programmes

    @property
    def cells(self) -> tuple[tuple[Key, ...], ...]:
        """Every cell that the answer will have, from public facts alone, in the answer's order."""
        axes = [*self.group_by.values(), *([self.count_by_programme] if self.count_by_programme else [])]
        return tuple(product(*axes))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the columns that tell cells apart."""
        return (*self.group_by, *(("programme",) if self.count_by_programme else ()))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        named = [self.unit_id, *self.group_by, *self.count_by_programme, *(f.column for f in self.filters)]
        return tuple(dict.fromkeys([*named, *([self.column] if self.column else [])]))

    def to_dict(self) -> dict[str, Any]:
        return {
            "version": QUERY_VERSION,
            "table": self.table,
            "unit_id": self.unit_id,
            "measure": self.measure.value,
            "epsilon": float(self.epsilon),
            "column": self.column,
            "lower": None if self.lower is None else float(self.lower),
            "upper": None if self.upper is None else float(self.upper),
            "group_by": {c: list(keys) for c, keys in self.group_by.items()},
            "count_by_programme": list(self.count_by_programme),
            "max_programmes": self.max_programmes,
            "filters": [f.to_dict() for f in self.filters],
            "per": self.per.value,
            "max_rows": self.max_rows,
            "min_count": self.min_count,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote, or what a form or an API sent.

        Raises:
            QueryError: with one sentence for each part that cannot be used.
        """
        from .parsing import arguments  # noqa: PLC0415 - parsing needs this module's classes

        return cls(**arguments(given))

    def canonical(self) -> bytes:
        """Canonical bytes: equal for queries that ask the same, whatever the order of keys."""
        out = self.to_dict()
        out["group_by"] = {c: sorted(canonical(k) or "" for k in keys) for c, keys in self.group_by.items()}
        out["count_by_programme"] = sorted(out["count_by_programme"])
        out["filters"] = sorted(out["filters"], key=lambda f: json.dumps(f, sort_keys=True))
        return json.dumps(
            out, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
        ).encode()

    def identity(self, dataset_version: str) -> str:
        """SHA-256 over canonical bytes and dataset version: the ledger's name for this question."""
        return hashlib.sha256(self.canonical() + b"\0" + dataset_version.encode()).hexdigest()
