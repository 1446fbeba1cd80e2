"""Every question that we expose, each with the household that shows most of itself in it.

A measure, mechanism or kind of key of `DpQuery` that is answered and that no shape here asks for fails a test: what is
not audited is not exposed (`coverage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anonymization.dp.queries import DpQuery
from anonymization.dp.terms import Between, Filter, Measure, Mechanism, Op, Per, Weighting

from .neighbours import Pair, pair
from .registry import HIGH, LOW, OTHERS, PROGRAMMES, WORST, Rows, household, households


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of question, and the neighbouring registries that try it hardest.

    Args:
        name: for reports.
        query: the question.
        others: rows of everybody else.
        worst: rows of the household that is taken away.
    """

    name: str
    query: DpQuery
    others: Rows = tuple(OTHERS)
    worst: Rows = tuple(WORST)

    def pair(self) -> Pair:
        return pair(self.query, self.others, self.worst)


def ask(measure: Measure, epsilon: float = 1.0, **parts: Any) -> DpQuery:
    return DpQuery("audited", "household_id", measure, epsilon, **parts)


def gaussian(measure: Measure, rho: float = 1.0, **parts: Any) -> DpQuery:
    return ask(measure, 0.0, mechanism=Mechanism.GAUSSIAN, rho=rho, **parts)


_PAY: dict[str, Any] = {"column": "pay", "lower": LOW, "upper": HIGH}
_REGIONS: dict[str, Any] = {"group_by": {"region": ("R01", "R02")}}
_SPREAD: dict[str, Any] = {"group_by": {"region": ("R01", "R02", "R03")}}
_CASH: dict[str, Any] = {"numerator": (Filter("cash", Op.EQ, True),)}
_ROWS: dict[str, Any] = {"per": Per.ROW, "max_rows": 2}
_WEIGHTED: dict[str, Any] = {"per": Per.ROW, "weighting": Weighting.HOUSEHOLD}
_BINS: dict[str, Any] = {"column": "pay", "bins": (0.0, 25.0, 50.0, HIGH)}
_TWO: dict[str, Any] = {"between": Between("region", "R02", "R01")}
_FOUND: dict[str, Any] = {"unknown_keys": ("region",), "delta": 0.01}

#: Enough households in one region that a mean is not withheld.
_MANY = tuple(households(14, region="R02", pay=43.0))
_MORE = tuple(households(40, region="R02", pay=43.0))
#: As many in each of two regions.
_BOTH = (
    *households(20, region="R02", pay=0.0),
    *(r for i in range(20) for r in household(f"there {i}", pay=0.0)),
)
#: Spread out evenly, so that no value holds the quantile fast.
_EVEN = tuple(row for i in range(60) for row in household(f"other {i}", 1, pay=0.7 + 5 / 3 * i))
_EVENER = tuple(row for i in range(120) for row in household(f"other {i}", 1, pay=0.4 + 5 / 6 * i))
#: A household in three regions, so that its weight is spread over cells.
_SPREAD_OUT = tuple(row for r in ("R01", "R02", "R03") for row in household("worst", 2, region=r, pay=1e9))

