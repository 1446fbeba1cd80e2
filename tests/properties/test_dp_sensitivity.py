"""Take any one household away: the exact numbers move by no more than noise was calibrated to (promise P6)."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymization.dp import Between, DpQuery, Filter, Measure, Mechanism, Op, Per, Weighting
from anonymization.dp.aggregate import Grain, exact, unit_and_keys
from anonymization.dp.calibration import plan, sensitivity, sensitivity_squared
from anonymization.dp.means import sides
from anonymization.dp.quantiles import scores
from anonymization.dp.thresholds import households_by_key
from anonymization.dp.values import canonical

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


PAY_BOUNDS = st.sampled_from([1, 90, 300]).map(lambda top: {"column": "pay", "lower": -10, "upper": top})
NUMERATOR = st.sampled_from(
    [(Filter("p1", Op.EQ, True),), (Filter("pay", Op.GE, 1), Filter("p2", Op.NE, True))]
)


@st.composite
def queries(draw):
    """Any shape: what one household can move must be bounded in each."""
    measure = draw(st.sampled_from(list(Measure)))
    base = draw(st.sampled_from([*PLAIN, Measure.RATIO])) if measure is Measure.DIFFERENCE else measure
    parts = {"of": base, "between": Between("p3", True, False)} if measure is Measure.DIFFERENCE else {}
    if base in (Measure.MEAN, Measure.SUM, Measure.QUANTILE):
        parts |= draw(PAY_BOUNDS)
    if base is Measure.QUANTILE:
        parts["quantile"] = draw(st.sampled_from([0.001, 0.25, 0.5, 0.9]))
    if base is Measure.HISTOGRAM:
        parts |= {
            "column": "pay",
            "bins": draw(st.sampled_from([(0, 1), (-7, 0, 3.999, 200), (-1e9, 1, 2, 1e9)])),
        }
    if base is Measure.RATIO:
        parts["numerator"] = draw(NUMERATOR)
        parts["denominator"] = draw(st.sampled_from([(), (Filter("region", Op.NE, "R01"),)]))
    programmes = () if base is Measure.HISTOGRAM else draw(st.sampled_from([(), ("p1",), PROGRAMMES]))
    per, weighting = draw(st.sampled_from(list(Per))), Weighting.TRUNCATE
    if per is Per.ROW:
        weighting = draw(st.sampled_from(list(Weighting)))
    truncated = per is Per.ROW and weighting is Weighting.TRUNCATE
    gaussian = measure is not Measure.QUANTILE and draw(st.booleans())
    return DpQuery(
        "t",
        "unit",
        measure,
        **({"rho": 0.5, "mechanism": Mechanism.GAUSSIAN} if gaussian else {"epsilon": 1.0}),
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
        weighting=weighting,
        max_rows=draw(st.integers(1, 4)) if truncated else 1,
        **parts,
    )


def moved(query, df, smaller, found=()):
    """By how much the counts, and the sums, differ: their L1 distance or, for Gaussian noise, that of L2 squared."""
    (counts, sums), (other_counts, other_sums) = (
        _noised(query, exact(query, x, found)) for x in (df, smaller)
    )
    power = 2 if query.mechanism is Mechanism.GAUSSIAN else 1
    apart = (counts - other_counts, sums - other_sums)
    return tuple(sum(abs(int(d)) ** power for d in difference) for difference in apart)


def _noised(query, behind):
    """What noise is added to: of a mean its two sums and no count."""
    if query.base is Measure.MEAN:
        return behind.counts, sides(Grain.of(query), behind)
    return behind.counts, behind.sums


def claimed(query):
    """What the noise is calibrated to."""
    return sensitivity_squared(query) if query.mechanism is Mechanism.GAUSSIAN else sensitivity(query)


def neighbours(table, seed):
    """The table, and it without each household in turn, in another order of rows."""
    df = pd.DataFrame({c: pd.Series([r[c] for r in table], dtype=object) for c in table[0]})
    for unit in {canonical(v) for v in df["unit"]}:
        yield unit, df, df[[canonical(v) != unit for v in df["unit"]]].sample(frac=1, random_state=seed)


tables = st.lists(rows, min_size=1, max_size=14)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(queries(), tables, st.integers(0, 99))
def test_removing_one_household_never_moves_the_numbers_by_more_than_claimed(query, table, seed):
    for unit, df, smaller in neighbours(table, seed):
        counts, sums = moved(query, df, smaller)
        if unit is None:
            assert (counts, sums) == (0, 0)  # rows that belong to nobody add nothing
        allowed_counts, allowed_sums = claimed(query)
        assert counts <= allowed_counts
        assert sums <= allowed_sums


def quantile(**changes):
    return DpQuery("t", "unit", Measure.QUANTILE, 1.0, column="pay", lower=-10, upper=90, **changes)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([0.001, 0.25, 0.5, 0.9]),
    st.sampled_from([{}, {"max_rows": 3}, {"weighting": Weighting.HOUSEHOLD}]),
    st.booleans(),
    tables,
    st.integers(-50, 50),
)
def test_removing_one_household_moves_the_scores_of_a_quantile_by_no_more_than_its_choice_is_calibrated_to(
    alpha, rows_of, grouped, table, shift
):
    query = quantile(
        quantile=alpha,
        group_by={"region": ("R01", 1, 0)} if grouped else {},
        **({"per": Per.ROW, **rows_of} if rows_of else {}),
    )
    made = plan(query, 10_000)
    for choice in (made.value, made.end):
        points = max(choice.below, choice.above) * query.contributions
        assert choice.loss.epsilon == pytest.approx(2 * points / choice.scale, rel=1e-9)
    below, above, many = made.value.below, made.value.above, len(made.value.candidates)
    for _, df, smaller in neighbours(table, shift + 50):
        one, other = (exact(query, x).counts.reshape(-1, many) for x in (df, smaller))
        farthest = sum(
            int(np.abs(scores(a, below, above, shift) - scores(b, below, above, shift)).max())
            for a, b in zip(one, other, strict=True)
        )
        assert farthest <= max(below, above) * query.contributions


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([Measure.COUNT, Measure.MEAN, Measure.RATIO]),
    st.integers(1, 4),
    tables,
    st.integers(0, 99),
)
def test_removing_one_household_moves_found_keys_by_no_more_than_claimed(measure, most, table, seed):
    parts = {"column": "pay", "lower": -10, "upper": 90} if measure is Measure.MEAN else {}
    parts |= {"numerator": (Filter("p1", Op.EQ, True),)} if measure is Measure.RATIO else {}
    query = DpQuery(
        "t", "unit", measure, 1.0, unknown_keys=("region", "p2"), delta=1e-6, per=Per.ROW, max_rows=most,
        group_by={"p1": (True, False)}, **parts,
    )  # fmt: skip
    found = (("R01", "1"), ("1", "0"), ("", "1"))
    for _, df, smaller in neighbours(table, seed):
        held = [households_by_key(*_joined(query, x), most) for x in (df, smaller)]
        apart = {key: held[0].get(key, 0) - held[1].get(key, 0) for key in {*held[0], *held[1]}}
        assert set(apart.values()) <= {0, 1}
        assert sum(apart.values()) <= most
        counts, sums = moved(query, df, smaller, found)
        assert counts <= claimed(query)[0]
        assert sums <= claimed(query)[1]


def _joined(query, df):
    unit, keys = unit_and_keys(query, df)
    joined = np.empty(len(unit), dtype=object)
    joined[:] = [repr(key) for key in keys.tolist()]
    return unit, joined


SHAPES = {
    "count": {"measure": Measure.COUNT},
    "sum": {"measure": Measure.SUM, "column": "pay", "lower": 0, "upper": 500},
    "mean": {"measure": Measure.MEAN, "column": "pay", "lower": 0, "upper": 500},
    "ratio": {"measure": Measure.RATIO, "numerator": (Filter("pay", Op.GE, 9),)},
    "difference": {
        "measure": Measure.DIFFERENCE,
        "of": Measure.SUM,
        "column": "pay",
        "lower": 0,
        "upper": 500,
        "between": Between("p2", True, False),
    },
}


@pytest.mark.parametrize("mechanism", [{"epsilon": 1.0}, {"rho": 1.0, "mechanism": Mechanism.GAUSSIAN}])
@pytest.mark.parametrize("rows_of", [{"max_rows": 9}, {"weighting": Weighting.HOUSEHOLD}])
@pytest.mark.parametrize("most", [0, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_worst_household_has_twelve_persons_in_every_programme_and_reaches_the_bound(
    shape, most, rows_of, mechanism
):
    worst = pd.DataFrame({"unit": ["w"] * 12, "pay": [1e9] * 12, **dict.fromkeys(PROGRAMMES, [True] * 12)})
    rest = pd.DataFrame({"unit": list("abc"), "pay": [1.0] * 3, **dict.fromkeys(PROGRAMMES, [True] * 3)})
    query = DpQuery(
        "t",
        "unit",
        per=Per.ROW,
        count_by_programme=PROGRAMMES,
        max_programmes=most,
        **SHAPES[shape],
        **rows_of,
        **mechanism,
    )
    counts, sums = moved(query, pd.concat([rest, worst]), rest)
    # Tight: neither too little noise nor too much.
    assert (counts, sums) == claimed(query)


def test_one_household_in_several_bins_is_one_household():
    spread = pd.DataFrame({"unit": ["w"] * 12, "pay": range(12)})
    for rows_of, most in (({"max_rows": 4}, 4), ({"weighting": Weighting.HOUSEHOLD}, 27_720)):
        query = DpQuery(
            "t", "unit", Measure.HISTOGRAM, 1.0, column="pay", bins=tuple(range(13)), per=Per.ROW, **rows_of
        )
        assert moved(query, spread, spread.iloc[:0]) == (most, 0) == claimed(query)
