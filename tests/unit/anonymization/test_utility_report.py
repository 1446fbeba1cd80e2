"""What protection cost, told without anybody's values."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from anonymization.utility import (
    TargetingQuestion,
    compare_targeting,
    correlation_change,
    one_way,
    two_way,
    utility_report,
)
from anonymization.utility.correlations import cramers_v
from anonymization.utility.marginals import total_variation
from evaluation import targeting

QUESTION = TargetingQuestion(("enrolled_cct", "enrolled_pension"), welfare="welfare_aggregate", line=120)


def households(n=1500, seed=3):
    rng = np.random.default_rng(seed)
    score = np.clip(rng.normal(50, 15, n), 0, 100).round(1)
    return pd.DataFrame(
        {
            "region_code": rng.choice([f"R0{i}" for i in range(1, 7)], n),
            "poverty_score": score,
            "welfare_aggregate": np.exp(rng.normal(0, 0.3, n) + score / 60 + 4.0).round(2),
            "enrolled_cct": rng.random(n) < np.where(score < 45, 0.8, 0.1),
            "enrolled_pension": rng.random(n) < 0.2,
            "group_size": rng.integers(1, 10, n),
            "assessed_on": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n), unit="D"),
            "head_sex": rng.choice(["1", "2"], n),
        }
    )


def test_a_table_compared_with_itself_has_lost_nothing():
    df = households()
    report = utility_report(df, df.sample(frac=1, random_state=1), question=QUESTION)
    assert report["marginals"]["mean_distance"] == 0
    assert report["marginals"]["pairs"]["mean"] == 0
    assert report["missing"]["added"] == 0
    for kind in ("rank", "association"):
        assert report["correlations"][kind]["mean"] == pytest.approx(0, abs=1e-12)
    for programme in report["targeting"].values():
        assert programme["why"] == ""
        assert all(m["change"] == pytest.approx(0) for m in programme["metrics"].values())


def test_distances_are_what_arithmetic_says():
    assert total_variation(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2) == pytest.approx(0.25)
    one = pd.DataFrame({"x": ["a"] * 6 + ["b"] * 4})
    other = pd.DataFrame({"x": ["a"] * 3 + ["c"] * 5 + [None] * 2})
    assert one_way(one, other, ["x"])["x"]["distance"] == pytest.approx(0.7)
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 3000), rng.integers(0, 4, 3000)
    assert cramers_v(a, a) == pytest.approx(1, abs=1e-3)
    assert cramers_v(a, b) < 0.05
    assert cramers_v(a, np.zeros(3000, dtype=np.int64)) == 0


def test_suppressed_cells_count_as_missing_added_and_as_distance():
    df = households()
    protected = df.copy()
    protected.loc[protected.index[:300], "region_code"] = None
    report = utility_report(df, protected)
    region = report["marginals"]["columns"]["region_code"]
    assert region["missing_added"] == pytest.approx(0.2)
    assert region["distance"] == pytest.approx(0.2)
    assert report["missing"]["added"] == pytest.approx(0.2 / len(df.columns))


def test_columns_that_cannot_be_compared_say_why_and_spoil_nothing():
    df = households()
    protected = df.drop(columns="head_sex").assign(
        poverty_score=pd.cut(df["poverty_score"], [-1, 40, 60, 101]).astype(str),
        region_code=df["region_code"].map(lambda r: f"Zone {r[-1]}"),
        group_size=np.nan,
    )
    report = utility_report(df, protected, question=QUESTION)
    assert report["columns"]["not_comparable"] == {
        "poverty_score": "Numbers became categories.",
        "region_code": "No category of the original is left: the codes were replaced.",
        "group_size": "Every value is missing after protection.",
    }
    assert report["columns"]["gone"] == ["head_sex"]
    assert report["marginals"]["mean_distance"] == 0


def test_a_shuffled_column_keeps_its_marginal_and_loses_its_relations_and_the_targeting():
    df = households()
    protected = df.assign(enrolled_cct=df["enrolled_cct"].sample(frac=1, random_state=5).to_numpy())
    report = utility_report(df, protected, question=QUESTION)
    assert report["marginals"]["columns"]["enrolled_cct"]["distance"] == 0
    assert report["marginals"]["pairs"]["worst"][0]["distance"] > 0.1
    assert "enrolled_cct" in report["correlations"]["association"]["worst"][0]["columns"]
    assert report["correlations"]["rank"]["worst"][0]["change"] > 0.3
    differential = report["targeting"]["enrolled_cct"]["metrics"]["targeting_differential"]
    assert differential["original"] > 0.2
    assert abs(differential["protected"]) < 0.1


def test_targeting_is_what_the_evaluator_s_own_function_gives_with_its_denominator():
    df = households()
    df["poor"] = df["welfare_aggregate"] < 120
    found = compare_targeting(df, df, QUESTION)["enrolled_cct"]["metrics"]
    direct = targeting(df, poor="poor", beneficiary="enrolled_cct")
    for name in ("coverage_of_poor", "exclusion_error", "inclusion_error", "leakage"):
        assert found[name]["original"] == pytest.approx(getattr(direct, name).estimate)
        assert found[name]["original_se"] == pytest.approx(getattr(direct, name).se)
        assert found[name]["denominator"] == getattr(direct, name).denominator
    by_flag = compare_targeting(df, df, TargetingQuestion(("enrolled_cct",), poor="poor"))["enrolled_cct"][
        "metrics"
    ]
    assert by_flag == found


def test_targeting_that_cannot_be_computed_says_why():
    df = households()
    lost = {
        "no longer holds numbers": df.assign(welfare_aggregate="low"),
        "not in the table": df.drop(columns="welfare_aggregate"),
        "No row has all the values": df.assign(welfare_aggregate=np.nan),
    }
    for sentence, protected in lost.items():
        found = compare_targeting(df, protected, QUESTION)["enrolled_cct"]
        assert sentence in found["why"]
        assert found["metrics"] == {}
    half = df.assign(welfare_aggregate=df["welfare_aggregate"].where(np.arange(len(df)) % 2 == 0))
    assert compare_targeting(df, half, QUESTION)["enrolled_cct"]["left_out"] == {
        "original": 0.0,
        "protected": 0.5,
    }


def test_a_frequent_zero_is_a_level_of_its_own():
    amounts = np.r_[np.zeros(700), np.linspace(1, 300, 300)]
    moved = np.r_[np.full(700, 0.5), np.linspace(1, 300, 300)]
    assert one_way(pd.DataFrame({"x": amounts}), pd.DataFrame({"x": moved}), ["x"])["x"]["distance"] >= 0.7


def test_empty_and_tiny_tables_report_without_failing():
    df = households(40)
    for protected in (df.iloc[:0], df.iloc[:1], df.iloc[:2]):
        json.dumps(utility_report(df, protected, question=QUESTION), allow_nan=False)
    assert two_way(df, df, ["region_code"])["mean"] is None
    assert correlation_change(df, df, [])["rank"]["pairs"] == 0


def test_the_report_is_plain_json_and_holds_no_value_of_the_data():
    df = households().assign(note="CANARY-4711", region_code="CANARY-REGION", group_size=987654321)
    text = json.dumps(utility_report(df, df, question=QUESTION), allow_nan=False)
    assert "CANARY" not in text
    assert "987654321" not in text