SHAPES: tuple[Shape, ...] = (
    Shape("count of households by region", ask(Measure.COUNT, **_REGIONS)),
    Shape("count of persons, at most 9 of a household", ask(Measure.COUNT, per=Per.ROW, max_rows=9)),
    Shape("count of persons, weighted", ask(Measure.COUNT, **_WEIGHTED)),
    Shape(
        "count of persons over regions, weighted",
        ask(Measure.COUNT, **_WEIGHTED, **_SPREAD),
        worst=_SPREAD_OUT,
    ),
    Shape("count by programme, overlapping", ask(Measure.COUNT, count_by_programme=PROGRAMMES)),
    Shape(
        "count by programme, at most 2 of a household",
        ask(Measure.COUNT, count_by_programme=PROGRAMMES, max_programmes=2),
    ),
    Shape(
        "count behind a filter that nobody else passes",
        ask(Measure.COUNT, filters=(Filter("region", Op.EQ, "R02"),)),
    ),
    Shape("count, Gaussian", gaussian(Measure.COUNT, **_REGIONS)),
    Shape(
        "count by programme, overlapping, Gaussian", gaussian(Measure.COUNT, count_by_programme=PROGRAMMES)
    ),
    Shape("count of persons over regions, Gaussian", gaussian(Measure.COUNT, per=Per.ROW, max_rows=9)),
    Shape("count by keys found in the data, one household there", ask(Measure.COUNT, **_FOUND)),
    Shape(
        "count by keys found in the data, at the threshold",
        ask(Measure.COUNT, 2.0, **_FOUND),
        tuple(households(9, region="R02")),
    ),
    Shape("sum of household totals by region", ask(Measure.SUM, **_PAY, **_REGIONS)),
    Shape("sum over persons, at most 4 of a household", ask(Measure.SUM, **_PAY, per=Per.ROW, max_rows=4)),
    Shape("sum over persons, weighted", ask(Measure.SUM, **_PAY, **_WEIGHTED)),
    Shape("sum, Gaussian", gaussian(Measure.SUM, **_PAY, **_REGIONS)),
    Shape(
        "sum by keys found in the data",
        ask(Measure.SUM, 2.0, **_PAY, **_FOUND),
        tuple(households(9, region="R02", pay=0.0)),
    ),
    Shape("mean of household totals", ask(Measure.MEAN, 2.0, **_PAY, min_count=1), _MANY),
    Shape(
        "mean over persons, at most 2 of a household",
        ask(Measure.MEAN, 4.0, **_PAY, **_ROWS, min_count=1),
        _MANY,
    ),
    Shape("mean over persons, weighted", ask(Measure.MEAN, 4.0, **_PAY, **_WEIGHTED, min_count=1), _MANY),
    Shape("mean, Gaussian", gaussian(Measure.MEAN, 1.0, **_PAY, min_count=1), _MORE),
    Shape("mean by keys found in the data", ask(Measure.MEAN, 4.0, **_PAY, **_FOUND, min_count=1), _MANY),
    Shape(
        "quantile of household totals",
        ask(Measure.QUANTILE, 3.0, **_PAY, quantile=0.5, min_count=0),
        _EVEN,
    ),
    Shape(
        "quantile over persons, at most 2 of a household",
        ask(Measure.QUANTILE, 3.0, **_PAY, **_ROWS, quantile=0.75, min_count=0),
        _EVENER,
    ),
    Shape(
        "quantile over persons, weighted",
        ask(Measure.QUANTILE, 3.0, **_PAY, **_WEIGHTED, quantile=0.5, min_count=0),
        _EVEN,
    ),
    Shape(
        "histogram of household totals",
        ask(Measure.HISTOGRAM, **_BINS),
        worst=tuple(household("worst", 9, pay=6.0)),
    ),
    Shape(
        "histogram over persons, at most 2 of a household",
        ask(Measure.HISTOGRAM, **_BINS, **_ROWS),
        worst=tuple(household("worst", 9, pay=20.0)),
    ),
    Shape(
        "histogram over persons, weighted",
        ask(Measure.HISTOGRAM, **_BINS, **_WEIGHTED),
        worst=tuple(household("worst", 9, pay=20.0)),
    ),
    Shape(
        "histogram, Gaussian",
        gaussian(Measure.HISTOGRAM, **_BINS, **_ROWS),
        worst=tuple(household("worst", 9, pay=20.0)),
    ),
    Shape("coverage, a ratio", ask(Measure.RATIO, 2.0, **_CASH, min_count=1), _MANY),
    Shape(
        "ratio within a denominator",
        ask(Measure.RATIO, 2.0, **_CASH, denominator=(Filter("age", Op.GE, 18),), min_count=1),
        _MANY,
    ),
    Shape("ratio over persons", ask(Measure.RATIO, 4.0, **_CASH, **_ROWS, min_count=1), _MANY),
    Shape("ratio over persons, weighted", ask(Measure.RATIO, 4.0, **_CASH, **_WEIGHTED, min_count=1), _MANY),
    Shape("ratio, Gaussian", gaussian(Measure.RATIO, 1.0, **_CASH, min_count=1), _MORE),
    Shape("ratio by keys found in the data", ask(Measure.RATIO, 4.0, **_CASH, **_FOUND, min_count=1), _MANY),
    *(
        Shape(
            f"difference of a {of} between regions", ask(Measure.DIFFERENCE, e, of=of, **_TWO, **parts), rows
        )
        for of, e, parts, rows in (
            (Measure.COUNT, 1.0, {}, tuple(OTHERS)),
            (Measure.SUM, 1.0, _PAY, tuple(OTHERS)),
            (Measure.MEAN, 2.0, {**_PAY, "min_count": 1}, _BOTH),
            (Measure.RATIO, 2.0, {**_CASH, "min_count": 1}, _BOTH),
        )
    ),
    Shape(
        "difference of a mean over persons, at most 2 of a household",
        ask(Measure.DIFFERENCE, 4.0, of=Measure.MEAN, **_TWO, **_PAY, **_ROWS, min_count=1),
        _BOTH,
    ),
    Shape(
        "difference of a count of persons, weighted",
        ask(Measure.DIFFERENCE, of=Measure.COUNT, **_TWO, **_WEIGHTED),
        worst=_SPREAD_OUT,
    ),
    *(
        Shape(
            f"difference of a {of} between regions, Gaussian",
            gaussian(Measure.DIFFERENCE, rho, of=of, **_TWO, **parts),
            rows,
        )
        for of, rho, parts, rows in (
            (Measure.COUNT, 1.0, {}, tuple(OTHERS)),
            (Measure.SUM, 1.0, _PAY, tuple(OTHERS)),
            (Measure.MEAN, 1.0, {**_PAY, "min_count": 1}, _BOTH),
            (Measure.RATIO, 1.0, {**_CASH, "min_count": 1}, _BOTH),
        )
    ),
)
