"""Each shape's answer: near the truth, inside its interval as often as it says, and no form that depends on data."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from anonymization.dp import (
    Between,
    DpQuery,
    Filter,
    Loss,
    Measure,
    Mechanism,
    Op,
    Per,
    QueryError,
    Weighting,
    answer,
    cost,
    expected_error,
    intervals,
    mechanisms,
    noise,
)

AREAS = tuple(f"A{i:02d}" for i in range(40))
EVERY_AREA = {"area": AREAS}
POOR = (Filter("poor", Op.EQ, True),)
ENROLLED = (Filter("enrolled", Op.EQ, True),)
SEXES = Between("head_sex", 1, 2)
PAID = {"column": "paid", "lower": 0, "upper": 100}
EDGES = (0, 10, 20, 50, 100)


def households(n=8_000, seed=3):
    rng = np.random.default_rng(seed)
    poor = rng.random(n) < 0.4
    return pd.DataFrame(
        {
            "household_id": [f"h{i}" for i in range(n)],
            "area": np.resize(AREAS, n),
            "head_sex": rng.choice([1, 2], n),
            "poor": poor,
            "enrolled": rng.random(n) < np.where(poor, 0.6, 0.1),
            "paid": np.round(np.minimum(rng.gamma(2, 15, n), 140), 1),
        }
    )


def persons(n=4_000, seed=4):
    """Rows of households of one to six persons."""
    rng = np.random.default_rng(seed)
    house = np.repeat(np.arange(n), rng.integers(1, 7, n))
    return pd.DataFrame(
        {
            "household_id": [f"h{i}" for i in house],
            "area": np.asarray(AREAS)[house % len(AREAS)],
            "paid": np.round(rng.gamma(2, 15, len(house)), 1),
            "enrolled": rng.random(len(house)) < 0.3,
        }
    )


def ask(measure, price=1.0, **parts):
    """Priced in rho where the price is below zero."""
    paid = {"rho": -price, "mechanism": Mechanism.GAUSSIAN} if price < 0 else {"epsilon": price}
    return DpQuery("households", "household_id", measure, **paid, **parts)


def by_area(df, figure):
    return df.groupby("area").apply(figure, include_groups=False).reindex(AREAS).to_numpy()


def share(df):
    return df.loc[df["poor"], "enrolled"].mean()


def apart(figure):
    return lambda df: figure(df[df["head_sex"] == 1]) - figure(df[df["head_sex"] == 2])


def paid(df):
    return df["paid"].clip(0, 100)


def bins(df):
    inside = df[df["paid"] <= 100]
    counted = np.histogram(inside["paid"], EDGES)[0]
    return pd.Series(counted)


def weights(df):
    return 1 / df.groupby("household_id")["household_id"].transform("size")


DIFFERENCE = {"between": SEXES, "group_by": EVERY_AREA}
TRUTHS = [
    (ask(Measure.RATIO, numerator=ENROLLED, denominator=POOR, group_by=EVERY_AREA), share),
    (ask(Measure.RATIO, -0.05, numerator=ENROLLED, denominator=POOR, group_by=EVERY_AREA), share),
    (ask(Measure.HISTOGRAM, column="paid", bins=EDGES, group_by=EVERY_AREA), bins),
    (ask(Measure.HISTOGRAM, -0.1, column="paid", bins=EDGES, group_by=EVERY_AREA), bins),
    (ask(Measure.DIFFERENCE, of=Measure.COUNT, **DIFFERENCE), apart(len)),
    (ask(Measure.DIFFERENCE, -0.1, of=Measure.COUNT, **DIFFERENCE), apart(len)),
    (ask(Measure.DIFFERENCE, of=Measure.SUM, **PAID, **DIFFERENCE), apart(lambda df: paid(df).sum())),
    (ask(Measure.DIFFERENCE, of=Measure.MEAN, **PAID, **DIFFERENCE), apart(lambda df: paid(df).mean())),
    (ask(Measure.DIFFERENCE, -0.2, of=Measure.MEAN, **PAID, **DIFFERENCE), apart(lambda df: paid(df).mean())),
    (ask(Measure.DIFFERENCE, of=Measure.RATIO, numerator=ENROLLED, **DIFFERENCE), apart(lambda df: df["enrolled"].mean())),
    (ask(Measure.COUNT, -0.05, group_by=EVERY_AREA), len),
    (ask(Measure.SUM, -0.05, **PAID, group_by=EVERY_AREA), lambda df: paid(df).sum()),
    (ask(Measure.MEAN, -0.05, **PAID, group_by=EVERY_AREA), lambda df: paid(df).mean()),
]  # fmt: skip


@pytest.mark.parametrize(("query", "figure"), TRUTHS, ids=range(len(TRUTHS)))
def test_the_interval_of_each_shape_holds_the_truth_as_often_as_it_says(query, figure):
    df = households()
    truth = by_area(df, figure).ravel()
    runs = math.ceil(1_000 / len(truth))
    told = misses = 0
    for _ in range(runs):
        frame = answer(query, df).frame
        shown = (frame["withheld"] == "").to_numpy()
        # Sums are told in ticks; values were rounded to them one by one.
        grid = 1e-9 + (0.5 * 0.1 * 200 if query.base is Measure.SUM else 0.0)
        misses += int(((frame["ci_low"] > truth + grid) | (frame["ci_high"] < truth - grid))[shown].sum())
        told += int(shown.sum())
    assert told >= 900
    assert misses <= binom.isf(1e-8, told, 0.05)


def test_rows_that_weigh_by_household_are_counted_and_averaged_as_weights():
    df = persons()
    weight, money = weights(df), paid(df)
    for query, truth in (
        (ask(Measure.COUNT, 30.0), weight.sum()),
        (ask(Measure.COUNT, 30.0, filters=ENROLLED), weight[df["enrolled"]].sum()),
        (ask(Measure.SUM, 30.0, **PAID), (weight * money).sum()),
        (ask(Measure.MEAN, 30.0, **PAID), np.average(money, weights=weight)),
        (ask(Measure.RATIO, 30.0, numerator=ENROLLED), weight[df["enrolled"]].sum() / weight.sum()),
    ):
        asked = DpQuery.from_dict(query.to_dict() | {"per": "row", "weighting": "household"})
        frame = answer(asked, df).frame
        near = {Measure.COUNT: 2.0, Measure.SUM: 60.0, Measure.MEAN: 0.1, Measure.RATIO: 0.005}[query.measure]
        assert frame["value"].iloc[0] == pytest.approx(truth, abs=near)
    whole = ask(Measure.COUNT, per=Per.ROW, weighting=Weighting.HOUSEHOLD)
    # Where every household has one row, that row counts one.
    assert answer(whole, households(500)).frame["value"].iloc[0] == pytest.approx(500, abs=40)
    # A household counts one: noise as for households, although it has six rows.
    assert answer(whole, df).frame["noise_scale"].iloc[0] == pytest.approx(1.0)


def quantiles(alpha, price=2.0, **parts):
    return ask(Measure.QUANTILE, price, **PAID, quantile=alpha, **parts)


@pytest.mark.parametrize("rows_of", [{}, {"per": Per.ROW, "weighting": Weighting.HOUSEHOLD}])
@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_a_quantile_lies_in_its_interval_also_where_many_share_a_value(alpha, rows_of):
    rng = np.random.default_rng(8)
    df = households()
    df["paid"] = np.where(rng.random(len(df)) < 0.5, 30.0, df["paid"])  # half of them were paid the same
    query = quantiles(alpha, 4.0, group_by=EVERY_AREA, **rows_of)
    truth = by_area(df, lambda x: np.quantile(paid(x), alpha, method="inverted_cdf"))
    told = misses = 0
    for _ in range(10):
        frame = answer(query, df).frame
        shown = (frame["withheld"] == "").to_numpy()
        told += int(shown.sum())
        misses += int(((frame["ci_low"] > truth) | (frame["ci_high"] < truth))[shown].sum())
        assert ((frame["ci_low"] <= frame["value"]) & (frame["value"] <= frame["ci_high"]))[shown].all()
    assert told >= 350
    assert misses <= binom.isf(1e-8, told, 0.05)


def test_where_few_values_occur_the_quantile_is_one_of_them_and_not_between():
    # Scores that leave ties out prefer a value between 10 and 20, which nobody has.
    df = pd.DataFrame({"household_id": range(5_000), "paid": np.where(np.arange(5_000) < 1_500, 10.0, 20.0)})
    for alpha, truth in ((0.2, 10), (0.4, 20), (0.9, 20)):
        row = answer(quantiles(alpha, 10.0), df).frame.iloc[0]
        assert row["value"] == truth
        assert truth - 0.2 <= row["ci_low"] <= truth <= row["ci_high"] <= truth + 0.2


def test_quantiles_are_near_the_truth_and_withheld_where_the_noise_covers_all_ranks():
    df = households()
    for alpha in (0.25, 0.5, 0.75):
        row = answer(quantiles(alpha, 20.0), df).frame.iloc[0]
        assert row["value"] == pytest.approx(np.quantile(paid(df), alpha), abs=0.6)
        assert row["ci_high"] - row["ci_low"] < 5
    few = answer(quantiles(0.5, 0.5), df.head(12)).frame.iloc[0]
    assert math.isnan(few["value"])
    assert "larger epsilon or coarser groups" in few["withheld"]
    # The ranks that far up do not exist: the public bound stands in, and the other end is told.
    high = answer(quantiles(0.99, 3.0), df.head(600)).frame.iloc[0]
    assert high["ci_high"] == 100
    assert high["ci_low"] > 20


def test_a_ratio_counts_its_two_sides_and_a_difference_tells_both_groups():
    df = households()
    row = answer(ask(Measure.RATIO, 80.0, numerator=ENROLLED, denominator=POOR), df).frame.iloc[0]
    assert (row["numerator"], row["n"]) == ((df["poor"] & df["enrolled"]).sum(), df["poor"].sum())
    assert row["value"] == row["numerator"] / row["n"]
    row = answer(ask(Measure.DIFFERENCE, 80.0, of=Measure.COUNT, between=SEXES), df).frame.iloc[0]
    assert [row["first"], row["second"]] == df["head_sex"].value_counts().reindex([1, 2]).tolist()
    assert row["value"] == row["first"] - row["second"]


def test_a_difference_by_programme_keeps_groups_and_programmes_apart():
    df = households(400)
    query = ask(
        Measure.DIFFERENCE,
        200.0,
        of=Measure.COUNT,
        between=SEXES,
        count_by_programme=("enrolled", "poor"),
        group_by={"area": AREAS[:2]},
    )
    frame = answer(query, df).frame.set_index(["area", "programme"])["value"]
    for area in AREAS[:2]:
        for programme in ("enrolled", "poor"):
            held = df[(df["area"] == area) & df[programme]]["head_sex"]
            assert frame[area, programme] == (held == 1).sum() - (held == 2).sum()


def test_a_household_is_covered_when_one_of_its_rows_is():
    df = pd.DataFrame(
        {
            "household_id": ["a", "a", "b", "c", "c"],
            "enrolled": [False, True, False, True, False],
            "poor": [True, True, True, False, True],
        }
    )
    row = answer(ask(Measure.RATIO, 200.0, numerator=ENROLLED, denominator=POOR, min_count=0), df).frame.iloc[
        0
    ]
    # Household c has a poor row and an enrolled one, but not one that is both.
    assert (row["numerator"], row["n"]) == (1, 3)


def test_values_outside_the_bins_are_left_out_and_each_edge_belongs_to_one_bin():
    df = pd.DataFrame({"household_id": range(8), "paid": [-1, 0, 9.99, 10, 20, 100, 100.01, None]})
    frame = answer(ask(Measure.HISTOGRAM, 300.0, column="paid", bins=EDGES), df).frame
    assert frame["bin"].tolist() == ["[0, 10)", "[10, 20)", "[20, 50)", "[50, 100]"]
    assert frame["value"].tolist() == [2, 1, 1, 1]


def found(measure=Measure.COUNT, price=4.0, **parts):
    return ask(measure, price, unknown_keys=("village",), delta=1e-6, **parts)


def villages(n=3_000):
    df = households(n)
    df["village"] = np.where(np.arange(n) < n - 2, [f"V{i % 9}" for i in range(n)], "hamlet of two")
    return df


def test_keys_are_found_where_many_live_and_never_where_one_household_does():
    df = villages()
    query = found(group_by={"head_sex": (1, 2)})
    frame = answer(query, df).frame
    assert list(frame.columns)[:2] == ["village", "head_sex"]
    assert frame["village"].tolist() == [f"V{i}" for i in range(9) for _ in range(2)]
    truth = df.groupby(["village", "head_sex"]).size()
    near = expected_error(query).count * 6
    for _, row in frame.iterrows():
        assert row["value"] == pytest.approx(truth[row["village"], row["head_sex"]], abs=near)
    spent = cost(query)
    assert (spent.epsilon, spent.delta > 0, spent.delta <= 1e-6) == (pytest.approx(4.0), True, True)
    assert 10 < expected_error(query).found_from < 40


@pytest.mark.parametrize("measure", [Measure.SUM, Measure.MEAN, Measure.RATIO])
def test_found_keys_take_every_measure_and_the_answer_of_none_found_has_the_same_columns(measure):
    parts = {"numerator": ENROLLED} if measure is Measure.RATIO else PAID
    query = found(measure, 8.0, **parts)
    whole, none = (answer(query, df).frame for df in (villages(), villages().head(3)))
    assert whole["village"].tolist() == [f"V{i}" for i in range(9)]
    assert len(none) == 0
    assert list(none.columns) == list(whole.columns)


def test_a_found_key_that_a_spreadsheet_would_run_is_shown_as_text():
    df = households(2_000)
    df["village"] = np.resize(["=1+1", "-7", "@SUM", "plain"], len(df))
    assert answer(found(), df).frame["village"].tolist() == ["-7", "'=1+1", "'@SUM", "plain"]


def test_more_keys_than_an_answer_may_have_are_cut_to_those_with_the_most_households():
    df = villages()
    df.loc[df["village"] == "V3", "village"] = "V4"
    frame = mechanisms.answer(found(), df, most_cells=2).frame
    assert len(frame) == 2
    assert "V4" in frame["village"].tolist()


SHAPES = [
    *(query for query, _ in TRUTHS),
    quantiles(0.5, group_by=EVERY_AREA),
    ask(Measure.COUNT, per=Per.ROW, weighting=Weighting.HOUSEHOLD, group_by=EVERY_AREA),
]


@pytest.mark.parametrize("query", SHAPES, ids=range(len(SHAPES)))
def test_an_answer_s_form_and_price_do_not_depend_on_data(query):
    df = households(500)
    empty = pd.DataFrame({c: pd.Series([], dtype=object) for c in df})
    rubbish = pd.DataFrame({c: pd.Series([None, "x", 7, math.inf], dtype=object) for c in df})
    shuffled = df.sample(frac=1, random_state=1)
    whole = answer(query, df)
    assert whole.loss == cost(query)
    for other in (df.iloc[1:], shuffled, empty, rubbish, df.head(1)):
        released = answer(query, other)
        keys = [c for c in whole.frame if c in {"area", "bin", "programme", "village"}]
        assert released.frame[keys].equals(whole.frame[keys])
        assert released.frame.dtypes.astype(str).tolist() == whole.frame.dtypes.astype(str).tolist()
        assert (released.loss, released.mechanism) == (whole.loss, whole.mechanism)
        assert released.frame["noise_scale"].tolist() == whole.frame["noise_scale"].tolist()
        # A cell is withheld for one reason, in one sentence, whatever is behind it.
        assert set(released.frame["withheld"]) <= {"", mechanisms.withheld(query)}


@pytest.mark.parametrize("query", SHAPES, ids=range(len(SHAPES)))
def test_each_shape_spends_what_was_asked_and_never_more(query):
    spent = cost(query)
    assert spent.epsilon <= query.epsilon
    assert spent.rho <= query.rho
    assert (spent.epsilon + spent.rho) == pytest.approx(query.epsilon + query.rho, rel=1e-9)


@pytest.mark.parametrize("scale", [0.1, 0.3, 0.7, 1.0, 2.0, 5.0])
@pytest.mark.parametrize(
    "add", [lambda s: noise.laplace(1, 1 / s), lambda s: noise.gaussian(1, 1 / (2 * s * s))]
)
def test_tails_of_two_noises_are_no_less_than_by_adding_up_every_pair_of_whole_numbers(scale, add):
    made = add(scale)
    reach = np.arange(-math.ceil(60 * scale) - 3, math.ceil(60 * scale) + 4)
    if made.kind is Mechanism.GAUSSIAN:
        each = np.exp(-((reach / made.scale) ** 2) / 2)
        tail = intervals.two_gaussian_tail
    else:
        each = np.exp(-np.abs(reach) / made.scale)
        tail = intervals.two_laplace_tail
    each /= each.sum()
    x, y, p = (
        a.ravel() for a in np.broadcast_arrays(reach[:, None], reach[None, :], each[:, None] * each[None, :])
    )
    for t in (0.0, 0.001, 0.2, 1 / 3, 0.5, 0.62, 1.0, 1.7, -0.4):
        lies = np.abs((1 - t) * x - t * y)
        weight, other = abs(1 - t), abs(t)
        order = np.argsort(lies)
        held = np.cumsum(p[order])
        # Just below where a whole number's noise lies: there it reaches farthest beyond continuous noise.
        for z in lies[order[np.searchsorted(held, [0.9, 0.94, 0.95, 0.96, 0.97, 0.99])]] - 1e-9:
            far = np.array([z - (weight + other) * intervals.slack(made)])
            bound = tail(far, np.array([weight * made.scale]), np.array([other * made.scale]))[0]
            if bound <= 0.06:  # where limits are drawn
                assert p[lies > z].sum() <= bound + 1e-9
    width = intervals.difference_half_width(made)
    assert p[np.abs(x - y) > width].sum() <= 0.05 < p[np.abs(x - y) > width - 1].sum()


def test_the_closed_forms_are_those_of_two_equal_scales_and_of_one():
    z = np.linspace(0, 30, 50)
    equal = intervals.two_laplace_tail(z, np.full(50, 3.0), np.full(50, 3.0))
    assert equal == pytest.approx(np.exp(-z / 3) * (1 + z / 6))
    assert intervals.two_laplace_tail(z, np.full(50, 3.0), np.full(50, 3.0 - 1e-3)) == pytest.approx(
        equal, rel=1e-2
    )
    assert intervals.two_laplace_tail(z, np.full(50, 3.0), np.zeros(50)) == pytest.approx(np.exp(-z / 3))


def test_too_many_groups_of_a_quantile_are_refused_before_a_row_is_read():
    many = tuple(range(9_000))
    with pytest.raises(QueryError, match=r"at most \d+ groups"):
        cost(ask(Measure.QUANTILE, column="paid", lower=0, upper=1000, quantile=0.5, group_by={"area": many}))
    with pytest.raises(QueryError, match="more than 10000 cells"):
        cost(ask(Measure.HISTOGRAM, column="paid", bins=(0, 1, 2), group_by={"area": many}))


def test_a_price_that_cannot_be_split_is_refused_in_a_sentence():
    with pytest.raises(QueryError, match="too small"):
        cost(quantiles(0.5, 1e-15))
    with pytest.raises(QueryError, match="too small"):
        cost(found(price=1e-13))
    assert cost(ask(Measure.RATIO, numerator=ENROLLED)) == Loss(1.0)
