"""What may be asked: a closed set of query shapes, nothing that a user writes as an expression.

OpenDP accepts plans whose claimed loss is wrong (a margin's length taken as a sensitivity, a column redefined
after truncation), so a query here is data, not code: a measure, public keys, public bounds and simple
filters. The words are in `terms`, what fits together in `checks`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any, Self

from .terms import Between, Filter, Measure, Mechanism, Op, Per, QueryError, Weighting
from .values import Key, canonical

__all__ = [
    "QUERY_VERSION",
    "READABLE_VERSIONS",
    "Between",
    "DpQuery",
    "Filter",
    "Measure",
    "Mechanism",
    "Op",
    "Per",
    "QueryError",
    "Weighting",
]

#: The form of `DpQuery.to_dict`.
QUERY_VERSION = 2
#: Forms that are still read. A query that version 1 could ask keeps the identity that it had there.
READABLE_VERSIONS = (1, 2)

#: What one whole weight is made of where rows are weighted: every share of up to 12 rows is whole
#: (lcm of 1 to 12), and beyond that at most n / 27720 of a household is lost to rounding down.
WEIGHT = 27_720


@dataclass(frozen=True, slots=True)
class DpQuery:
    """A differentially private table; the privacy unit is the household, added or removed with all its rows.

    Args:
        table: name of the table (a dataset of the catalogue).
        unit_id: column that names the household. Rows without a value there belong to nobody and are left
            out.
        measure: what each cell holds.
        epsilon: privacy loss asked for with Laplace noise; zero with Gaussian noise.
        column: what a mean, sum, quantile or histogram is of; none for a count or a ratio.
        lower, upper: PUBLIC bounds of `column` for one contribution (with `per` household: of the household's
            total); values outside are moved to the bound. In the column's own unit. None for a histogram.
        group_by: column to its PUBLIC list of keys, from the data dictionary. Rows with other keys are left
            out.
        count_by_programme: boolean columns that overlap: a household may be in several. Each is a group of
            its own, and sensitivity is multiplied by `max_programmes`.
        max_programmes: how many of them one household may count in (0: all). Memberships beyond are dropped,
            by a rule that looks at that household alone.
        filters: all must hold.
        per: what one contribution is.
        max_rows: with `per` row and truncation, the number of rows that one household may contribute.
        min_count: a mean, ratio or quantile whose noisy number of contributions is below this is withheld.
        mechanism: which noise.
        rho: privacy loss asked for with Gaussian noise (zero-concentrated DP); zero with Laplace noise.
        delta: what finding `unknown_keys` may spend; zero otherwise.
        quantile: which quantile, between 0 and 1: 0.5 is the median.
        bins: PUBLIC edges of a histogram, rising. A bin holds its lower edge; the last holds its upper edge
            too. Values outside the edges are left out.
        numerator, denominator: filters of a ratio. Counted in the denominator is what passes `filters` and
            `denominator`, in the numerator what of that passes `numerator`: a ratio is a share.
        of: what a difference is of: a count, sum, mean or ratio.
        between: the two groups of a difference.
        unknown_keys: columns grouped by the keys found in the data; a key held by few households is not
            found, and finding spends `delta`.
        weighting: how the rows of one household are bounded, with `per` row.

    Raises:
        QueryError: when the parts do not fit together.
    """

    table: str
    unit_id: str
    measure: Measure
    epsilon: float = 0.0
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
    mechanism: Mechanism = Mechanism.LAPLACE
    rho: float = 0.0
    delta: float = 0.0
    quantile: float | None = None
    bins: tuple[float, ...] = ()
    numerator: tuple[Filter, ...] = ()
    denominator: tuple[Filter, ...] = ()
    of: Measure | None = None
    between: Between | None = None
    unknown_keys: tuple[str, ...] = ()
    weighting: Weighting = Weighting.TRUNCATE

    def __post_init__(self) -> None:
        from .checks import problems  # noqa: PLC0415 - checks need this class

        object.__setattr__(self, "group_by", {c: tuple(self.group_by[c]) for c in sorted(self.group_by)})
        said = problems(self)
        if said:
            raise QueryError(said)

    @property
    def base(self) -> Measure:
        """What the cells are made of: of a difference, what it is of."""
        return self.of if self.measure is Measure.DIFFERENCE and self.of else self.measure

    @property
    def share(self) -> int:
        """How much of one cell's count a household can be, in whole parts (see `part`)."""
        return 1 if self.per is Per.HOUSEHOLD else WEIGHT if self.weighted else self.max_rows

    @property
    def weighted(self) -> bool:
        return self.per is Per.ROW and self.weighting is Weighting.HOUSEHOLD

    @property
    def part(self) -> float:
        """What one whole part of a count stands for: a contribution, or its smallest weight."""
        return 1 / WEIGHT if self.weighted else 1.0

    @property
    def programmes(self) -> int:
        """How many of the overlapping groups one household can be in at most; 1 where there are none."""
        return (self.max_programmes or len(self.count_by_programme)) if self.count_by_programme else 1

    @property
    def contributions(self) -> int:
        """The most that one household can add over all cells of a count, in whole parts: its L1 bound."""
        return self.share * self.programmes

    @property
    def axes(self) -> tuple[tuple[Key, ...], ...]:
        """Keys of every dimension that is computed: of the groups, the two of a difference, the programmes."""
        two = [(self.between.first, self.between.second)] if self.between else []
        overlapping = [self.count_by_programme] if self.count_by_programme else []
        return (*self.group_by.values(), *two, *overlapping)

    @property
    def cells(self) -> tuple[tuple[Key, ...], ...]:
        """Every cell that the answer will have, from public facts alone, in the answer's order.

        With `unknown_keys` the keys that are found come on top.
        """
        overlapping = [self.count_by_programme] if self.count_by_programme else []
        return tuple(product(*self.group_by.values(), *overlapping, *([self.bin_names] if self.bins else [])))

    @property
    def bin_names(self) -> tuple[str, ...]:
        """A histogram's bins in words: `[0, 100)`, the last one closed."""
        edges = [canonical(e) or "" for e in self.bins]
        pairs = list(pairwise(edges))
        return tuple(f"[{a}, {b}{']' if i == len(pairs) - 1 else ')'}" for i, (a, b) in enumerate(pairs))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of the columns that tell cells apart, those of `unknown_keys` left out."""
        last = (("programme",) if self.count_by_programme else ()) + (("bin",) if self.bins else ())
        return (*self.group_by, *last)

    @property
    def asked_columns(self) -> tuple[str, ...]:
        """Every column that the question is about, once each."""
        filtering = (f.column for f in (*self.filters, *self.numerator, *self.denominator))
        named = [*self.group_by, *self.count_by_programme, *self.unknown_keys, *filtering]
        named += [self.between.column] if self.between else []
        return tuple(dict.fromkeys([*named, *([self.column] if self.column else [])]))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read: the household's, and those that the question is about."""
        return tuple(dict.fromkeys([self.unit_id, *self.asked_columns]))

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
            "mechanism": self.mechanism.value,
            "rho": float(self.rho),
            "delta": float(self.delta),
            "quantile": None if self.quantile is None else float(self.quantile),
            "bins": [float(e) for e in self.bins],
            "numerator": [f.to_dict() for f in self.numerator],
            "denominator": [f.to_dict() for f in self.denominator],
            "of": None if self.of is None else self.of.value,
            "between": None if self.between is None else self.between.to_dict(),
            "unknown_keys": list(self.unknown_keys),
            "weighting": self.weighting.value,
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote, in this version or an earlier one, or what a form or an API sent.

        Raises:
            QueryError: with one sentence for each part that cannot be used.
        """
        from .parsing import arguments  # noqa: PLC0415 - parsing needs this module's classes

        return cls(**arguments(given))

    def canonical(self) -> bytes:
        """Canonical bytes: equal for queries that ask the same, whatever the order of keys.

        What version 1 could ask keeps the bytes that it had in version 1: a question asked before an upgrade
        is the same question after it, and is not charged again.
        """
        out = self.to_dict()
        out["group_by"] = {c: sorted(canonical(k) or "" for k in keys) for c, keys in self.group_by.items()}
        for name in ("count_by_programme", "unknown_keys"):
            out[name] = sorted(out[name])
        for name in ("filters", "numerator", "denominator"):
            out[name] = sorted(out[name], key=lambda f: json.dumps(f, sort_keys=True))
        if self.between:
            two = {"first": canonical(self.between.first), "second": canonical(self.between.second)}
            out["between"] = {"column": self.between.column, **two}
        if all(out[name] == plain for name, plain in _SINCE_2.items()):
            out = {name: value for name, value in out.items() if name not in _SINCE_2} | {"version": 1}
        return json.dumps(
            out, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
        ).encode()

    def identity(self, dataset_version: str) -> str:
        """SHA-256 over canonical bytes and dataset version: the ledger's name for this question."""
        return hashlib.sha256(self.canonical() + b"\0" + dataset_version.encode()).hexdigest()


#: Fields that version 1 did not have, with the value that says what version 1 said by leaving them out.
_SINCE_2: dict[str, Any] = {
    "mechanism": Mechanism.LAPLACE.value,
    "rho": 0.0,
    "delta": 0.0,
    "quantile": None,
    "bins": [],
    "numerator": [],
    "denominator": [],
    "of": None,
    "between": None,
    "unknown_keys": [],
    "weighting": Weighting.TRUNCATE.value,
}
SINCE_VERSION_2 = frozenset(_SINCE_2)
