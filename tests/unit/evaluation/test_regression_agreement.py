"""Coefficients against linear algebra and closed forms; the overlap of intervals against a grid and against theory."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import Estimate, EvaluationError, agreement, interval_overlap, regress

ENDS = st.integers(-50, 50)


def households(n=500, seed=1):
    rng = np.random.default_rng(seed)
    size, score = rng.integers(1, 9, n), rng.normal(50, 10, n)
    region = rng.choice(["A", "B", "C"], n)
    welfare = np.exp(1 + 0.05 * score - 0.1 * size + 0.3 * (region == "B") + rng.normal(0, 0.4, n))
    enrolled = rng.random(n) < 1 / (1 + np.exp(0.1 * (score - 45)))
    return pd.DataFrame(
        {"size": size, "score": score, "region": region, "welfare": welfare, "enrolled": enrolled},
        index=np.zeros(n, dtype=int),
    )


def test_least_squares_and_hc1_are_those_of_linear_algebra():
    df = households()
    found = regress(
        df, outcome="welfare", on=["score", "size", "region"], log=True, levels={"region": ["A", "B", "C"]}
    )
    region = df["region"].to_numpy()
    x = np.column_stack([np.ones(len(df)), df["score"], df["size"], region == "B", region == "C"]).astype(
        float
    )
    y = np.log(df["welfare"].to_numpy())
    inverse = np.linalg.inv(x.T @ x)
    b = inverse @ x.T @ y
    left = y - x @ b
    n, k = x.shape
    v = n / (n - k) * inverse @ (x.T * left**2) @ x @ inverse
    assert list(found.coefficients) == ["constant", "score", "size", "region: B", "region: C"]
    for i, got in enumerate(found.coefficients.values()):
        assert got.estimate == pytest.approx(b[i], rel=1e-8)
        assert got.se == pytest.approx(math.sqrt(v[i, i]), rel=1e-6)
        assert got.n == n
    assert found.fit == pytest.approx(1 - left @ left / ((y - y.mean()) @ (y - y.mean())), rel=1e-8)
    assert found.table().shape == (5, 7)


def test_a_logit_on_one_flag_is_the_log_odds_ratio_with_woolfs_error():
    cells = {(1, 1): 40, (1, 0): 60, (0, 1): 25, (0, 0): 175}
    rows = [(x, y) for (x, y), n in cells.items() for _ in range(n)]
    df = pd.DataFrame(rows, columns=["poor", "enrolled"])
    got = regress(df, outcome="enrolled", on=["poor"], kind="logistic").coefficients["poor"]
    assert got.estimate == pytest.approx(math.log(40 * 175 / (60 * 25)), rel=1e-6)
    n = len(df)
    woolf = math.sqrt(sum(1 / c for c in cells.values()))
    assert got.se == pytest.approx(woolf * math.sqrt(n / (n - 2)), rel=5e-3)


def test_a_term_that_nothing_tells_is_nan_and_the_rest_stands():
    df = households().assign(twice=lambda d: 2 * d["size"], never="A")
    found = regress(
        df, outcome="welfare", on=["size", "twice", "never"], levels={"never": ["A", "Z"]}
    ).coefficients
    assert math.isnan(found["twice"].estimate)
    assert math.isnan(found["never: Z"].se)
    assert found["size"].estimate == pytest.approx(
        regress(df, outcome="welfare", on=["size"]).coefficients["size"].estimate
    )


def test_clusters_widen_the_error_where_neighbours_are_alike():
    df = pd.concat([households(60).assign(village=np.arange(60))] * 10)
    alone = regress(df, outcome="welfare", on=["score"]).coefficients["score"].se
    village = regress(df, outcome="welfare", on=["score"], cluster="village").coefficients["score"].se
    assert village > 2.5 * alone


@pytest.mark.parametrize(
    ("change", "asked", "sentence"),
    [
        ({}, {"on": []}, "at least one column"),
        ({"welfare": 0.0}, {"log": True}, "positive numbers"),
        ({"welfare": 3.0}, {}, "does not vary"),
        ({"region": "D"}, {"on": ["region"], "levels": {"region": ["A", "B"]}}, "does not name"),
        ({"score": np.nan}, {}, "missing values"),
        ({}, {"outcome": "nothing"}, "no column"),
        (
            {"score": lambda d: d["enrolled"].astype(float)},
            {"outcome": "enrolled", "kind": "logistic"},
            "apart perfectly",
        ),
    ],
)
def test_what_cannot_be_fitted_gets_a_sentence_without_a_value(change, asked, sentence):
    df = households(120).assign(**change)
    with pytest.raises(EvaluationError, match=sentence):
        regress(df, **{"outcome": "welfare", "on": ["score"], **asked})


@given(ENDS, st.integers(1, 60), ENDS, st.integers(1, 60))
def test_the_overlap_is_that_of_counting_points(low, width, other, wide):
    a, b = (low, low + width), (other, other + wide)
    fine = np.arange(-60, 120, 0.05) + 0.025
    first, second = ((fine > lo) & (fine < hi) for lo, hi in (a, b))
    both = int((first & second).sum())
    assert interval_overlap(a, b) == pytest.approx(0.5 * (both / first.sum() + both / second.sum()), abs=1e-9)
    assert interval_overlap(a, b) == interval_overlap(b, a)


def test_the_overlap_by_hand_and_at_its_edges():
    assert interval_overlap((0, 10), (5, 15)) == 0.5
    assert interval_overlap((0, 10), (0, 40)) == 0.5 * (1 + 0.25)
    assert interval_overlap((0, 1), (2, 3)) == 0.0
    assert interval_overlap((0, 1), (0.5, 0.5)) == 0.5
    assert interval_overlap((1, 1), (1, 1)) == 1.0
    for wrong in ((1.0, 0.0), (math.nan, 1.0), (0.0, math.inf)):
        with pytest.raises(EvaluationError, match="two finite intervals"):
            interval_overlap((0, 1), wrong)


def test_two_samples_of_one_population_overlap_as_theory_says():
    """|difference| of two independent estimates has mean 2 / sqrt(pi) errors: 1 - 1.128 / 3.92 = 0.712."""
    rng = np.random.default_rng(3)
    pairs = rng.normal(0, 1, (20_000, 2))
    found = [interval_overlap((a - 1.96, a + 1.96), (b - 1.96, b + 1.96)) for a, b in pairs]
    assert np.mean(found) == pytest.approx(1 - 2 / math.sqrt(math.pi) / 3.92, abs=0.01)


def told(value, se):
    return Estimate(value, se, value - 1.96 * se, value + 1.96 * se, "rows", 100)


@pytest.mark.parametrize(
    ("first", "second", "same_sign", "significant", "kept"),
    [
        (told(1, 0.1), told(0.9, 0.1), True, True, True),
        (told(1, 0.1), told(-0.9, 0.1), False, True, False),
        (told(1, 0.1), told(0.1, 0.1), True, True, False),
        (told(0.1, 0.1), told(-0.1, 0.1), False, False, True),
        (told(0.1, 0.1), told(0.5, 0.1), True, False, False),
        (told(1, 0.1), told(math.nan, math.nan), False, True, False),
    ],
)
def test_what_is_kept_of_sign_and_significance(first, second, same_sign, significant, kept):
    found = agreement(first, second)
    assert (found.same_sign, found.significant, found.kept) == (same_sign, significant, kept)
    assert found.reversed == (second.estimate == -0.9)


def test_the_standardised_difference_counts_errors_of_the_first():
    assert agreement(told(1, 0.5), told(2, 0.1)).standardised == pytest.approx(2.0)
    assert agreement(told(1, 0.5), told(math.nan, math.nan)).overlap == 0.0
    with pytest.raises(EvaluationError, match="no interval"):
        agreement(told(math.nan, math.nan), told(1, 1))
