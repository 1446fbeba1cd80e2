"""Every question that we expose, each with the household that shows most of itself in it.

A measure, mechanism or option of `DpQuery` that no shape here asks for fails a test: what is not audited is not
exposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anonymization.dp.queries import DpQuery, Filter, Measure, Op, Per

from .neighbours import Pair, pair

Rows = Sequence[Mapping[str, object]]

PROGRAMMES = ("cash", "meals", "fees")

#: Bounds of a household's payment, in local currency a month.
LOW, HIGH = 0.0, 100.0


def household(name: str, persons: int = 1, **changes: object) -> Rows:
    """The rows of one household, one a person, in no programme unless told."""
    row = {"household_id": name, "region": "R01", "pay": 50.0, "age": 30, **dict.fromkeys(PROGRAMMES, False)}
    return [{**row, **changes}] * persons


#: Nine persons, alone in their region, in every programme, with a payment far above the bounds.
WORST = household("worst", 9, region="R02", pay=1e9, age=200, **dict.fromkeys(PROGRAMMES, True))
#: Everybody else: in the other region, with ordinary payments.
OTHERS: Rows = [row for i in range(3) for row in household(f"other {i}", 1, pay=10.0 * i)]


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of question, and the neighbouring registries that try it hardest.

    Args:
        name: for reports.
        query: the question.
        others: rows of everybody else.
        worst: rows of the household that is taken away.
        crowds: whether it can be asked about many worlds at once.
    """

    name: str
    query: DpQuery
    others: Rows = ()
    worst: Rows = ()
    crowds: bool = True

    def pair(self) -> Pair:
        return pair(self.query, self.others or OTHERS, self.worst or WORST)


def ask(measure: Measure, epsilon: float = 1.0, **parts: Any) -> DpQuery:
    return DpQuery("audited", "household_id", measure, epsilon, **parts)


_PAY: dict[str, Any] = {"column": "pay", "lower": LOW, "upper": HIGH}
_REGIONS: dict[str, Any] = {"group_by": {"region": ("R01", "R02")}}
#: Enough households that a mean is not withheld.
_MANY: Rows = [row for i in range(14) for row in household(f"other {i}", region="R02", pay=40.0 + i)]

SHAPES: tuple[Shape, ...] = (
    Shape("count of households by region", ask(Measure.COUNT, **_REGIONS)),
    Shape("count of persons, at most 9 of a household", ask(Measure.COUNT, per=Per.ROW, max_rows=9)),
    Shape("count by programme, overlapping", ask(Measure.COUNT, count_by_programme=PROGRAMMES)),
    Shape(
        "count by programme, at most 2 of a household",
        ask(Measure.COUNT, count_by_programme=PROGRAMMES, max_programmes=2),
    ),
    Shape(
        "count behind a filter that nobody else passes",
        ask(Measure.COUNT, filters=(Filter("region", Op.EQ, "R02"),)),
    ),
    Shape("sum of household totals by region", ask(Measure.SUM, **_PAY, **_REGIONS)),
    Shape("sum over persons, at most 4 of a household", ask(Measure.SUM, **_PAY, per=Per.ROW, max_rows=4)),
    Shape("mean of household totals", ask(Measure.MEAN, 2.0, **_PAY, min_count=1), _MANY),
    Shape(
        "mean over persons, at most 2 of a household",
        ask(Measure.MEAN, 4.0, **_PAY, per=Per.ROW, max_rows=2, min_count=1),
        _MANY,
    ),
)
