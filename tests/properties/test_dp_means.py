"""A mean's two sums: one household moves both together by no more than noise was calibrated to, and they say the mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from anonymization.dp import DpQuery, Loss, Measure, Mechanism, Per, Weighting, answer, cost
from anonymization.dp import mechanisms as dp_mechanisms
from anonymization.dp.aggregate import Grain, exact
from anonymization.dp.means import SIDES, contributions, sides, width

PROGRAMMES = ("p1", "p2")


def mean(**changes):
    plain = {"epsilon": 1.0, "column": "pay", "lower": 0, "upper": 100}
    return DpQuery("t", "unit", Measure.MEAN, **(plain | changes))


def two(query, df):
    return sides(Grain.of(query), exact(query, df))


@st.composite
def asked(draw):
    low = draw(st.sampled_from([-70, -1, 0, 3.5]))
    more = draw(st.sampled_from([{}, {"max_rows": 3}, {"weighting": Weighting.HOUSEHOLD}]))
    return mean(
        lower=low,
        upper=low + draw(st.sampled_from([0.3, 1, 99.5])),
        per=Per.ROW if more else Per.HOUSEHOLD,
        count_by_programme=draw(st.sampled_from([(), PROGRAMMES])),
        **more,
    )


rows = st.tuples(st.sampled_from("abc"), st.floats(-200, 200), st.booleans(), st.booleans())


@settings(max_examples=150, deadline=None)
@given(asked(), st.lists(rows, min_size=1, max_size=12))
def test_a_household_moves_both_sums_together_by_no_more_than_claimed(query, table):
    df = pd.DataFrame(table, columns=["unit", "pay", *PROGRAMMES])
    allowed = dp_mechanisms.sensitivity(query)[1]
    squared = dp_mechanisms.sensitivity_squared(query)[1]
    for unit in set(df["unit"]):
        moved = two(query, df) - two(query, df[df["unit"] != unit])
        assert (moved >= 0).all()  # no distance to a bound is below zero
        assert moved.sum() <= allowed
        assert (moved.astype(object) ** 2).sum() <= squared


@pytest.mark.parametrize("pay", [-1e9, 37.0, 1e9])
def test_the_claim_is_reached_wherever_the_value_lies(pay):
    query = mean(per=Per.ROW, max_rows=3, count_by_programme=PROGRAMMES)
    df = pd.DataFrame({"unit": ["w"] * 5, "pay": [pay] * 5, "p1": True, "p2": True})
    assert two(query, df).sum() == dp_mechanisms.sensitivity(query)[1]


def test_without_noise_they_say_the_number_and_the_mean_exactly():
    query = mean(group_by={"p1": (True, False)})
    df = pd.DataFrame({"unit": range(6), "pay": [10, 20, 60, 0, 100, 250], "p1": [True] * 3 + [False] * 3})
    grain, held = Grain.of(query), two(query, df).reshape(-1, SIDES)
    assert contributions(grain, held).tolist() == [3, 3]
    place = held[:, 0] / held.sum(axis=1)
    assert place * 100 == pytest.approx([30, 200 / 3])
    assert width(grain) * grain.tick == pytest.approx(100)


def test_the_whole_price_buys_each_sum_so_that_error_is_below_that_of_a_price_in_halves():
    areas, n = tuple(f"A{i:03d}" for i in range(200)), 100
    df = pd.DataFrame(
        {"unit": range(200 * n), "pay": np.tile([30.0, 70.0], 100 * n), "area": np.repeat(areas, n)}
    )
    query = mean(epsilon=0.5, group_by={"area": areas})
    assert cost(query) == Loss(0.5)
    frames = [answer(query, df).frame for _ in range(20)]
    errors = np.concatenate([f["value_raw"].to_numpy() for f in frames]) - 50
    assert not np.isnan(errors).any()
    # At the middle of the bounds: half the difference of two Laplace noises of scale 100 / epsilon, over n. Twice the
    # variance, what halves of the price would give, is beyond what chance does once in a million runs.
    one = 2 * (100 / 0.5) ** 2 / 2 / n**2
    assert np.mean(np.square(errors)) < 1.55 * one


@pytest.mark.parametrize("mechanism", list(Mechanism))
def test_intervals_of_a_mean_near_its_bound_hold_it_as_often_as_they_say(mechanism):
    areas = tuple(f"A{i:03d}" for i in range(200))
    df = pd.DataFrame({"unit": range(20_000), "pay": 2.0, "area": np.resize(areas, 20_000)})
    price = {"epsilon": 1.0} if mechanism is Mechanism.LAPLACE else {"epsilon": 0.0, "rho": 0.5}
    query = mean(group_by={"area": areas}, mechanism=mechanism, **price)
    frames = [answer(query, df).frame for _ in range(10)]
    assert all((f["withheld"] == "").all() for f in frames)
    misses = sum(int(((f["ci_low"] > 2.0) | (f["ci_high"] < 2.0)).sum()) for f in frames)
    assert misses <= binom.isf(1e-8, 2_000, 0.05)
