"""Figures and queries in words."""

from __future__ import annotations

import pytest

from anonymization.dp import Between, DpQuery, Filter, Measure, Op, Per, Weighting
from request_portal.present.evidence import flatten
from request_portal.present.words import asked

TABLE = {"table": "households", "unit_id": "household_id", "epsilon": 0.1}
MONEY = {"column": "benefit", "lower": 0, "upper": 10}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (DpQuery(**TABLE, measure=Measure.COUNT), "Number of households"),
        (
            DpQuery(**TABLE, measure=Measure.COUNT, per=Per.ROW, max_rows=9, group_by={"sex": (1, 2)}),
            "Number of persons by sex",
        ),
        (
            DpQuery(
                **TABLE,
                measure=Measure.COUNT,
                group_by={"region": ("R1",)},
                count_by_programme=("cct", "meals"),
            ),
            "Number of households by region and programme",
        ),
        (
            DpQuery(
                **TABLE,
                **MONEY,
                measure=Measure.MEAN,
                filters=(
                    Filter("cct", Op.EQ, True),
                    Filter("size", Op.GE, 3),
                    Filter("region", Op.IN, ("R1", "R2")),
                ),
            ),
            "Mean of benefit over households, where cct is yes, size is at least 3, region is one of R1, R2",
        ),
        (DpQuery(**TABLE, **MONEY, measure=Measure.SUM), "Total of benefit over households"),
        (
            DpQuery(**TABLE, **MONEY, measure=Measure.QUANTILE, quantile=0.5),
            "Median of benefit over households",
        ),
        (
            DpQuery(**TABLE, **MONEY, measure=Measure.QUANTILE, quantile=0.9, group_by={"region": ("R1",)}),
            "Quantile 0.9 of benefit over households by region",
        ),
        (
            DpQuery(**TABLE, measure=Measure.HISTOGRAM, column="benefit", bins=(0, 5, 10)),
            "Number of households by benefit in 2 bins",
        ),
        (
            DpQuery(
                **TABLE,
                measure=Measure.RATIO,
                numerator=(Filter("cct", Op.EQ, True),),
                denominator=(Filter("score", Op.LE, 40),),
            ),
            "Share of households where cct is yes, where score is at most 40",
        ),
        (
            DpQuery(
                **TABLE, **MONEY, measure=Measure.DIFFERENCE, of=Measure.MEAN, between=Between("sex", 1, 2)
            ),
            "Mean of benefit over households for sex 1 less 2",
        ),
        (
            DpQuery(**TABLE, measure=Measure.COUNT, unknown_keys=("village",), delta=1e-6),
            "Number of households by village (as found in the data)",
        ),
        (
            DpQuery(**TABLE, measure=Measure.COUNT, per=Per.ROW, weighting=Weighting.HOUSEHOLD),
            "Number of persons, each weighed by household",
        ),
    ],
)
def test_a_charge_says_what_was_asked(query, words):
    assert asked(query.to_dict()) == words


def test_figures_in_lists_are_as_short_as_figures_alone():
    pack = {
        "closest": {"interval": [0.46873750000000003, 1.755101321612495], "names": ["a", "b"], "none": []}
    }
    assert flatten(pack) == [
        ("Closest", [("Interval", "0.4687, 1.755"), ("Names", "a, b"), ("None", "none")])
    ]


def test_a_page_that_is_not_there_says_so_in_words(portal):
    answer = portal.client().get("/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "<h1" in answer.text
    assert "We cannot find that" in answer.text
    assert "Not Found" not in answer.text
