"""Combining rules for m syntheses: the formulas by hand, simulations in which the truth is known, and refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import EvaluationError, combine

NUMBERS = st.floats(-1e3, 1e3)


def test_the_formulas_by_hand():
    q, u = [1.0, 2.0, 3.0, 4.0, 5.0], [0.1, 0.2, 0.3, 0.2, 0.2]
    full, part = combine(q, u, kind="fully"), combine(q, u, kind="partially")
    assert full.estimate == part.estimate == 3.0
    assert (full.between, full.within) == (2.5, pytest.approx(0.2))
    assert full.total == pytest.approx(1.2 * 2.5 - 0.2)
    assert full.df == pytest.approx(4 * (1 - 0.2 / 3.0) ** 2)
    assert part.total == pytest.approx(0.2 + 2.5 / 5)
    assert part.df == pytest.approx(4 * (1 + 0.2 / 0.5) ** 2)
    assert not full.adjusted


def test_a_variance_that_would_be_negative_is_never_below_that_of_one_table():
    found = combine([1.0, 1.001, 0.999], [0.5, 0.5, 0.5], kind="fully")
    assert found.adjusted
    assert found.total == pytest.approx(0.5)
    assert found.ci_low < 1.0 < found.ci_high


@given(st.lists(st.tuples(NUMBERS, st.floats(1e-6, 1e3)), min_size=2, max_size=12))
def test_the_variance_is_positive_and_the_order_of_tables_says_nothing(pairs):
    for kind in ("fully", "partially"):
        one = combine([p[0] for p in pairs], [p[1] for p in pairs], kind=kind)
        two = combine([p[0] for p in pairs[::-1]], [p[1] for p in pairs[::-1]], kind=kind)
        assert one.total > 0
        assert one.ci_low <= one.estimate <= one.ci_high
        assert math.isclose(one.total, two.total, rel_tol=1e-6)


@pytest.mark.parametrize("apart", [1e-200, 1e-161, 5e-324])
def test_tables_that_hardly_differ_add_nothing(apart):
    found = combine([0.0, apart, 0.0], [1.0, 1.0, 1.0], kind="partially")
    assert (found.se, found.ci_high) == (1.0, pytest.approx(1.959964, rel=1e-6))


@pytest.mark.parametrize("kind", ["fully", "partially"])
def test_intervals_cover_the_truth_in_a_simulation_where_one_tables_interval_does_not(kind):
    """A normal mean, drawn from its posterior: fully, new people from N(posterior); partially, every value replaced
    by a draw from the fitted model.
    """
    rng, n, m, runs = np.random.default_rng(20), 200, 10, 600
    covered = alone = 0
    for _ in range(runs):
        real = rng.normal(0.0, 1.0, n)
        mean, spread = real.mean(), real.std(ddof=1)
        centre = rng.normal(mean, spread / math.sqrt(n), m) if kind == "fully" else np.full(m, mean)
        made = rng.normal(centre[:, None], spread, (m, n))
        q, u = made.mean(axis=1), made.var(axis=1, ddof=1) / n
        found = combine(q, u, kind=kind)
        covered += found.ci_low <= 0.0 <= found.ci_high
        alone += abs(q[0]) <= 1.96 * math.sqrt(u[0])
    assert covered / runs > 0.92
    assert alone / runs < 0.88


@pytest.mark.parametrize(
    ("q", "u", "kind", "sentence"),
    [
        ([1.0], [1.0], "fully", "two synthetic tables or more"),
        ([1.0, 2.0], [1.0], "fully", "one estimate and one variance"),
        ([1.0, math.nan], [1.0, 1.0], "partially", "must be finite"),
        ([1.0, 2.0], [1.0, -1.0], "partially", "not negative"),
        ([1.0, 2.0], [1.0, 1.0], "half", "fully"),
        ([1.0, 2.0], [1.0, 1.0], "fitted_once", "need size_ratio"),
    ],
)
def test_what_cannot_be_combined_gets_a_sentence(q, u, kind, sentence):
    with pytest.raises(EvaluationError, match=sentence):
        combine(q, u, kind=kind)


def test_a_ratio_of_sizes_belongs_to_tables_of_one_fit_alone():
    with pytest.raises(EvaluationError, match="only they, need size_ratio"):
        combine([1.0, 2.0], [1.0, 1.0], kind="fully", size_ratio=1.0)
    with pytest.raises(EvaluationError, match="only they, need size_ratio"):
        combine([1.0, 2.0], [1.0, 1.0], kind="fitted_once", size_ratio=0.0)


def test_tables_of_one_fit_by_hand():
    """Raab, Nowok and Dibben (2016): v (k/n + 1/m); one table of the original's size has twice the variance."""
    one = combine([2.0], [0.5], kind="fitted_once", size_ratio=1.0)
    assert (one.estimate, one.total, one.m, one.between) == (2.0, 1.0, 1, 0.0)
    five = combine([1.0, 2.0, 3.0, 2.0, 2.0], [0.5] * 5, kind="fitted_once", size_ratio=0.5)
    assert five.total == pytest.approx(0.5 * (0.5 + 0.2))
    assert five.ci_high - five.estimate == pytest.approx(1.959964 * five.se, rel=1e-6)


@pytest.mark.parametrize(("m", "size"), [(1, 200), (1, 50), (5, 400)])
def test_tables_of_one_fit_cover_where_the_rule_for_fresh_parameters_does_not(m, size):
    """All tables from N(the real mean, the real spread): 95 % of 800 lies within 0.92 and 0.98 but for 1 in 10,000."""
    rng, n, runs = np.random.default_rng(21), 200, 800
    covered = fresh = 0
    for _ in range(runs):
        real = rng.normal(0.0, 1.0, n)
        made = rng.normal(real.mean(), real.std(ddof=1), (m, size))
        q, u = made.mean(axis=1), made.var(axis=1, ddof=1) / size
        found = combine(q, u, kind="fitted_once", size_ratio=size / n)
        covered += found.ci_low <= 0.0 <= found.ci_high
        if m > 1:
            other = combine(q, np.full(m, u.mean()), kind="partially")
            fresh += other.ci_low <= 0.0 <= other.ci_high
    assert 0.92 < covered / runs < 0.98
    if m > 1:
        assert fresh / runs < 0.90
