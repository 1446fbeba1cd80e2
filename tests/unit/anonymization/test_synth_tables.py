"""Synthesis: what is learnt, what is refused, what the evidence shows, and what must never come through."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType
from anonymization.synth import (
    NOT_PRIVATE,
    SynthesisError,
    SynthesisPlan,
    privacy_evidence,
    synthesise,
    synthesizer,
)
from anonymization.synth.cart import Cart
from anonymization.utility import TargetingQuestion

COLUMNS = {
    "region_code": FieldType.STRING,
    "eligible": FieldType.BOOLEAN,
    "poverty_score": FieldType.NUMBER,
    "enrolled_cct": FieldType.BOOLEAN,
    "welfare_aggregate": FieldType.NUMBER,
    "benefit_total_12m": FieldType.NUMBER,
    "group_size": FieldType.INTEGER,
    "head_sex": FieldType.STRING,
    "assessed_on": FieldType.DATE,
}
QUESTION = TargetingQuestion(("enrolled_cct",), welfare="welfare_aggregate", line=120)


def households(n=1500, seed=3):
    rng = np.random.default_rng(seed)
    score = np.clip(rng.normal(50, 15, n), 0, 100).round(1)
    cct = rng.random(n) < np.where(score < 45, 0.8, 0.1)
    df = pd.DataFrame(
        {
            "household_id": [f"REAL-{i:05d}" for i in range(n)],
            "head_name": "CANARY Person",
            "region_code": rng.choice([f"R0{i}" for i in range(1, 7)], n),
            "eligible": score < 45,
            "poverty_score": score,
            "welfare_aggregate": np.exp(rng.normal(0, 0.3, n) + score / 60 + 4.0).round(2),
            "enrolled_cct": cct,
            "benefit_total_12m": np.where(cct, rng.integers(100, 400, n), 0).astype(float),
            "group_size": rng.integers(1, 10, n),
            "head_sex": rng.choice(["1", "2"], n),
            "assessed_on": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
        }
    )
    df.loc[::40, "welfare_aggregate"] = np.nan
    df.loc[::60, "head_sex"] = None
    return df


def recipe(method, **changes):
    return SynthesisPlan(
        **{
            "columns": COLUMNS,
            "unit_id": "household_id",
            "quasi_identifiers": ("region_code", "group_size", "head_sex"),
            "method": method,
            "question": QUESTION,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def made():
    df = households()
    return {method: synthesise(df, recipe(method), 11) for method in ("gaussian_copula", "cart")}


@pytest.mark.parametrize("method", ["gaussian_copula", "cart"])
def test_a_synthetic_table_has_the_columns_types_and_codes_of_the_dictionary(made, method):
    table = made[method].table
    assert list(table.columns) == ["household_id", *COLUMNS]
    assert len(table) == 1500
    assert table["enrolled_cct"].dtype == bool
    assert table["group_size"].dtype == "int64"
    assert table["group_size"].between(1, 9).all()
    assert pd.api.types.is_datetime64_any_dtype(table["assessed_on"])
    assert set(table["region_code"]) <= {f"R0{i}" for i in range(1, 7)}
    assert set(table["head_sex"].dropna()) == {"1", "2"}
    assert 0 < table["head_sex"].isna().mean() < 0.06
    assert 0 < table["welfare_aggregate"].isna().mean() < 0.08
    assert np.allclose(table["poverty_score"], table["poverty_score"].round(1))


@pytest.mark.parametrize("method", ["gaussian_copula", "cart"])
def test_identifiers_are_made_anew_and_nothing_outside_the_recipe_comes_through(made, method):
    candidate = made[method]
    assert candidate.table["household_id"].is_unique
    everything = candidate.table.to_csv() + json.dumps(candidate.evidence, allow_nan=False)
    assert "REAL-" not in everything
    assert "CANARY" not in everything


@pytest.mark.parametrize("method", ["gaussian_copula", "cart"])
def test_the_evidence_says_plainly_that_there_is_no_formal_guarantee(made, method):
    evidence = made[method].evidence
    assert evidence["differentially_private"] is False
    assert evidence["says"] == NOT_PRIVATE
    assert "not differentially private" in NOT_PRIVATE
    assert evidence["output"]["digest"] == made[method].digest
    assert made[method].parquet()
    assert evidence["quality"]["pairs"]["mean"] < 0.5
    assert 0.6 < evidence["quality"]["sdmetrics"]["overall"] <= 1
    cost = evidence["cost"]
    assert cost["fit_cpu_seconds"] + cost["sample_cpu_seconds"] > 0
    closest = evidence["privacy"]["closest_record"]
    assert closest["share_interval"][0] <= closest["share_nearer_to_training"] <= closest["share_interval"][1]
    assert closest["share_nearer_to_training"] < 0.65


def test_trees_keep_the_targeting_differential_that_a_copula_blurs(made):
    found = {
        m: c.evidence["utility"]["targeting"]["enrolled_cct"]["metrics"]["targeting_differential"]
        for m, c in made.items()
    }
    copula, trees = abs(found["gaussian_copula"]["change"]), abs(found["cart"]["change"])
    assert trees < copula
    assert trees < 0.1


def test_rules_between_columns_survive_in_trees(made):
    table = made["cart"].table
    assert ((table["poverty_score"] < 45) == table["eligible"]).mean() > 0.99
    assert (table.loc[~table["enrolled_cct"], "benefit_total_12m"] == 0).mean() > 0.99


@pytest.mark.parametrize("method", ["gaussian_copula", "cart"])
def test_the_same_seed_draws_the_same_table_and_another_seed_another(method):
    df = households(400).drop(columns="assessed_on")
    columns = {c: k for c, k in COLUMNS.items() if c != "assessed_on"}
    one, two, three = (synthesise(df, recipe(method, columns=columns, rows=150), s) for s in (5, 5, 6))
    assert one.digest == two.digest != three.digest
    assert len(one.table) == 150


def test_the_largest_household_does_not_show():
    df = households(600)
    df.loc[7, "welfare_aggregate"] = 9_999_999.25
    table = synthesise(df, recipe("cart"), 1).table
    assert table["welfare_aggregate"].max() < 2_000


def test_copied_rows_are_seen_by_the_evidence_and_fresh_ones_are_not_accused():
    df = households(1800).drop(columns=["household_id", "head_name"])
    training, holdout, fresh = df.iloc[:700], df.iloc[700:1200], df.iloc[1200:]
    honest = privacy_evidence(training, holdout, fresh, ["region_code", "group_size"], 1)
    low, high = honest["closest_record"]["share_interval"]
    assert low < 0.5 < high or abs(honest["closest_record"]["share_nearer_to_training"] - 0.5) < 0.08
    assert honest["copies"]["all_columns"]["share_of_synthetic"] == 0
    copied = privacy_evidence(training, holdout, training.sample(500, random_state=1), ["region_code"], 1)
    assert copied["copies"]["all_columns"]["share_of_synthetic"] == 1
    assert copied["copies"]["all_columns"]["lone_found_in_synthetic"] == pytest.approx(500 / 700)
    assert copied["closest_record"]["share_nearer_to_training"] > 0.7
    assert copied["closest_record"]["zero_distance_share"] > 0.5
    jittered = training.assign(welfare_aggregate=training["welfare_aggregate"] + 0.01)
    near = privacy_evidence(training, holdout, jittered, [], 1)["closest_record"]
    assert near["share_interval"][0] > 0.6
    assert near["ratio_interval"][1] < 0.5


def test_trees_that_are_grown_down_to_single_households_are_caught_by_the_evidence():
    df = households(1500)
    columns = {
        k: COLUMNS[k]
        for k in ("region_code", "poverty_score", "group_size", "benefit_total_12m", "enrolled_cct")
    }
    found = {}
    for leaf in (1, 50):
        plan = recipe("cart", columns=columns, min_leaf=leaf, quasi_identifiers=(), question=None)
        found[leaf] = synthesise(df, plan, 2).evidence["privacy"]["closest_record"]
    assert found[1]["share_interval"][0] > 0.55
    assert found[50]["share_nearer_to_training"] < 0.56


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda df: df.drop(columns="head_sex"), "has no column head_sex"),
        (lambda df: df.assign(head_sex=None), "head_sex is empty"),
        (
            lambda df: df.assign(poverty_score="SECRETVALUE"),
            "poverty_score holds something other than numbers",
        ),
        (lambda df: df.assign(region_code=df["household_id"]), "region_code has more than 200 categories"),
        (lambda df: df.head(20), "needs 100 rows or more"),
    ],
)
def test_a_table_that_cannot_be_used_gets_a_sentence_without_a_value(spoil, sentence):
    with pytest.raises(SynthesisError, match=sentence) as caught:
        synthesise(spoil(households(300)), recipe("cart"), 1)
    assert "SECRETVALUE" not in str(caught.value)
    assert "REAL-" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"columns": {"a": FieldType.NUMBER}}, "two columns or more"),
        ({"unit_id": "region_code"}, "region_code is the row key"),
        ({"quasi_identifiers": ("village",)}, "village is not among the columns"),
        ({"holdout_share": 0.9}, "between 5 and 50 percent"),
        ({"tail": 0.2}, "between 0 and 5 percent"),
        ({"rows": -1}, "cannot be negative"),
        ({"min_leaf": 0}, "one household or more"),
    ],
)
def test_a_recipe_that_does_not_fit_together_gets_a_sentence(changes, sentence):
    with pytest.raises(RecipeProblem, match=sentence):
        recipe("cart", **changes)


def test_an_unknown_method_is_refused():
    with pytest.raises(RecipeProblem, match="must be one of gaussian_copula, cart"):
        synthesizer(recipe("guesswork"))


def test_cost_is_stated_before_a_row_is_read_and_grows_with_the_table():
    for method in ("gaussian_copula", "cart"):
        made = synthesizer(recipe(method))
        small, large = made.plan(COLUMNS, 1_000), made.plan(COLUMNS, 100_000)
        assert 0 < small.seconds < large.seconds
        assert small.megabytes < large.megabytes
        assert "measured" in large.basis


def test_sampling_before_fitting_is_refused():
    for method in (synthesizer(recipe("gaussian_copula")), Cart(COLUMNS)):
        with pytest.raises(SynthesisError, match="fitted before it is sampled"):
            method.sample(3, 1)


def test_importing_the_package_loads_neither_sdv_nor_scikit_learn_nor_opendp():
    code = "import sys, anonymization.synth, anonymization.utility; print([m for m in ('sdv', 'torch', 'sklearn', 'opendp') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_QUIET = """
