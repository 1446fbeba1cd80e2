"""What a result table tells, against its description; and what the policy makes of it."""

from __future__ import annotations

import json
from datetime import date

import pytest
from pngs import a_png

from anonymization.disclosure import OUTPUT_SCHEMA, check_file
from policies import Outcome, PolicyBook

BOOK = PolicyBook.packaged()
DAY = date(2026, 3, 2)
SPEC = {"schema": OUTPUT_SCHEMA, "kind": "table", "unit": "household", "counts": ["n_households"]}


def no_identifiers(_text: str) -> list[str]:
    return []


def check(text: str, name: str = "table.csv", **spec):
    return check_file(name, text.encode(), SPEC | spec, threshold=10, scan=no_identifiers)


def decide(report):
    return BOOK.decide("output-file", report.facts, DAY)


def rules(report) -> list[str]:
    return [f.rule for f in report.findings]


GOOD = """region,n_households,coverage,mean_transfer,top1,top2
north,40,0.61,1200.50,0.10,0.18
south,35,0.55,1100.25,0.12,0.20
"""
GOOD_SPEC = {
    "statistics": ["coverage", "mean_transfer"],
    "proportions": ["coverage"],
    "dominance": {"top1_share": "top1", "top2_share": "top2"},
}


def test_a_table_in_order_is_let_on_to_the_checkers():
    report = check(GOOD, **GOOD_SPEC)

    assert report.findings == ()
    assert report.facts == {
        "media_type": "csv",
        "file_bytes": len(GOOD),
        "rows": 2,
        "hidden_content": 0,
        "identifiers_found": 0,
        "counts_declared": True,
        "undeclared_columns": 0,
        "zero_counts": 0,
        "full_cells": 0,
        "recoverable_cells": 0,
        "statistics_without_dominance": 0,
        "dominance_declared": True,
        "endpoints_shown": 0,
        "quantiles_on_few": 0,
        "differing_cells": 0,
        "is_model": False,
        "smallest_count": 35,
        "top2_share": 0.20,
        "p_ratio": pytest.approx(0.8 / 0.12),
    }
    assert decide(report).allowed


def test_the_same_table_as_json_is_let_on_too():
    records = [
        {"region": "north", "n_households": 40, "coverage": 0.61},
        {"region": "south", "n_households": 35, "coverage": 0.55},
    ]

    report = check(json.dumps(records), "table.json", proportions=["coverage"])

    assert (report.media_type, report.facts["rows"], report.facts["smallest_count"]) == ("json", 2, 35)
    assert decide(report).allowed


def test_a_small_count_is_placed_by_row_and_column_and_its_value_is_not_repeated():
    report = check("region,n_households\nnorth,40\nsouth,35\neast,7\n")

    [finding] = report.findings
    assert (finding.rule, finding.place) == ("small-count", "table.csv, row 3, column n_households")
    assert finding.sentence == "A count below the threshold. Merge categories or suppress it."
    assert report.facts["smallest_count"] == 7
    assert decide(report).outcome is Outcome.DENY


def test_the_threshold_is_the_callers():
    data = b"region,n_households\nnorth,15\n"

    assert check_file("t.csv", data, SPEC, threshold=10, scan=None).findings == ()
    assert rules(check_file("t.csv", data, SPEC, threshold=20, scan=None)) == ["small-count"]


def test_a_count_of_nobody_goes_to_a_person_and_does_not_make_the_smallest_count():
    report = check("region,n_households\nnorth,40\nsouth,0\n")

    assert rules(report) == ["zero-count"]
    assert (report.facts["zero_counts"], report.facts["smallest_count"]) == (1, 40)
    assert decide(report).outcome is Outcome.REVIEW


def test_a_table_of_nothing_but_zeros_does_not_pass():
    assert decide(check("region,n_households\nnorth,0\n")).outcome is Outcome.DENY


@pytest.mark.parametrize("cell", ["12.5", "-3", "many", "1e400", "12 households"])
def test_what_is_not_a_whole_number_is_not_a_count(cell):
    report = check(f"region,n_households\nnorth,40\nsouth,{cell}\n")

    assert rules(report) == ["not-a-count"]
    assert report.facts["counts_declared"] is False
    assert cell not in report.findings[0].sentence
    assert decide(report).outcome is Outcome.DENY


@pytest.mark.parametrize("marker", ["", "x", "<10", "[c]", "NA"])
def test_a_suppressed_count_is_not_a_small_one(marker):
    report = check(f"region,n_households\nnorth,40\nsouth,{marker}\n")

    assert report.findings == ()
    assert report.facts["smallest_count"] == 40


def test_a_number_shown_where_its_count_is_suppressed_is_found():
    report = check("region,n_households,mean\nnorth,40,1.5\nsouth,,9.5\n", statistics=["mean"])

    assert [(f.rule, f.place) for f in report.findings] == [("uncounted", "table.csv, row 2, column mean")]
    assert report.facts["counts_declared"] is False


