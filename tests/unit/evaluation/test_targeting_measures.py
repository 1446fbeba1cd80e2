"""Targeting by hand, on ten households; and what each share is a share of."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from evaluation import COLUMNS, EvaluationError, cgh, targeting, targeting_by

TEN = pd.DataFrame(
    {
        # four poor, of whom three are reached; six not poor, of whom two are reached
        "poor": [1, 1, 1, 1, 0, 0, 0, 0, 0, 0],
        "cct": [1, 1, 1, 0, 1, 1, 0, 0, 0, 0],
        "benefit": [10.0, 10, 20, 0, 5, 5, 0, 0, 0, 0],
        "welfare": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        "w": [2.0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        "region": list("aabbabbbaa"),
    }
)


def test_ten_households_by_hand():
    t = targeting(TEN, poor="poor", beneficiary="cct")

    assert t.coverage.estimate == pytest.approx(5 / 10)
    assert t.coverage_of_poor.estimate == pytest.approx(3 / 4)
    assert t.exclusion_error.estimate == pytest.approx(1 / 4)
    assert t.inclusion_error.estimate == pytest.approx(2 / 6)
    assert t.leakage.estimate == pytest.approx(2 / 5)
    assert t.error_rate.estimate == pytest.approx(3 / 10)
    assert t.targeting_differential.estimate == pytest.approx(3 / 4 - 2 / 6)
    assert t.cgh_index.estimate == pytest.approx((3 / 5) / (4 / 10))


def test_inclusion_error_and_leakage_name_their_different_denominators():
    t = targeting(TEN, poor="poor", beneficiary="cct")

    assert (t.inclusion_error.denominator, t.inclusion_error.n) == ("non-poor", 6)
    assert (t.leakage.denominator, t.leakage.n) == ("beneficiaries", 5)
    assert (t.exclusion_error.denominator, t.exclusion_error.n) == ("poor", 4)
    assert (t.coverage.denominator, t.coverage.n) == ("population", 10)


def test_weights_weigh():
    t = targeting(TEN, poor="poor", beneficiary="cct", weight="w")

    assert t.coverage_of_poor.estimate == pytest.approx(4 / 5)
    assert t.leakage.estimate == pytest.approx(2 / 6)
    assert t.coverage_of_poor.n == 4


def test_the_error_of_a_share_without_design_is_the_textbook_one():
    t = targeting(TEN, poor="poor", beneficiary="cct")

    assert t.coverage.se == pytest.approx(math.sqrt(0.5 * 0.5 / 9))


def test_benefits_replace_heads_in_the_cgh_index_when_named():
    t = targeting(TEN, poor="poor", beneficiary="cct", benefit="benefit")

    assert t.cgh_index.estimate == pytest.approx((40 / 50) / (4 / 10))


def test_sixty_percent_of_benefits_to_the_poorest_forty_is_an_index_of_one_and_a_half():
    df = pd.DataFrame({"welfare": range(1, 11), "t": [15, 15, 15, 15] + [40 / 6] * 6})

    assert cgh(df, welfare="welfare", benefit="t", share=0.4).estimate == pytest.approx(1.5)


def test_a_uniform_transfer_is_neutral():
    df = TEN.assign(everyone=1.0)

    assert cgh(df, welfare="welfare", benefit="everyone").estimate == pytest.approx(1.0)
    t = targeting(df, poor="poor", beneficiary="everyone")
    assert t.targeting_differential.estimate == pytest.approx(0.0)
    assert t.cgh_index.estimate == pytest.approx(1.0)


def test_the_table_is_tidy():
    table = targeting(TEN, poor="poor", beneficiary="cct").table()

    assert tuple(table.columns) == COLUMNS
    assert list(table["indicator"]) == [
        "coverage",
        "coverage_of_poor",
        "exclusion_error",
        "inclusion_error",
        "leakage",
        "error_rate",
        "targeting_differential",
        "cgh_index",
    ]
    assert (table["ci_low"] <= table["estimate"]).all()
    assert (table["estimate"] <= table["ci_high"]).all()


def test_each_region_has_the_estimate_that_a_filter_gives():
    table = targeting_by(TEN, "region", poor="poor", beneficiary="cct", weight="w")

    for region, part in TEN.groupby("region"):
        alone = targeting(part, poor="poor", beneficiary="cct", weight="w").table().set_index("indicator")
        here = table[table["region"] == region].set_index("indicator")
        pd.testing.assert_series_equal(here["estimate"], alone["estimate"])
        pd.testing.assert_series_equal(here["n_households"], alone["n_households"])


def test_an_empty_denominator_is_not_a_number_and_counts_nobody():
    nobody = TEN.assign(poor=0)

    t = targeting(nobody, poor="poor", beneficiary="cct")

    assert math.isnan(t.exclusion_error.estimate)
    assert t.exclusion_error.n == 0
    assert math.isnan(t.cgh_index.estimate)


def test_households_are_counted_once_when_rows_are_persons():
    persons = pd.concat([TEN.assign(hh=range(10)), TEN.assign(hh=range(10))], ignore_index=True)

    t = targeting(persons, poor="poor", beneficiary="cct", household="hh")

    assert t.coverage_of_poor.n == 4
    alone = targeting(TEN, poor="poor", beneficiary="cct")
    assert t.coverage_of_poor.se == pytest.approx(alone.coverage_of_poor.se), (
        "persons of a household move together"
    )


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda d: d.drop(columns="cct"), "no column called 'cct'"),
        (lambda d: d.assign(cct=[1.0, None] + [0] * 8), "missing values"),
        (lambda d: d.assign(cct=[37] + [0] * 9), "yes or no"),
        (lambda d: d.assign(cct=["Amina Wanjiru"] * 10), "does not hold numbers"),
        (lambda d: d.assign(w=[-37.0] + [1] * 9), "must not be negative"),
        (lambda d: d.assign(w=[float("inf")] + [1] * 9), "infinite"),
        (lambda d: d.iloc[:0], "no rows"),
    ],
)
def test_a_column_that_cannot_be_used_is_refused_with_a_sentence_that_holds_no_value(spoil, says):
    with pytest.raises(EvaluationError, match=says) as refusal:
        targeting(spoil(TEN), poor="poor", beneficiary="cct", weight="w")

    assert "Amina" not in str(refusal.value)
    assert "37" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["bool", "boolean", "Int64", "float64", "int8"])
def test_yes_and_no_may_come_in_any_dtype(kind):
    df = TEN.assign(cct=TEN["cct"].astype(kind), poor=TEN["poor"].astype(kind))

    assert targeting(df, poor="poor", beneficiary="cct").leakage.estimate == pytest.approx(2 / 5)


PROGRESA = Path(__file__).resolve().parents[4] / "shared" / "data" / "progresa.parquet"


def test_progresa_reached_the_poor_of_its_villages_and_only_them():
    """The real PROGRESA households of 1998 where that file is present; else the same shape, generated."""
    if PROGRESA.exists():
        panel = pd.read_parquet(PROGRESA)
        wave = panel[panel["year"] == 1998].dropna(subset=["pov_HH", "D", "D_HH"]).drop_duplicates("hogid")
    else:
        wave = pd.DataFrame({"villid": [v for v in range(60) for _ in range(20)]})
        wave["entidad"] = wave["villid"] % 4
        wave["pov_HH"] = (wave.index % 5 < 3).astype(float)
        wave["D"] = (wave["villid"] % 3 > 0).astype(float)
        wave["D_HH"] = wave["pov_HH"] * wave["D"]
    plan = {"poor": "pov_HH", "cluster": "villid", "stratum": "entidad"}

    assigned = targeting(wave, beneficiary="D", **plan)
    received = targeting(wave, beneficiary="D_HH", **plan)

    low, high = assigned.targeting_differential.ci_low, assigned.targeting_differential.ci_high
    assert low <= 1e-9, "villages were drawn by lot, so being in one tells nothing about being poor"
    assert high >= -1e-9
    assert received.leakage.estimate == pytest.approx(0.0, abs=1e-12)
    assert 0.5 < received.coverage_of_poor.estimate < 0.8
    assert received.targeting_differential.ci_low > 0.4
