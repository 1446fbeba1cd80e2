"""`python -m anonymization.risk` on files: figures, exit codes, and sentences without a value."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from people import KEYS, people

from anonymization.commands import as_json, run
from anonymization.risk.command import main

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the public test files are not beside the project")
SEVEN = "urbrur,roof,walls,water,electcon,relat,sex"


@pytest.fixture
def asked(capsys):
    def ask(*arguments: object) -> dict:
        assert run(main, [str(a) for a in arguments] + ["--json"]) == 0
        return json.loads(
            capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON")
        )

    return ask


@needs_data
def test_figures_of_testdata(asked):
    found = asked(
        DATA / "sdcmicro_testdata.csv", "--keys", SEVEN, "--weights", "sampling_weight", "--household", "ori_hid", "--k", "10"
    )  # fmt: skip
    assert found["rows"] == 4580
    assert found["uniques"] == 157
    assert found["violations"] == {"2": 157, "3": 281, "5": 458, "10": 741}
    assert found["expected_reidentifications"] == pytest.approx(10.778298919, abs=1e-8)
    assert found["global_risk"] == pytest.approx(0.0024, abs=5e-5)
    assert found["household_expected_reidentifications"] == pytest.approx(51.812927436, abs=1e-8)
    assert found["household_global_risk"] == pytest.approx(0.0113, abs=5e-5)


@needs_data
def test_figures_of_testdata2_and_francdat(asked):
    found = asked(DATA / "sdcmicro_testdata2.csv", "--keys", "urbrur,roof,walls,water,sex")
    assert found["suda2"] == {"1": 53, "2": 34, "4": 4, "6": 2}
    found = asked(DATA / "sdcmicro_francdat.csv", "--keys", "Key1,Key2,Key3,Key4", "--weights", "w")
    parts = [
        0.0171442616,
        0.0220423262,
        0.0220423262,
        0.177075834,
        0.0116544802,
        0.2970630774,
        0.4023594781,
        0.0171442616,
    ]
    assert found["expected_reidentifications"] == pytest.approx(sum(parts), abs=1e-8)
    assert (found["uniques"], found["violations"]["2"]) == (4, 4)


@needs_data
def test_free1_can_be_measured_and_read(asked, capsys):
    arguments = [
        str(DATA / "sdcmicro_free1.csv"), "--keys", "REGION,SEX,AGE,MARSTAT", "--weights", "WEIGHT", "--sensitive",
        "ETNI,INCOME", "--numeric", "INCOME,ASSETS",
    ]  # fmt: skip
    found = asked(*arguments)
    table = pd.read_csv(arguments[0])
    sizes = table.groupby(["REGION", "SEX", "AGE", "MARSTAT"])["SEX"].transform("size")
    assert found["uniques"] == (sizes == 1).sum()
    assert found["violations"]["5"] == (sizes < 5).sum()
    assert found["represented"] == pytest.approx(table["WEIGHT"].sum())
    distinct = table.groupby(["REGION", "SEX", "AGE", "MARSTAT"])["ETNI"].nunique()
    assert found["l_diversity"]["by_variable"]["ETNI"]["distinct_min"] == distinct.min()
    alone = table.groupby(["INCOME", "ASSETS"]).ngroups / len(table)
    assert found["record_linkage"]["linked_by_distance"] == pytest.approx(alone)
    assert run(main, arguments) == 0
    text = capsys.readouterr().out
    assert f"{found['uniques']:,}" in text
    assert "Prosecutor" in text


@pytest.fixture
def survey(tmp_path):
    table = people(400)
    table.loc[::7, "educ"] = None
    table.to_parquet(tmp_path / "people.parquet")
    table.to_csv(tmp_path / "people.csv", index=False, sep=";")
    return tmp_path


WHO = [
    "--keys",
    ",".join(KEYS),
    "--weights",
    "weight",
    "--household",
    "household",
    "--sensitive",
    "income,poor",
]
HAS = {
    "rows", "uniques", "violations", "expected_reidentifications", "global_risk", "population_uniques", "attackers",
    "household_expected_reidentifications", "suda2", "dis_suda", "l_diversity", "t_closeness", "record_linkage",
}  # fmt: skip


def test_csv_and_parquet_give_the_same_and_everything(asked, survey):
    one, two = (asked(survey / f"people.{kind}", *WHO, "--numeric", "income") for kind in ("csv", "parquet"))
    assert one == two
    assert set(one) >= HAS
    assert one["missing_cells"]["educ"] == 58
    assert sum(one["suda2"].values()) == 400
    assert one["l_diversity"]["distinct_min"] == 1


def test_a_missing_key_counts_as_was_said(asked, survey):
    wildcard, category = (
        asked(survey / "people.csv", *WHO, "--missing", m) for m in ("wildcard", "category")
    )
    assert wildcard["uniques"] < category["uniques"]
    assert (wildcard["missing"], category["missing"]) == ("wildcard", "category")


def test_protection_shows_in_the_linkage_and_a_register_in_the_journalist(asked, survey, tmp_path):
    table = people(400)
    before = asked(survey / "people.csv", *WHO, "--numeric", "income,expenditure")
    table[["income", "expenditure"]] = (
        table[["income", "expenditure"]].sample(frac=1, random_state=1).to_numpy()
    )
    table.to_csv(tmp_path / "after.csv", index=False)
    pd.concat([people(400)] * 3).to_csv(tmp_path / "register.csv", index=False)
    after = asked(
        tmp_path / "after.csv", *WHO, "--numeric", "income,expenditure", "--original", survey / "people.csv",
        "--population", tmp_path / "register.csv",
    )  # fmt: skip
    assert after["record_linkage"]["linked_by_distance"] < before["record_linkage"]["linked_by_distance"]
    assert after["attackers"]["journalist"]["average"] == pytest.approx(
        after["attackers"]["prosecutor"]["average"] / 3
    )


def test_households_can_be_what_is_counted(asked, survey):
    found = asked(survey / "people.csv", *WHO, "--per-household")
    assert found["records"] == found["households"] == people(400)["household"].nunique()


def test_a_text_that_may_mean_missing_is_pointed_out(asked, tmp_path):
    (tmp_path / "t.csv").write_text("a,b\nNA,1\nKE,1\nKE,1\n")
    assert "1 cells of a read NA" in asked(tmp_path / "t.csv", "--keys", "a,b")["notes"][0]
    assert asked(tmp_path / "t.csv", "--keys", "a,b", "--na", "NA")["missing_cells"] == {"a": 1, "b": 0}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--keys", "a,z"], 2, "no column z. It has: a, b, w, h"),
        (["--keys", "a", "--weights", "b"], 1, "The column b must hold numbers"),
        (["--keys", "a", "--weights", "w"], 1, "1 rows have a weight"),
        (["--keys", "a", "--household", "h"], 1, "1 rows have no h"),
        (["--keys", "a", "--per-household"], 2, "needs --household"),
        (["--keys", "a", "--original", "x"], 2, "needs --numeric"),
        (["--keys", "a", "--fraction", "0"], 2, "above 0"),
    ],
)
def test_a_refusal_is_one_sentence_and_an_exit_code(tmp_path, capsys, arguments, code, sentence):
    (tmp_path / "t.csv").write_text("a,b,w,h\nWanjiku,x,1,1\nOtieno,y,-2,\n")
    assert run(main, [str(tmp_path / "t.csv"), *arguments, "--json"]) == code
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert "Wanjiku" not in said.err


@pytest.mark.parametrize("arguments", [["--keys", "a,a"], ["--keys", ""], [], ["--keys", "a", "--k", "1"], ["--keys", "a", "--missing", "zero"]])  # fmt: skip
def test_a_command_that_cannot_be_understood(tmp_path, arguments):
    with pytest.raises(SystemExit) as stopped:
        run(main, [str(tmp_path / "t.csv"), *arguments])
    assert stopped.value.code == 2


def test_it_runs_as_a_module(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    command = [sys.executable, "-m", "anonymization.risk"]
    done = subprocess.run(
        [*command, str(tmp_path / "t.csv"), "--keys", "a,b", "--json"],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    assert json.loads(done.stdout)["uniques"] == 1
    (tmp_path / "t.csv").write_text("a,b\n")
    done = subprocess.run(
        [*command, str(tmp_path / "t.csv"), "--keys", "a"], capture_output=True, check=False, cwd=ROOT
    )
    assert (done.returncode, b"no records" in done.stderr) == (1, True)


def test_what_is_not_finite_is_null_and_numpys_numbers_are_numbers():
    told = {"a": [np.float64("nan"), np.int64(3)], 2: (float("inf"), np.True_)}
    assert json.loads(as_json(told)) == {"a": [None, 3], "2": [None, True]}


def test_what_needs_a_sensitive_variable_is_null_and_said_without_one(asked, survey, capsys):
    found = asked(survey / "people.csv", "--keys", ",".join(KEYS[:2]))
    assert found["l_diversity"]["distinct_min"] is None
    assert found["t_closeness"]["max"] is None
    assert any("--sensitive" in note for note in found["notes"])
    assert run(main, [str(survey / "people.csv"), "--keys", ",".join(KEYS[:2])]) == 0
    assert "not measured (name --sensitive)" in capsys.readouterr().out
