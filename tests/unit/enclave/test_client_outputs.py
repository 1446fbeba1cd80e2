"""Counting households, and writing what the airlock can check."""

from __future__ import annotations

import json
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest

from anonymization.disclosure import check_file
from enclave import client
from policies import PolicyBook

WORDS = {
    "title": "Benefits by region",
    "context": "All households of the 2026 extract; means over households.",
}


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("ENCLAVE_WORKSPACE", str(tmp_path))
    return tmp_path / "outputs"


def persons() -> pd.DataFrame:
    """Region 01: 12 households of 2; 02: one household of 12 persons; 03: 20 households, one with a value."""
    rows = [("01", f"a{i // 2}", 10.0) for i in range(24)] + [("02", "b0", 5.0)] * 12
    rows += [("03", f"c{i}", 7.0 if i == 0 else None) for i in range(20)]
    return pd.DataFrame(rows, columns=["region_code", "household_id", "benefit"])


def a_table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {"region_code": ["01", "02", "03"], "households": [40, 25, 12], "rate": [0.1, 0.2, 0.3]} | columns
    )


def test_twelve_persons_of_one_household_are_one_contributor():
    with pytest.warns(client.SmallCellWarning, match="fewer than 10 households"):
        table = client.tabulate(persons(), "region_code").set_index("region_code")

    assert table["households"].to_dict() == {"01": 12, "02": 1, "03": 20}


def test_a_household_without_a_value_does_not_stand_behind_its_mean():
    with pytest.warns(client.SmallCellWarning):
        table = client.tabulate(persons(), "region_code", "benefit").set_index("region_code")

    assert table["benefit_households"].to_dict() == {"01": 12, "02": 1, "03": 1}
    assert table.loc["01", "benefit_mean"] == pytest.approx(10)
    assert table.loc["01", "benefit_sum"] == pytest.approx(240)


def test_dominance_is_measured_on_household_totals():
    df = pd.DataFrame({"g": "x", "household_id": ["a", "a", "b", "c", "d"], "v": [30.0, 30, 20, -10, 10]})

    table = client.tabulate(df, "g", "v", threshold=1)

    assert table.loc[0, "v_top1_share"] == pytest.approx(60 / 100)
    assert table.loc[0, "v_top2_share"] == pytest.approx(80 / 100)


def test_a_group_that_is_missing_is_a_group():
    df = pd.DataFrame({"g": ["x"] * 12 + [None] * 11, "h": range(23), "v": range(23)})

    table = client.tabulate(df, "g", "v", household="h")

    assert table["households"].tolist() == [12, 11]
    assert table["v_households"].tolist() == [12, 11]
    assert table["v_sum"].tolist() == [sum(range(12)), sum(range(12, 23))]
    assert table["v_top2_share"].notna().all()


def test_several_groups_and_values_and_groups_without_any_value():
    df = pd.DataFrame(
        {
            "g": ["x"] * 20 + ["y"] * 10,
            "sex": ["f", "m"] * 15,
            "household_id": range(30),
            "v": [1.0] * 20 + [np.nan] * 10,
            "u": 2,
        }
    )

    table = client.tabulate(df, ["g", "sex"], ["v", "u"], threshold=0)

    assert list(table.columns)[:3] == ["g", "sex", "households"]
    assert table["v_households"].tolist() == [10, 10, 0, 0]
    assert table["u_sum"].tolist() == [20, 20, 10, 10]
    assert np.isnan(table["v_mean"].tolist()[2])


@pytest.mark.parametrize(
    ("by", "values", "says"),
    [
        ("nowhere", None, "no column called 'nowhere'"),
        ([], None, "group by"),
        ("region_code", "household_id", "numbers"),
    ],
)
def test_what_cannot_be_tabulated_is_refused(by, values, says):
    with pytest.raises(client.ClientError, match=says):
        client.tabulate(persons(), by, values)


def test_an_output_is_a_csv_with_its_description(workspace):
    path = client.output(a_table(), "by-region", counts=["households"], statistics=["rate"], **WORDS)

    assert path == workspace / "by-region.csv"
    assert path.read_text().splitlines()[:2] == ["region_code,households,rate", "01,40,0.1"]
    described = json.loads((workspace / "by-region.sdc.json").read_text())
    assert described["schema"] == "registry-enclave/output/1"
    assert (described["kind"], described["unit"]) == ("table", "household")
    assert (described["counts"], described["statistics"]) == (["households"], ["rate"])
    assert described["dimensions"] == ["region_code"]
    assert described["title"] == WORDS["title"]
    assert sorted(p.name for p in workspace.iterdir()) == ["by-region.csv", "by-region.sdc.json"]


def test_a_small_cell_is_warned_about(workspace):
    with pytest.warns(client.SmallCellWarning, match="fewer than 10"):
        client.output(
            a_table(households=[40, 25, 3]), "x", counts=["households"], statistics=["rate"], **WORDS
        )


def test_suppressing_blanks_the_count_and_every_number_of_its_row(workspace):
    table = a_table(households=[40, 3, 2])

    path = client.output(table, "x", counts=["households"], statistics=["rate"], suppress=True, **WORDS)

    assert path.read_text().splitlines() == ["region_code,households,rate", "01,40,0.1", "02,,", "03,,"]
    assert table["households"].tolist() == [40, 3, 2], "the caller's table is left alone"


def test_a_small_numerator_blanks_the_rate_made_from_it(workspace):
    table = a_table(missed=[30, 12, 4])

    with pytest.warns(client.SmallCellWarning, match="single blank"):
        path = client.output(
            table, "x", counts=["households", "missed"], proportions=["rate"], suppress=True, **WORDS
        )

    assert path.read_text().splitlines()[1:] == ["01,40,0.1,30", "02,25,0.2,12", "03,12,,"]