def test_each_statistic_may_have_its_own_count():
    text = "region,n_poor,n_other,mean_poor,mean_other\nnorth,,40,,3.5\n"
    spec = {"counts": ["n_poor", "n_other"], "statistics": {"mean_poor": "n_poor", "mean_other": "n_other"}}

    assert check(text, **spec).findings == ()
    assert rules(check(text, **(spec | {"statistics": ["mean_poor", "mean_other"]}))) == ["uncounted"]


def test_numbers_that_nobody_mentioned_are_found_by_position_and_not_by_name():
    report = check("region,n_households,ana_perez_income\nnorth,40,12345\n")

    assert rules(report) == ["undeclared-column"]
    assert "column 3" in report.findings[0].sentence
    assert "ana_perez" not in str(report.findings)
    assert decide(report).outcome is Outcome.DENY


def test_numbers_with_decimals_are_not_a_dimension():
    report = check("year,income,n_households\n2026,1234.56,40\n", dimensions=["year", "income"])

    assert [(f.rule, f.place) for f in report.findings] == [("undeclared-column", "table.csv, column income")]


def test_a_longer_row_hides_something():
    report = check("region,n_households\nnorth,40,99\n")

    assert rules(report) == ["ragged-row"]
    assert report.facts["hidden_content"] == 1


def test_a_share_of_all_or_none_goes_to_a_person():
    report = check("region,n_households,poor\nnorth,40,1\nsouth,35,0.5\neast,20,0\n", statistics=["poor"])

    assert [(f.rule, f.place) for f in report.findings] == [
        ("full-cell", "table.csv, row 1, column poor"),
        ("full-cell", "table.csv, row 3, column poor"),
    ]
    assert report.facts["full_cells"] == 2


def test_a_share_that_tells_of_a_small_group_goes_to_a_person():
    report = check(
        "region,n_households,poor_percent\nnorth,40,95\nsouth,400,50\neast,400,1\n",
        proportions=["poor_percent"],
    )

    assert [f.place for f in report.findings] == [
        "table.csv, row 1, column poor_percent",
        "table.csv, row 3, column poor_percent",
    ]
    assert decide(report).outcome is Outcome.REVIEW


def test_the_rest_of_a_whole_is_a_group_too():
    report = check(
        "region,n_households,n_poor\nnorth,40,35\nsouth,40,20\neast,40,40\n",
        counts=["n_households", "n_poor"],
        parts={"n_poor": "n_households"},
    )

    assert [(f.rule, f.place) for f in report.findings] == [
        ("small-rest", "table.csv, row 1, column n_poor"),
        ("full-cell", "table.csv, row 3, column n_poor"),
    ]
    assert decide(report).outcome is Outcome.DENY


ONE_SUPPRESSED = (
    "region,sex,n_households\nnorth,f,40\nnorth,m,\nnorth,total,47\nsouth,f,30\nsouth,m,30\nsouth,total,60\n"
)


def test_one_suppressed_cell_beside_its_total_is_given_away():
    report = check(ONE_SUPPRESSED)

    assert [(f.rule, f.place) for f in report.findings] == [
        ("recoverable-cell", "table.csv, row 2, column n_households")
    ]
    assert decide(report).outcome is Outcome.DENY


def test_no_description_can_make_a_total_be_overlooked_and_it_can_name_others():
    assert rules(check(ONE_SUPPRESSED, total_labels=[])) == ["recoverable-cell"]
    assert rules(check(ONE_SUPPRESSED.replace("total", "ensemble"))) == []
    assert rules(check(ONE_SUPPRESSED.replace("total", "ensemble"), total_labels=["Ensemble"])) == [
        "recoverable-cell"
    ]


def test_suppressed_cells_that_only_several_totals_together_give_away_are_found():
    """Two in the row, but each alone in its column."""
    rows = ["north,f,", "north,m,", "north,total,100", "south,f,30", "south,m,30", "south,total,60"]
    rows += ["total,f,36", "total,m,124", "total,total,160"]

    report = check("region,sex,n_households\n" + "\n".join(rows))

    assert rules(report) == ["recoverable-cell", "recoverable-cell"]


def test_two_suppressed_cells_whose_sum_is_small_are_given_away():
    report = check("region,sex,n_households\nnorth,f,\nnorth,m,\nnorth,other,30\nnorth,total,36\n")

    assert rules(report) == ["recoverable-cell", "recoverable-cell"]


def test_a_suppressed_rectangle_holds():
    rows = ["north,f,", "north,m,", "north,total,60", "south,f,", "south,m,", "south,total,60"]
    rows += ["total,f,60", "total,m,60", "total,total,120"]

    report = check("region,sex,n_households\n" + "\n".join(rows))

    assert report.findings == ()
    assert decide(report).allowed