import socket, sys
def refuse(*a, **k):
    raise AssertionError("network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import pandas as pd
from anonymization.schema import FieldType
from anonymization.synth import SynthesisPlan, synthesise
df = pd.DataFrame({"a": [float(i % 17) for i in range(150)], "b": ["x", "y", "z"] * 50})
synthesise(df, SynthesisPlan({"a": FieldType.NUMBER, "b": FieldType.STRING}), 1)
"""


def test_sdv_prints_nothing_calls_nobody_and_leaves_nothing_in_the_home_folder(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _QUIET],
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [p for p in home.rglob("*") if p.is_file()] == []


def test_an_order_of_two_dates_is_learnt_by_the_copula_and_not_mended_after_it():
    """Mending exchanges a quarter of the pairs and loses the distance between them; SDV's own constraint learns it."""
    from anonymization.synth.constraints import InOrder, kept
    from anonymization.synth.sdv import GaussianCopula

    rng, n = np.random.default_rng(5), 1100
    first = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    gap = np.minimum(rng.gamma(1.2, 40, n).round(), 400)
    df = pd.DataFrame({"from": first, "to": first + pd.to_timedelta(gap, unit="D"), "x": rng.normal(0, 1, n)})
    columns, rule = (
        {"from": FieldType.DATE, "to": FieldType.DATE, "x": FieldType.NUMBER},
        InOrder("from", "to"),
    )

    def drawn(rules):
        made = GaussianCopula(columns, rules)
        made.fit(df)
        rows, done = kept(made.sample, n, 1, [rule])
        days = np.sort((rows["to"] - rows["from"]).dt.days.to_numpy())
        return np.abs(days - np.sort(gap)).mean(), done["rows_mended"]

    learnt, mended = drawn([rule]), drawn([])
    assert learnt[1] == 0
    assert mended[1] > n / 10
    assert learnt[0] < mended[0] / 2
    broken = df.assign(to=df["to"].where(np.arange(n) > 3, df["from"] - pd.Timedelta(days=1)))
    made = GaussianCopula(columns, [rule])
    made.fit(broken)  # a table that breaks the rule itself is mended, as before
    assert len(made.sample(20, 1)) == 20
    few = GaussianCopula(columns, [rule])
    few.fit(df.head(300))
    assert rule.broken(few.sample(300, 1)).any(), "with few rows mending is nearer"
