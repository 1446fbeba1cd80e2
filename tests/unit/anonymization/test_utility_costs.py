"""Information loss, propensity scores, welfare and cut-offs before and after, and the report in words."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import Unusable
from anonymization.utility import (
    CutoffQuestion,
    TargetingQuestion,
    compare_cutoff,
    compare_welfare,
    information_loss,
    propensity,
    render,
    utility_report,
)
from anonymization.utility.propensity import _logistic
from evaluation import concentration, discontinuity, fgt, gini

QUESTION = TargetingQuestion(("programme",), welfare="welfare", line=120)
CUTOFF = CutoffQuestion("school", "score", 45.0)


def households(n=3000, seed=3):
    rng = np.random.default_rng(seed)
    score = rng.uniform(0, 100, n)
    programme = score < 45
    return pd.DataFrame(
        {
            "score": score,
            "welfare": np.exp(rng.normal(0, 0.3, n) + score / 60 + 4.0),
            "programme": programme,
            "school": 0.5 + 0.002 * score + 0.2 * programme + rng.normal(0, 0.1, n),
            "region": rng.choice(["a", "b", "c"], n),
            "village": rng.integers(0, 80, n),
        }
    )


def test_losses_are_what_arithmetic_says():
    x = pd.DataFrame({"x": [0.0, 2.0, 4.0, 6.0], "t": list("abcd")})
    moved = x.assign(x=x["x"] + 1)
    s = np.std([0, 2, 4, 6], ddof=1)
    found = information_loss(x, moved, ["x", "t"], aligned=True)
    assert list(found["columns"]) == ["x"]
    assert found["il1s"] == found["columns"]["x"]["il1s"] == pytest.approx(1 / (np.sqrt(2) * s))
    assert found["columns"]["x"]["mean_shift"] == pytest.approx(1 / s)
    assert found["columns"]["x"]["quantile_distance"] == pytest.approx(1 / s)
    assert found["columns"]["x"]["spread_ratio"] == pytest.approx(1)
    assert found["columns"]["x"]["moved"] == 1
    assert found["eigenvalues"] is None
    # Reordered rows: nothing measured row by row, and no distance.
    other = information_loss(x, x.iloc[::-1], ["x"])
    assert other["columns"]["x"]["quantile_distance"] == 0
    assert "il1s" not in other["columns"]["x"]


def test_eigenvalues_of_two_columns_are_one_plus_and_minus_their_correlation():
    rng = np.random.default_rng(0)
    a = rng.normal(size=5000)
    b = a + rng.normal(size=5000)
    df = pd.DataFrame({"a": a, "b": b})
    parted = pd.DataFrame({"a": a, "b": rng.permutation(b)})
    r, q = (np.corrcoef(d.to_numpy().T)[0, 1] for d in (df, parted))
    expected = np.mean([abs(abs(q) - r) / (1 + r), abs(r - abs(q)) / (1 - r)])
    assert information_loss(df, parted, ["a", "b"])["eigenvalues"] == pytest.approx(expected, rel=1e-9)


def test_propensity_says_how_well_a_model_can_tell():
    df = households()
    same = propensity(df, df.sample(frac=1, random_state=0), list(df))
    assert same["pmse"] == pytest.approx(0, abs=1e-12)
    # Fresh samples of one distribution: the ratio is 1 on average (40 fixed seeds).
    fresh = [propensity(households(400, s), households(400, 100 + s), list(df))["ratio"] for s in range(40)]
    assert 0.75 < np.mean(fresh) < 1.25
    apart = propensity(df, df.assign(score=df["score"] + 1000), list(df))
    assert apart["share_of_worst"] > 0.9
    assert propensity(df, df.iloc[:3], list(df))["pmse"] is None
    assert propensity(df, df, [])["pmse"] is None


def test_the_logistic_model_is_that_of_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(2)
    design = np.column_stack([np.ones(800), rng.normal(size=(800, 3))])
    outcome = (rng.random(800) < 1 / (1 + np.exp(-design @ [0.3, 1, -1, 0]))).astype(float)
    assert np.allclose(_logistic(design, outcome), sm.Logit(outcome, design).fit(disp=0).predict(), atol=1e-4)


def test_welfare_and_cut_off_are_the_evaluators_own_numbers():
    df = households()
    noisy = df.assign(welfare=df["welfare"] * np.exp(np.random.default_rng(0).normal(0, 0.5, len(df))))
    found = compare_welfare(df, noisy, QUESTION)
    severity = found["distribution"]["metrics"]["severity"]
    assert severity["original"] == pytest.approx(fgt(df, welfare="welfare", line=120, alpha=2).estimate)
    assert severity["protected_se"] == pytest.approx(fgt(noisy, welfare="welfare", line=120, alpha=2).se)
    assert severity["change_in_se"] > 10
    assert found["distribution"]["metrics"]["gini"]["original"] == pytest.approx(
        gini(df, welfare="welfare").estimate
    )
    c = found["programmes"]["programme"]["metrics"]["concentration"]
    assert c["original"] == pytest.approx(concentration(df, welfare="welfare", benefit="programme").estimate)
    assert compare_welfare(df, noisy, TargetingQuestion(("programme",), poor="programme")) == {}
    jump = compare_cutoff(
        df, df.assign(score=df["score"] + np.random.default_rng(1).normal(0, 8, len(df))), CUTOFF
    )
    alone = discontinuity(df, outcome="school", running="score", cutoff=45.0)
    effect = jump["metrics"]["effect_at_cutoff"]
    assert effect["original"] == pytest.approx(alone.effect.estimate)
    assert effect["original"] == pytest.approx(0.2, abs=0.03)
    assert effect["protected"] < 0.6 * effect["original"]  # a noised score shrinks it
    assert jump["bandwidth"] == pytest.approx(alone.bandwidth)


def test_clusters_stand_behind_the_errors():
    df = households().assign(household=lambda d: d.index // 3)
    plain = utility_report(df, df, question=QUESTION)
    question = TargetingQuestion(("programme",), welfare="welfare", line=120, cluster="village")
    clustered = utility_report(df, df, question=question)
    one, other = (
        r["targeting"]["programme"]["metrics"]["coverage_of_poor"]["original_se"] for r in (plain, clustered)
    )
    assert one != other


def test_what_cannot_be_computed_says_why():
    df = households()
    lost = df.drop(columns="welfare").assign(score=pd.cut(df["score"], 3).astype(str))
    assert "not in the table" in compare_welfare(df, lost, QUESTION)["distribution"]["why"]
    assert "no longer holds numbers" in compare_cutoff(df, lost, CUTOFF)["why"]
    assert "No row has all" in compare_cutoff(df, df.assign(school=np.nan), CUTOFF)["why"]
    assert "Too few rows on one side" in compare_cutoff(df, df[df["score"] < 45], CUTOFF)["why"]
    with pytest.raises(Unusable, match="different numbers of rows"):
        utility_report(df, df.iloc[:5], aligned=True)


def test_the_text_names_every_cost_and_no_value():
    df = households().assign(note="CANARY-4711", secret=987654321)
    rng = np.random.default_rng(0)
    protected = df.assign(
        welfare=df["welfare"] * np.exp(rng.normal(0, 0.5, len(df))),
        region=df["region"].where(rng.random(len(df)) > 0.1, None),
        score=pd.cut(df["score"], 3).astype(str),
    ).drop(columns="village")
    report = utility_report(df, protected, question=QUESTION, cutoff=CUTOFF, aligned=True)
    json.dumps(report, allow_nan=False)
    text = render(report)
    for words in (
        "Columns gone: village",
        "score cannot be compared. Numbers became categories.",
        "newly missing",
        "IL1s",
        "poverty severity",
        "ANOTHER ANSWER",
        "unchanged",
        "DISCONTINUITY DESIGN",
        "It cannot be computed.",
        "a logistic model tells",
    ):
        assert words in text, words
    assert "CANARY" not in text
    assert "987654321" not in text
    assert max(map(len, text.splitlines())) <= 140
    for few in (df.iloc[:0], df.iloc[:2]):
        assert render(utility_report(df, few, question=QUESTION, cutoff=CUTOFF))


def test_the_command_prints_words_or_json_and_refuses_in_a_sentence(tmp_path, capsys):
    from anonymization.commands import run
    from anonymization.utility.command import main

    df = households(300)
    df.to_csv(tmp_path / "a.csv", index=False)
    df.assign(welfare=df["welfare"].round(-1)).to_parquet(tmp_path / "b.parquet")
    one, other = str(tmp_path / "a.csv"), str(tmp_path / "b.parquet")
    asked = ["--beneficiaries", "programme", "--welfare", "welfare", "--line", "120", "--aligned"]
    design = ["--running", "score", "--outcome", "school", "--cutoff", "45"]
    command = [sys.executable, "-m", "anonymization.utility", one, other, *asked, *design]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "TARGETING of programme" in words
    assert "effect at the cut-off" in words
    assert run(main, [one, other, *asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "utility/2"
    for wrong, code, sentence in [
        ([other, "--welfare", "welfare"], 2, "Targeting needs"),
        ([other, "--running", "score"], 2, "needs both --running and --outcome"),
        ([other, "--columns", "nope"], 2, "no column nope"),
        ([str(tmp_path / "no.csv")], 1, "There is no file no.csv"),
    ]:
        assert run(main, [one, *wrong]) == code
        said = capsys.readouterr()
        assert sentence in said.err
        assert said.out == ""
