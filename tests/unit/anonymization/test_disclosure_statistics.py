"""Endpoints, quantiles and models: what looks like many and is one."""

from __future__ import annotations

from datetime import date

import pytest

from anonymization.disclosure import OUTPUT_SCHEMA, check_file
from policies import PolicyBook

BOOK = PolicyBook.packaged()
DAY = date(2026, 11, 25)
SPEC = {"schema": OUTPUT_SCHEMA, "kind": "table", "unit": "household", "counts": ["n"]}
FIT = {"households": 900, "parameters": 3, "residual_df": 897, "r_squared": 0.4, "largest_leverage": 0.05}
COEFFICIENTS = "term,estimate,p_value,n\nIntercept,1.5,0.0,900\nage,0.1,1.0,900\nrural,2.5,0.03,120\n"


def check(text: str, **spec):
    return check_file("t.csv", text.encode(), SPEC | spec, threshold=10, scan=lambda _text: [])


def found(report) -> list[tuple[str, str]]:
    return [(f.rule, f.place) for f in report.findings]


def denied_by(report) -> set[str]:
    return {f.rule for f in BOOK.decide("output-file", report.facts, DAY).findings if f.outcome == "deny"}


@pytest.mark.parametrize("column", ["max_income", "income.max", "Minimum", "range", "highest income"])
def test_a_largest_value_is_refused_at_each_row_where_it_is_shown(column):
    report = check(f"region,n,{column}\nnorth,40,900\nsouth,35,\neast,35,800\n", statistics=[column])

    assert found(report) == [("endpoint", f"t.csv, row {r}, column {column}") for r in (1, 3)]
    assert denied_by(report) == {"no-endpoints"}


@pytest.mark.parametrize("column", ["maximal_set", "mint", "climax", "mean_income", "program"])
def test_words_that_only_look_like_it_are_left_alone(column):
    assert found(check(f"region,n,{column}\nnorth,40,1.5\n", statistics=[column])) == []


def test_a_top_code_that_many_share_may_be_shown_and_one_that_few_share_may_not():
    table = "region,n,top,at_top\nnorth,40,900,{}\n"
    spec = {"counts": ["n", "at_top"], "endpoints": {"top": "at_top"}}

    assert denied_by(check(table.format(12), **spec)) == set()
    assert denied_by(check(table.format(3), **spec)) == {"minimum-cell-count"}
    assert denied_by(check(table.format(12), counts=["n"], endpoints={"top": "at_top"})) == {"no-endpoints"}


@pytest.mark.parametrize(
    ("q", "n", "rules"),
    [
        (0.5, 20, set()),
        (0.5, 19, {"quantiles-rest-on-many"}),
        (0.9, 100, set()),
        (0.9, 99, {"quantiles-rest-on-many"}),
    ],
)
def test_a_quantile_needs_the_threshold_on_either_side(q, n, rules):
    spec = {"quantiles": {"p": {"q": q, "count": "n"}}}

    assert denied_by(check(f"region,n,p\nnorth,{n},5\n", **spec)) == rules
    # A suppressed one tells nothing.
    assert denied_by(check("region,n,p\nnorth,40,\n", quantiles={"p": {"q": 0.95, "count": "n"}})) == set()


@pytest.mark.parametrize("column", ["median_pay", "p90", "pay_q3", "75%", "iqr", "first decile"])
def test_a_quantile_that_nobody_declared_is_refused(column):
    report = check(f"region,n,{column}\nnorth,400,5\n", statistics=[column])

    assert found(report) == [("quantile-undeclared", f"t.csv, column {column}")]
    assert denied_by(report) == {"quantiles-rest-on-many"}


def test_a_regression_in_order_goes_on_and_its_p_values_are_no_shares():
    report = check(COEFFICIENTS, kind="model", statistics=["estimate", "p_value"], model=FIT)

    assert found(report) == []
    assert BOOK.decide("output-file", report.facts, DAY).outcome == "allow"


@pytest.mark.parametrize(
    ("changes", "rule", "denied"),
    [
        ({"residual_df": 6}, "degrees-of-freedom", {"degrees-of-freedom"}),
        # Saying more freedom than households less coefficients leave does not help.
        ({"households": 11, "residual_df": 900}, "degrees-of-freedom", {"degrees-of-freedom"}),
        ({"parameters": 2}, "not-coefficients", {"counts-declared"}),
        ({"r_squared": 0.99999}, "saturated", set()),
        ({"largest_leverage": 1.0}, "leverage", set()),
    ],
)
def test_a_model_that_repeats_its_data_is_found(changes, rule, denied):
    report = check(COEFFICIENTS, kind="model", statistics=["estimate", "p_value"], model=FIT | changes)

    assert rule in [r for r, _ in found(report)]
    assert denied_by(report) == denied
    assert BOOK.decide("output-file", report.facts, DAY).outcome != "allow"


def test_a_coefficient_of_a_dummy_for_three_households_is_refused_by_row():
    report = check(
        COEFFICIENTS.replace("120", "3"), kind="model", statistics=["estimate", "p_value"], model=FIT
    )

    assert found(report) == [("small-count", "t.csv, row 3, column n")]
    assert denied_by(report) == {"minimum-cell-count"}


def test_a_model_that_does_not_say_what_it_rests_on_cannot_be_checked():
    report = check(COEFFICIENTS, kind="model", statistics=["estimate", "p_value"])

    assert [r for r, _ in found(report)] == ["bad-description", "possible-model"]
    assert "counts-declared" in denied_by(report)


def bare(text: str, name: str = "t.csv"):
    return check_file(name, text.encode(), None, threshold=10, scan=lambda _text: [])


@pytest.mark.parametrize("column", ["n", "households", "count", "n_poor", "poor_count", "Freq"])
def test_a_table_that_nobody_described_still_names_its_small_counts(column):
    report = bare(f"region,{column},share\nnorth,40,0.1\nsouth,4,0.5\neast,x,0.5\n")

    assert ("possible-small-count", f"t.csv, row 2, column {column}") in found(report)
    assert len(report.findings) == 2
    assert "counts-declared" in denied_by(report)


def test_rows_of_data_are_told_from_tables_and_models():
    rows = "district,income\n" + "".join(f"D{i % 4},{100 + 7.31 * i:.2f}\n" for i in range(60))
    table = "year,share\n" + "".join(f"{1990 + i},0.{i:02}\n" for i in range(20))

    assert "possible-rows" in dict(found(bare(rows)))
    assert "possible-rows" not in dict(found(bare(table)))
    assert "possible-model" in dict(found(bare("term,coef,std_err\nage,0.5,0.1\n")))


@pytest.mark.parametrize(
    "column", ["household_id", "Person ID", "hhid", "national_number", "gps", "payment_id"]
)
def test_a_column_of_tokens_is_an_identifier_whatever_the_description_says(column):
    report = check(f"{column},n\nA81,40\nB72,35\n", dimensions=[column])

    assert ("identifier-column", "t.csv, column 1") in found(report)
    assert report.facts["identifiers_found"] == 1
    assert "no-identifiers" in denied_by(report)


@pytest.mark.parametrize(
    "column", ["region", "grid", "head_sex", "idle", "age_code", "programme_code", "household_size"]
)
def test_other_columns_are_no_tokens(column):
    assert found(check(f"{column},n\nA,40\nB,35\n", dimensions=[column])) == []
