"""What the product answers, and whether an audit asks for it: what is not audited is not exposed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from anonymization import dp
from anonymization.dp.queries import DpQuery
from anonymization.dp.terms import Between, Filter, Measure, Mechanism, Op, Per, Weighting

from .shapes import Shape


@dataclass(frozen=True, slots=True)
class Kind:
    """What must be audited in combination.

    Args:
        measure: what each cell holds; of: what a difference is of.
        mechanism: which noise.
        found: whether keys are found in the data.
    """

    measure: Measure
    of: Measure | None
    mechanism: Mechanism
    found: bool

    @classmethod
    def asked(cls, query: DpQuery) -> Kind:
        return cls(query.measure, query.of, query.mechanism, bool(query.unknown_keys))


@dataclass(frozen=True, slots=True)
class Bounding:
    """How the rows of a household are bounded, which must be audited for each measure."""

    measure: Measure
    per: Per
    weighting: Weighting

    @classmethod
    def asked(cls, query: DpQuery) -> Bounding:
        return cls(query.measure, query.per, query.weighting)


def exposed() -> Iterator[DpQuery]:
    """One small question for each combination of measure, noise, keys and bounding that `dp.cost` prices."""
    bounding: tuple[dict[str, Any], ...] = (
        {},
        {"per": Per.ROW, "max_rows": 2},
        {"per": Per.ROW, "weighting": Weighting.HOUSEHOLD},
    )
    for (measure, parts), mechanism, found, grain in product(_parts(), Mechanism, (False, True), bounding):
        price: dict[str, Any] = {"epsilon": 1.0} if mechanism is Mechanism.LAPLACE else {"rho": 0.2}
        keys: dict[str, Any] = {"unknown_keys": ("region",), "delta": 0.01} if found else {}
        try:
            query = DpQuery(
                "audited",
                "household_id",
                measure,
                mechanism=mechanism,
                **{**price, **keys, **grain, **parts},
            )
            dp.cost(query)
        except dp.QueryError:
            continue
        yield query


def priced(shape: Shape) -> bool:
    """Whether a shape is answered at all; one that is not can lose nothing."""
    try:
        dp.cost(shape.query)
    except dp.QueryError:
        return False
    return True


def unaudited(shapes: Iterable[Shape], among: Iterable[DpQuery] | None = None) -> list[Kind | Bounding]:
    """What is exposed and that no shape asks for; empty when every claim can be tried.

    Args:
        shapes: what is audited.
        among: what is exposed, where `exposed` was asked already.
    """
    asked: set[Kind | Bounding] = set()
    for shape in shapes:
        asked |= {Kind.asked(shape.query), Bounding.asked(shape.query)}
    wanted: dict[Kind | Bounding, None] = {}
    for query in exposed() if among is None else among:
        wanted |= dict.fromkeys((Kind.asked(query), Bounding.asked(query)))
    return [one for one in wanted if one not in asked]


def _parts() -> Iterator[tuple[Measure, Mapping[str, Any]]]:
    """The fields that each measure needs; a measure that is unknown here is an error, so that nobody forgets it."""
    bounded: dict[str, Any] = {"column": "pay", "lower": 0.0, "upper": 100.0}
    share: dict[str, Any] = {"numerator": (Filter("cash", Op.EQ, True),)}
    fields: dict[Measure, dict[str, Any]] = {
        Measure.COUNT: {},
        Measure.SUM: bounded,
        Measure.MEAN: bounded,
        Measure.QUANTILE: {**bounded, "quantile": 0.5},
        Measure.HISTOGRAM: {"column": "pay", "bins": (0.0, 50.0, 100.0)},
        Measure.RATIO: share,
    }
    two = {"between": Between("sex", "f", "m")}
    for measure in Measure:
        if measure is Measure.DIFFERENCE:
            yield from ((measure, {**fields[of], **two, "of": of}) for of in fields)
        else:
            yield measure, fields[measure]