def test_a_count_that_is_not_known_is_not_shown(workspace):
    table = a_table(households=[40.0, np.nan, np.nan])

    path = client.output(table, "x", counts=["households"], statistics=["rate"], suppress=True, **WORDS)

    assert path.read_text().splitlines()[2:] == ["02,,", "03,,"]


@pytest.mark.parametrize(
    ("table", "settings", "says"),
    [
        (a_table(), {"statistics": []}, "'rate'"),
        (a_table(rate=pd.Series([1, "a", 2], dtype=object)), {"statistics": []}, "'rate'"),
        (a_table(), {"counts": []}, "counts="),
        (a_table(), {"statistics": ["rate", "nowhere"]}, "'nowhere'"),
        (a_table(), {"statistics": ["rate", "households"]}, "only one thing"),
        (a_table(), {"statistics": {"rate": "nowhere"}}, "'nowhere'"),
        (a_table(), {"parts": {"poor": "households"}}, "'poor'"),
        (a_table(), {"statistics": "rate"}, "lists of column names"),
        (a_table(rate=["a", "b", "c"]), {}, "does not hold numbers"),
        (a_table(household_id=["q1", "q2", "q3"]), {}, "tokens"),
        (a_table(households=[40.5, 25, 12]), {}, "whole numbers"),
        (a_table(households=[-40, 25, 12]), {}, "whole numbers"),
        (a_table().iloc[:0], {}, "no rows"),
        (a_table().rename(columns={"rate": "households"}), {}, "one name of its own"),
        (a_table(), {"title": " "}, "title and a context"),
        (a_table(), {"context": ""}, "title and a context"),
    ],
)
def test_what_the_airlock_could_not_check_is_refused_and_nothing_is_written(workspace, table, settings, says):
    given = {"counts": ["households"], "statistics": ["rate"], **WORDS} | settings

    with pytest.raises(client.ClientError, match=says):
        client.output(table, "x", **given)

    assert not workspace.exists() or not list(workspace.iterdir())


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "x.csv", ".hidden", "X", "a b", "x" * 65, "naïve", "-x", "x\n"]
)
def test_only_plain_names_are_written(workspace, name):
    with pytest.raises(client.ClientError, match="plain name"):
        client.output(a_table(), name, counts=["households"], statistics=["rate"], **WORDS)


def test_a_rest_that_is_small_is_as_bad_as_a_small_count(workspace):
    table = a_table(missed=[30, 20, 2], missed_share=[0.75, 0.8, 0.2])

    path = client.output(
        table.assign(households=[40, 25, 22]),
        "x",
        counts=["households", "missed"],
        statistics={"rate": "households", "missed_share": "households"},
        parts={"missed": "households"},
        suppress=True,
        **WORDS,
    )

    assert path.read_text().splitlines()[1:] == ["01,40,0.1,30,0.75", "02,25,,,", "03,22,,,"]


def test_a_number_is_blanked_with_the_count_that_it_rests_on_and_not_with_another(workspace):
    table = pd.DataFrame(
        {
            "region_code": ["01", "02", "03", "04"],
            "poor": [40, 50, 60, 70],
            "poor_missed": [20, 20, 20, 20],
            "others": [40, 50, 60, 70],
            "others_reached": [0, 3, 20, 20],
            "exclusion": [0.5, 0.4, 1 / 3, 2 / 7],
            "inclusion": [0.0, 0.06, 1 / 3, 2 / 7],
        }
    )

    path = client.output(
        table,
        "x",
        counts=["poor", "poor_missed", "others", "others_reached"],
        statistics={"exclusion": "poor", "inclusion": "others"},
        proportions=["exclusion", "inclusion"],
        parts={"poor_missed": "poor", "others_reached": "others"},
        suppress=True,
        **WORDS,
    )

    shown = pd.read_csv(path)
    assert shown["exclusion"].notna().all()
    assert shown["inclusion"].isna().tolist() == [True, True, False, False]
    assert shown["others_reached"].isna().tolist() == [True, True, False, False]


def test_what_tabulate_makes_can_be_written_as_it_is_and_passes_the_airlock(workspace):
    df = pd.DataFrame({"region_code": ["01", "02"] * 300, "household_id": range(600), "benefit": range(600)})

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = client.output(
            client.tabulate(df, "region_code", "benefit"),
            "benefit",
            counts=["households", "benefit_households"],
            statistics={"benefit_mean": "benefit_households", "benefit_sum": "benefit_households"},
            **WORDS,
        )

    report = check_file(
        path.name,
        path.read_bytes(),
        path.with_suffix(".sdc.json").read_bytes(),
        threshold=10,
        scan=lambda _: [],
    )
    assert report.findings == ()
    assert report.facts["statistics_without_dominance"] == 0
    assert 0 < report.facts["top2_share"] < 0.05
    assert PolicyBook.packaged().decide("output-file", report.facts, date(2026, 11, 22)).allowed


def test_shares_of_the_largest_are_too_coarse_to_tell_what_the_largest_has(workspace):
    df = pd.DataFrame({"region_code": "01", "household_id": range(50), "benefit": [123.45, *[100.0] * 49]})

    path = client.output(
        client.tabulate(df, "region_code", "benefit"),
        "benefit",
        counts=["households", "benefit_households"],
        statistics=["benefit_mean", "benefit_sum"],
        **WORDS,
    )

    shown = pd.read_csv(path).iloc[0]
    assert shown["benefit_top1_share"] == 0.03
    assert abs(shown["benefit_top1_share"] * shown["benefit_sum"] - 123.45) > 10