def test_a_group_without_a_row_is_told_by_the_total():
    report = check("region,n_households\nnorth,40\nsouth,30\nTotal,74\n")

    assert [(f.rule, f.place) for f in report.findings] == [
        ("recoverable-cell", "table.csv, row 3, column n_households")
    ]


def test_totals_that_contradict_the_cells_do_not_hide_a_suppressed_one():
    report = check("region,sex,n_households\nnorth,f,40\nnorth,m,\nnorth,total,30\n")

    assert rules(report) == ["recoverable-cell"]


def test_totals_without_their_largest_contributors_go_to_a_person():
    report = check("region,n_households,total\nnorth,40,9000\n", statistics=["total"])

    assert report.facts["statistics_without_dominance"] == 1
    assert "top2_share" not in report.facts
    assert decide(report).outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("top1", "top2", "rule"), [(0.5, 0.9, "two-largest"), (0.85, 0.89, None), (0.88, 0.8999, None)]
)
def test_dominance_is_weighed_by_the_policy(top1, top2, rule):
    report = check(
        f"region,n_households,total,a,b\nnorth,40,9000,{top1},{top2}\n",
        statistics=["total"],
        dominance={"top1_share": "a", "top2_share": "b"},
    )

    against = [f.rule for f in decide(report).findings if f.outcome is not Outcome.ALLOW]
    assert against == ([rule] if rule else [])


@pytest.mark.parametrize(("top1", "top2"), [("", ""), (0.5, 0.4), (0.5, 1.2), (-0.1, 0.3), ("nan", 0.3)])
def test_shares_that_cannot_be_are_not_told(top1, top2):
    report = check(
        f"region,n_households,total,a,b\nnorth,40,9000,{top1},{top2}\n",
        statistics=["total"],
        dominance={"top1_share": "a", "top2_share": "b"},
    )

    assert report.facts["statistics_without_dominance"] == 1
    assert report.facts["dominance_declared"] is False


@pytest.mark.parametrize(
    ("sidecar", "word"),
    [
        (None, "no description"),
        (b"{", "not valid JSON"),
        (b"[]", "cannot be used"),
        ({}, "counts, kind, schema, unit"),
        (SPEC | {"unit": "person"}, "unit"),
        (SPEC | {"schema": "registry-enclave/output/9"}, "schema"),
        (SPEC | {"counts": "n_households"}, "counts"),
        (SPEC | {"dominance": {"largest": "a"}}, "dominance"),
        (SPEC | {"counts": ["n"]}, "names n, which the table lacks"),
        (SPEC | {"counts": []}, "no column of counts"),
        (SPEC | {"parts": {"n_households": "whole"}}, "lacks"),
    ],
)
def test_a_description_that_cannot_be_used_gets_a_sentence_and_does_not_pass(sidecar, word):
    report = check_file(
        "t.csv", b"region,n_households\nnorth,40\n", sidecar, threshold=10, scan=no_identifiers
    )

    assert word in " ".join(f.sentence for f in report.findings)
    assert decide(report).outcome is Outcome.DENY


@pytest.mark.parametrize(
    "text",
    ["", "region,region\na,b\n", 'a,b\n"x,1\n', "region,\nnorth,4\n", "a,b\n"],
)
def test_what_is_not_one_table_gets_a_sentence_and_does_not_pass(text):
    report = check(text)

    assert rules(report) == ["not-a-table"]
    assert decide(report).outcome is Outcome.DENY


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2]", '[{"a": {"b": 1}}]', "[]", '[{"a": [1]}]'])
def test_json_that_is_not_a_table_does_not_pass(text):
    report = check(text, "t.json")

    assert rules(report) == ["not-a-table"]
    assert decide(report).outcome is Outcome.DENY


def test_a_figure_is_as_safe_as_the_counts_behind_its_marks():
    figure = {"schema": OUTPUT_SCHEMA, "kind": "figure", "unit": "household", "counts": [40, 35]}

    def report(**changes):
        return check_file("f.png", a_png(), figure | changes, threshold=10, scan=no_identifiers)

    assert decide(report()).allowed
    assert decide(report(counts=[40, 3])).outcome is Outcome.DENY
    assert decide(report(counts=[])).outcome is Outcome.DENY
    assert (
        decide(check_file("f.png", a_png(), None, threshold=10, scan=no_identifiers)).outcome is Outcome.DENY
    )


def test_text_goes_to_people():
    report = check_file(
        "notes.md", b"# Findings\n\nMost are reached.", None, threshold=10, scan=no_identifiers
    )

    assert decide(report).outcome is Outcome.REVIEW


def test_facts_can_be_kept_as_json():
    report = check(GOOD, **GOOD_SPEC)

    assert json.loads(json.dumps(report.facts))["smallest_count"] == 35
