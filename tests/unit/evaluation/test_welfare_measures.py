"""Incidence, adequacy, poverty and overlap by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evaluation import (
    COLUMNS,
    EvaluationError,
    adequacy,
    concentration,
    fgt,
    gini,
    incidence,
    overlap,
    poverty_impact,
    quantile_groups,
)

FIVE = pd.DataFrame(
    {"x": [1.0, 2, 3, 4, 5], "t": [4.0, 3, 2, 1, 0], "flat": [1.0] * 5, "w": [1.0, 1, 1, 1, 1]}
)


def test_quintiles_of_five_households_are_themselves():
    assert list(quantile_groups(FIVE, welfare="x")) == [1, 2, 3, 4, 5]


def test_equal_welfare_means_the_same_quantile():
    df = pd.DataFrame({"x": [1, 1, 1, 9]})

    assert quantile_groups(df, welfare="x", groups=2).tolist() == [1, 1, 1, 2]


def test_benefit_incidence_by_hand():
    result = incidence(FIVE, welfare="x", benefit="t")

    assert [e.estimate for e in result.benefit] == pytest.approx([0.4, 0.3, 0.2, 0.1, 0.0])
    assert [e.estimate for e in result.beneficiary] == pytest.approx([0.25, 0.25, 0.25, 0.25, 0.0])
    assert [e.estimate for e in result.coverage] == pytest.approx([1, 1, 1, 1, 0])
    assert [e.n for e in result.benefit] == [1, 1, 1, 1, 0], (
        "the count is of the cell, not of all beneficiaries"
    )
    assert tuple(result.table().columns) == COLUMNS


def test_concentration_by_hand():
    # ranks .1 .3 .5 .7 .9, mean benefit 2: C = 2/(5*2) * (.4 + .9 + 1 + .7 + 0) - 1
    assert concentration(FIVE, welfare="x", benefit="t").estimate == pytest.approx(-0.4)
    assert concentration(FIVE, welfare="x", benefit="flat").estimate == pytest.approx(0.0)


def test_the_gini_of_one_to_five():
    assert gini(FIVE, welfare="x").estimate == pytest.approx(4 / 15)
    assert gini(FIVE, welfare="flat").estimate == pytest.approx(0.0)


def test_the_gini_of_one_rich_among_n_is_one_minus_one_over_n():
    df = pd.DataFrame({"x": [0.0] * 9 + [100.0]})

    assert gini(df, welfare="x").estimate == pytest.approx(0.9)


def test_foster_greer_thorbecke_by_hand():
    assert fgt(FIVE, welfare="x", line=4, alpha=0).estimate == pytest.approx(3 / 5)
    assert fgt(FIVE, welfare="x", line=4, alpha=1).estimate == pytest.approx((3 / 4 + 2 / 4 + 1 / 4) / 5)
    assert fgt(FIVE, welfare="x", line=4, alpha=2).estimate == pytest.approx((9 + 4 + 1) / 16 / 5)


def test_a_household_exactly_at_the_line_is_not_poor():
    assert fgt(FIVE, welfare="x", line=1, alpha=0).estimate == 0.0


def test_a_transfer_that_lifts_to_the_line_closes_the_gap_it_costs():
    df = pd.DataFrame({"x": [4.0, 4.0, 5.0], "t": [3.0, 1.0, 0.0]})

    result = poverty_impact(df, welfare="x", benefit="t", line=4)

    assert result.headcount_without.estimate == pytest.approx(2 / 3)
    assert result.headcount_with.estimate == 0.0
    assert result.headcount_reduction.estimate == pytest.approx(2 / 3)
    assert result.gap_reduction.estimate == pytest.approx((3 / 4 + 1 / 4) / 3)
    assert result.benefit_cost_ratio.estimate == pytest.approx(1.0)
    assert result.gini_reduction.estimate > 0


def test_money_above_the_line_is_spill_over():
    df = pd.DataFrame({"x": [5.0, 9.0], "t": [2.0, 2.0]})  # one of four units of money closes a gap

    assert poverty_impact(df, welfare="x", benefit="t", line=4).benefit_cost_ratio.estimate == pytest.approx(
        1 / 4
    )


def test_adequacy_is_a_ratio_of_totals_and_generosity_a_mean_of_ratios():
    df = pd.DataFrame({"t": [1.0, 1.0, 0.0], "x": [2.0, 10.0, 99.0], "poor": [1, 0, 0]})

    everybody = adequacy(df, benefit="t", welfare="x")
    poor = adequacy(df, benefit="t", welfare="x", group="poor")

    assert everybody.adequacy.estimate == pytest.approx(2 / 12)
    assert everybody.generosity.estimate == pytest.approx((1 / 2 + 1 / 10) / 2)
    assert everybody.mean_benefit.estimate == pytest.approx(1.0)
    assert poor.adequacy.estimate == pytest.approx(1 / 2)
    assert everybody.adequacy.n == 2


def test_adequacy_refuses_beneficiaries_without_welfare():
    df = pd.DataFrame({"t": [1.0, 1.0], "x": [0.0, 10.0]})

    with pytest.raises(EvaluationError, match="zero or less"):
        adequacy(df, benefit="t", welfare="x")


def test_overlap_by_hand():
    df = pd.DataFrame({"a": [1, 1, 1, 0, 0, 0], "b": [1, 0, 0, 1, 0, 0], "poor": [1, 1, 0, 0, 1, 1]})

    result = overlap(df, programmes=["a", "b"], poor="poor")

    assert result.any_programme.estimate == pytest.approx(4 / 6)
    assert result.several.estimate == pytest.approx(1 / 4)
    assert (result.several.denominator, result.several.n) == ("beneficiaries of any programme", 4)
    assert result.gap.estimate == pytest.approx(2 / 4)
    assert dict(result.pairs)[("a", "b")].estimate == pytest.approx(1 / 3)
    assert dict(result.pairs)[("b", "a")].estimate == pytest.approx(1 / 2)
    assert np.diag(result.matrix()).tolist() == [1.0, 1.0]
    assert result.matrix().loc["a", "b"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("names", [["a"], ["a", "a"], []])
def test_overlap_needs_two_different_programmes(names):
    with pytest.raises(EvaluationError, match="two different"):
        overlap(pd.DataFrame({"a": [1, 0]}), programmes=names)


@pytest.mark.parametrize("line", [0.0, -1.0, float("nan"), float("inf")])
def test_a_poverty_line_must_be_a_line(line):
    with pytest.raises(EvaluationError, match="poverty line"):
        fgt(FIVE, welfare="x", line=line)


def test_a_programme_that_pays_nobody_has_no_incidence():
    with pytest.raises(EvaluationError, match="Nobody"):
        incidence(FIVE.assign(t=0.0), welfare="x", benefit="t")


def test_negative_benefits_are_refused():
    with pytest.raises(EvaluationError, match="negative"):
        concentration(FIVE.assign(t=-1.0), welfare="x", benefit="t")
