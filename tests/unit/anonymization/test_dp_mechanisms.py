"""Cost before data, answers that fit, and nothing that depends on what the data holds."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import opendp.prelude as odp
import pandas as pd
import pytest
from scipy.stats import binom

from anonymization.dp import (
    DpQuery,
    Filter,
    Loss,
    Measure,
    Op,
    Per,
    QueryError,
    answer,
    compose,
    compose_in_zcdp,
    cost,
    expected_error,
    mechanisms,
    noise,
    tails,
)
from anonymization.dp.aggregate import Grain, exact
from anonymization.dp.mechanisms import expected_error_at

REGIONS = tuple(f"R0{i}" for i in range(1, 7))
PROGRAMMES = ("enrolled_cct", "enrolled_pension", "enrolled_school_meals")


def households(n=600, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "household_id": [f"h{i}" for i in range(n)],
            "region_code": rng.choice(REGIONS, n),
            "welfare_aggregate": rng.gamma(2, 150, n),
            **{p: rng.random(n) < 0.4 for p in PROGRAMMES},
        }
    )


def count(**changes):
    return DpQuery(
        **{
            "table": "households",
            "unit_id": "household_id",
            "measure": Measure.COUNT,
            "epsilon": 1.0,
            **changes,
        }
    )


def welfare(measure, **changes):
    return count(measure=measure, column="welfare_aggregate", lower=0, upper=1000, **changes)


QUERIES = [
    count(group_by={"region_code": REGIONS}),
    count(count_by_programme=PROGRAMMES, epsilon=0.3),
    count(per=Per.ROW, max_rows=9, epsilon=0.7),
    welfare(Measure.SUM, epsilon=0.1),
    welfare(Measure.MEAN, epsilon=0.9, group_by={"region_code": REGIONS}),
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_the_loss_is_known_without_data_is_what_opendp_maps_and_never_exceeds_what_was_asked(query):
    before = cost(query)
    released = answer(query, households(50))
    counts, sums = mechanisms.sensitivity(query)
    plan = mechanisms._plan(query, 10_000)
    maps = [
        part.measurement.map(d) for part, d in ((plan.count, counts), (plan.total, sums)) if part is not None
    ]
    assert released.loss == before == compose(Loss(m) for m in maps)
    assert before.delta == 0
    assert before.epsilon <= query.epsilon
    assert before.epsilon == pytest.approx(query.epsilon, rel=1e-9)


def test_calibration_holds_by_opendp_s_own_map_where_the_closed_form_is_a_bit_over():
    rng = random.Random(7)
    closed_form_was_over = 0
    for _ in range(300):
        sensitivity, epsilon = rng.randint(1, 10 ** rng.randint(1, 7)), 10 ** rng.uniform(-3, 1)
        made = noise.laplace(sensitivity, epsilon)
        assert Fraction(made.measurement.map(sensitivity)) <= Fraction(epsilon)
        assert made.scale == pytest.approx(sensitivity / epsilon, rel=1e-9)
        closed_form_was_over += noise._laplace(sensitivity / epsilon).map(sensitivity) > epsilon
    assert closed_form_was_over > 0  # why the map is asked at all


def test_noise_is_scaled_to_everything_that_one_household_can_touch():
    def scale(query):
        return float(answer(query, households(20)).frame["noise_scale"].iloc[0])

    assert scale(count()) == pytest.approx(1)
    assert scale(count(group_by={"region_code": REGIONS})) == pytest.approx(1)  # in one region only
    assert scale(count(count_by_programme=PROGRAMMES)) == pytest.approx(3)  # in every programme at once
    assert scale(count(count_by_programme=PROGRAMMES, max_programmes=2)) == pytest.approx(2)
    assert scale(count(per=Per.ROW, max_rows=9)) == pytest.approx(9)
    assert scale(count(per=Per.ROW, max_rows=9, count_by_programme=PROGRAMMES)) == pytest.approx(27)
    assert scale(welfare(Measure.SUM)) == pytest.approx(1000)
    assert scale(welfare(Measure.MEAN)) == pytest.approx(1000)  # both sums of it together


def test_answers_are_near_the_truth_at_an_epsilon_that_hides_nothing():
    df = households()
    by_region = answer(count(epsilon=60, group_by={"region_code": REGIONS}), df).frame
    assert by_region["value"].tolist() == df["region_code"].value_counts().reindex(REGIONS).tolist()
    by_programme = answer(count(epsilon=90, count_by_programme=PROGRAMMES), df).frame.set_index("programme")[
        "value"
    ]
    assert by_programme.to_dict() == {p: int(df[p].sum()) for p in PROGRAMMES}
    clamped = df["welfare_aggregate"].clip(0, 1000)
    mean = answer(welfare(Measure.MEAN, epsilon=500), df).frame.iloc[0]
    assert mean["value"] == pytest.approx(clamped.mean(), abs=0.2)
    assert mean["n"] == len(df)
    assert mean["numerator"] == pytest.approx(clamped.sum(), abs=50)
    assert answer(welfare(Measure.SUM, epsilon=500), df).frame["value"].iloc[0] == pytest.approx(
        clamped.sum(), abs=50
    )


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    areas = tuple(f"A{i:03d}" for i in range(100))
    df = households(20_000)
    df["region_code"] = np.resize(areas, len(df))
    truth = df["region_code"].value_counts().reindex(areas).to_numpy()
    means = df["welfare_aggregate"].clip(0, 1000).groupby(df["region_code"]).mean().reindex(areas).to_numpy()
    cells = misses = mean_misses = 0
    for _ in range(20):
        counts = answer(count(epsilon=0.2, group_by={"region_code": areas}), df).frame
        misses += int(((counts["ci_low"] > truth) | (truth > counts["ci_high"])).sum())
        averages = answer(welfare(Measure.MEAN, epsilon=2.0, group_by={"region_code": areas}), df).frame
        assert (averages["withheld"] == "").all()
        mean_misses += int(((averages["ci_low"] > means) | (means > averages["ci_high"])).sum())
        cells += len(areas)
    # Noise takes no seed: the lines are those that an interval of exactly 95% crosses once in a hundred million runs.
    most = binom.isf(1e-8, cells, 0.05)
    assert most / cells < 0.08
    assert misses <= most
    assert mean_misses <= most
    # Neither are they far too wide: whole numbers make this interval hold the truth 95.5 times in 100.
    assert misses >= binom.ppf(1e-8, cells, 0.0448)


def test_half_widths_agree_with_opendp_s_own_accuracy():
    for scale in (0.2, 0.5, 1.0, 3.0, 30.0, 1234.5):
        # OpenDP states a real bound that noise stays below; noise is whole, so the largest whole number below it.
        assert (
            tails.laplace_half_width(scale)
            == math.ceil(odp.discrete_laplacian_scale_to_accuracy(scale, 0.05) - 1e-9) - 1
        )


def test_expected_error_is_the_width_of_the_answer_s_own_interval():
    df = households()
    query = count(epsilon=0.5, group_by={"region_code": REGIONS})
    frame = answer(query, df).frame
    assert ((frame["ci_high"] - frame["value_raw"]) == expected_error(query).count).all()
    total = welfare(Measure.SUM, epsilon=0.5)
    frame = answer(total, df).frame
    assert frame["ci_high"].iloc[0] - frame["value_raw"].iloc[0] == pytest.approx(expected_error(total).value)
    mean = welfare(Measure.MEAN, epsilon=0.5)
    assert expected_error_at(mean, 5) == math.inf
    assert expected_error_at(mean, 100_000) < expected_error_at(mean, 1_000) <= 1000


def test_empty_groups_and_empty_tables_answer_like_any_other():
    df = households()
    nothing = (Filter("welfare_aggregate", Op.GE, 1e12),)
    for frame in (df, df.iloc[:0], pd.DataFrame({c: pd.Series([], dtype=object) for c in df})):
        for query in (*QUERIES, count(filters=nothing, group_by={"region_code": REGIONS})):
            out = answer(query, frame).frame
            assert len(out) == len(query.cells)
    out = answer(count(filters=nothing, group_by={"region_code": REGIONS}), df).frame
    assert out["region_code"].tolist() == list(REGIONS)
    assert (out["value"] >= 0).all()


def test_no_error_depends_on_what_the_values_are():
    rubbish = [
        None,
        float("nan"),
        float("inf"),
        -float("inf"),
        10**400,
        "x",
        "",
        True,
        b"\xff",
        [1],
        {"a": 1},
        pd.NaT,
        pd.NA,
        1 + 2j,
    ]
    df = pd.DataFrame(
        {
            c: pd.Series(rubbish, dtype=object)
            for c in ("household_id", "region_code", "welfare_aggregate", *PROGRAMMES)
        }
    )
    filters = tuple(
        Filter("region_code", op, v) for op, v in ((Op.NE, "R01"), (Op.GE, 3), (Op.IN, ("a", 1, True)))
    )
    for query in (
        *QUERIES,
        count(filters=filters),
        welfare(Measure.SUM, filters=filters, count_by_programme=PROGRAMMES),
    ):
        assert len(answer(query, df).frame) == len(query.cells)


def test_a_mean_over_too_few_is_withheld_with_a_reason_and_not_a_ratio_of_noise():
    df = households(12)
    out = answer(welfare(Measure.MEAN, epsilon=0.1, group_by={"region_code": REGIONS}), df).frame
    withheld = out[out["withheld"] != ""]
    assert len(withheld) > 0
    assert withheld["value"].isna().all()
    assert withheld["withheld"].str.contains("larger epsilon or coarser groups").all()
    kept = out[out["withheld"] == ""]
    assert kept["value"].between(0, 1000).all()


def test_counts_are_never_negative_and_the_raw_value_is_kept():
    raw = pd.concat([answer(count(epsilon=0.05), households(0)).frame for _ in range(40)])
    assert (raw["value"] >= 0).all()
    assert (raw["value_raw"] < 0).any()
    assert (raw["value"] == raw["value_raw"].clip(lower=0)).all()


def test_released_sums_lie_on_a_grid_fixed_by_the_public_bounds():
    for lower, upper in ((0, 1000), (0, 1), (-5, 20), (0, 3.7e6), (10, 11)):
        query = count(measure=Measure.SUM, column="welfare_aggregate", lower=lower, upper=upper, epsilon=1.0)
        tick = Grain.of(query).tick
        assert 1_000 <= Grain.of(query).reach <= 10_001
        value = answer(query, households(40)).frame["value_raw"].iloc[0]
        assert value / tick == pytest.approx(round(value / tick), abs=1e-6)


def test_noise_differs_each_time_and_takes_no_seed():
    df = households()
    np.random.seed(1)  # noqa: NPY002 - an attempt to make noise repeat
    random.seed(1)
    first = [int(answer(count(epsilon=0.01), df).frame["value_raw"].iloc[0]) for _ in range(6)]
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    second = [int(answer(count(epsilon=0.01), df).frame["value_raw"].iloc[0]) for _ in range(6)]
    assert first != second


def test_too_many_cells_or_an_epsilon_beyond_use_are_refused_without_data():
    with pytest.raises(QueryError, match="more than 5 cells"):
        mechanisms.cost(count(group_by={"region_code": REGIONS}), most_cells=5)
    with pytest.raises(QueryError, match="Epsilon is too small"):
        cost(count(epsilon=1e-15))
    with pytest.raises(QueryError, match="has no column region_code"):
        answer(count(group_by={"region_code": REGIONS}), households().drop(columns="region_code"))


def test_losses_add_up_exactly_and_round_up():
    total = compose(Loss(0.1) for _ in range(10))
    assert Fraction(total.epsilon) >= 10 * Fraction(0.1)
    assert total.epsilon <= math.nextafter(1.0, 2)
    assert Loss(0.25, 1e-7) + Loss(0.5) == Loss(0.75, 1e-7)
    assert Loss(0.5).within(Loss(0.5))
    assert not Loss(0.5, 1e-9).within(Loss(0.5))
    with pytest.raises(ValueError, match="zero or more"):
        Loss(-1.0)


def test_many_small_losses_cost_less_added_up_in_zcdp():
    small = [Loss(0.02)] * 400
    total = compose_in_zcdp(small, 1e-6)
    rho = 400 * 0.02**2 / 2
    assert total.delta == 1e-6
    assert total.epsilon < compose(small).epsilon / 3
    assert rho < total.epsilon <= rho + 2 * math.sqrt(rho * math.log(1e6))  # Bun and Steinke, lemma 3.5
    with pytest.raises(ValueError, match="delta zero"):
        compose_in_zcdp([Loss(0.1, 1e-9)], 1e-6)


def test_rows_of_a_household_beyond_the_limit_are_dropped_the_same_way_in_any_order():
    persons = pd.DataFrame(
        {"household_id": ["a"] * 9 + ["b"] * 2, "age": [*range(9), 30, 40], "sex": [1, 2] * 5 + [1]}
    )
    query = count(per=Per.ROW, max_rows=3, group_by={"sex": (1, 2)})
    reference = exact(query, persons)
    assert reference.counts.sum() == 5
    for seed in range(5):
        shuffled = persons.sample(frac=1, random_state=seed)
        assert exact(query, shuffled).counts.tolist() == reference.counts.tolist()


def test_a_household_s_rows_become_one_before_they_are_counted_or_summed():
    persons = pd.DataFrame(
        {"household_id": ["a", "a", "b", None], "pay": [600, 700, 5, 900], "cct": [False, True, False, True]}
    )
    assert exact(count(), persons).counts.tolist() == [2]
    assert exact(count(count_by_programme=("cct",)), persons).counts.tolist() == [1]
    paid = count(measure=Measure.SUM, column="pay", lower=0, upper=1000)
    assert exact(paid, persons).sums.tolist() == [1005]  # 1,300 is moved to the bound of a household's total
