"""Take any one household away: the exact numbers move by no more than noise was calibrated to (promise P6)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymization.dp import DpQuery, Filter, Measure, Op, Per
from anonymization.dp.aggregate import exact
from anonymization.dp.mechanisms import sensitivity

PLAIN = (Measure.COUNT, Measure.MEAN, Measure.SUM)
PROGRAMMES = ("p1", "p2", "p3")
AWKWARD = [
    None,
    math.nan,
    math.inf,
    -math.inf,
    True,
    False,
    1,
    0,
    1.0,
    "1",
    "01",
    "true",
    "True",
    "R01",
    "",
    10**30,
    -7,
    3.999,
]

values = st.sampled_from(AWKWARD)
rows = st.fixed_dictionaries(
    {
        "unit": st.sampled_from(["a", "b", "c", 1, "1", True, 1.0, None, 0]),
        "region": values,
        "pay": st.one_of(values, st.floats(-50, 500)),
        **dict.fromkeys(PROGRAMMES, st.sampled_from([True, False, None, 1, "true", "no"])),
    }
)


@st.composite
def queries(draw):
    measure = draw(st.sampled_from(PLAIN))
    per = draw(st.sampled_from(list(Per)))
    programmes = draw(st.sampled_from([(), ("p1",), PROGRAMMES]))
    bounds = (
        {}
        if measure is Measure.COUNT
        else {"column": "pay", "lower": -10, "upper": draw(st.sampled_from([1, 90, 300]))}
    )
    return DpQuery(
        "t",
        "unit",
        measure,
        1.0,
        group_by=draw(
            st.sampled_from([{}, {"region": ("R01", 1, 0)}, {"region": ("R01",), "p1": (True, False)}])
        ),
        count_by_programme=programmes,
        max_programmes=draw(st.integers(0, len(programmes))),
        filters=draw(
            st.sampled_from(
                [
                    (),
                    (Filter("pay", Op.GE, 0),),
                    (Filter("region", Op.NE, "R01"),),
                    (Filter("p2", Op.EQ, True),),
                ]
            )
        ),
        per=per,
        max_rows=draw(st.integers(1, 4)) if per is Per.ROW else 1,
        **bounds,
    )


def moved(query, df, smaller):
    one, other = exact(query, df), exact(query, smaller)
    return int(np.abs(one.counts - other.counts).sum()), int(np.abs(one.sums - other.sums).sum())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(queries(), st.lists(rows, min_size=1, max_size=14), st.integers(0, 99))
def test_removing_one_household_never_moves_the_numbers_by_more_than_claimed(query, table, seed):
    from anonymization.dp.values import canonical

    df = pd.DataFrame({c: pd.Series([r[c] for r in table], dtype=object) for c in table[0]})
    for unit in {canonical(v) for v in df["unit"]}:
        smaller = df[[canonical(v) != unit for v in df["unit"]]].sample(frac=1, random_state=seed)
        counts, sums = moved(query, df, smaller)
        if unit is None:
            assert (counts, sums) == (0, 0)  # rows that belong to nobody add nothing
        allowed_counts, allowed_sums = sensitivity(query)
        assert counts <= allowed_counts
        assert sums <= allowed_sums


@pytest.mark.parametrize("measure", PLAIN)
@pytest.mark.parametrize("most", [0, 2])
def test_the_worst_household_has_nine_persons_in_every_programme_and_reaches_the_bound(measure, most):
    worst = pd.DataFrame({"unit": ["w"] * 12, "pay": [1e9] * 12, **dict.fromkeys(PROGRAMMES, [True] * 12)})
    rest = pd.DataFrame({"unit": list("abc"), "pay": [1.0] * 3, **dict.fromkeys(PROGRAMMES, [True] * 3)})
    bounds = {} if measure is Measure.COUNT else {"column": "pay", "lower": 0, "upper": 500}
    query = DpQuery(
        "t",
        "unit",
        measure,
        1.0,
        per=Per.ROW,
        max_rows=9,
        count_by_programme=PROGRAMMES,
        max_programmes=most,
        **bounds,
    )
    counts, sums = moved(query, pd.concat([rest, worst]), rest)
    allowed = sensitivity(query)
    assert (counts, sums) == (allowed[0], allowed[1])  # tight: neither too little noise nor too much
