"""Regressions, prediction and the discriminator on synthetic tables: what they see, and what they say when they cannot."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymization.utility import (
    ModelQuestion,
    compare_models,
    compare_predictions,
    distinguish,
    propensity,
)
from anonymization.utility.trees import area_under_curve
from evaluation import combine, interval_overlap, regress

PMT = ModelQuestion("proxy means test", "welfare", ("score", "size", "region"), log=True)
ENROLLED = ModelQuestion("enrolment on score", "enrolled", ("score", "size"), "logistic")
COLUMNS = ["region", "size", "score", "enrolled", "welfare"]


def households(seed, n=3000):
    rng = np.random.default_rng(seed)
    score, size = rng.normal(50, 15, n), rng.integers(1, 10, n)
    region = rng.choice(["A", "B", "C"], n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {
            "region": region,
            "size": size,
            "score": score,
            "enrolled": rng.random(n) < 1 / (1 + np.exp((score - 45) / 4)),
            "welfare": np.exp(4 + score / 40 - 0.05 * size + 0.2 * (region == "B") + rng.normal(0, 0.2, n)),
        },
        index=np.zeros(n, dtype=int),
    )


def shuffled(df, seed=9):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({c: df[c].to_numpy()[rng.permutation(len(df))] for c in df})


def test_a_table_agrees_with_itself():
    df = households(1)
    for found in compare_models(df, [df], [PMT, ENROLLED]).values():
        assert (found["why"], found["overlap"], found["kept"], found["reversed"]) == ("", 1.0, 1.0, 0)


def test_figures_are_those_of_the_regressions_and_the_rules():
    real, made = households(1), [households(s, 2000) for s in (2, 3, 4)]
    found = compare_models(real, made, [PMT])["proxy means test"]
    # The most frequent level is the one that others are compared with.
    assert list(found["coefficients"]) == ["score", "size", "region: B", "region: C"]
    kind = {"outcome": "welfare", "on": ["score", "size", "region"], "log": True}
    levels = {"region": ["A", "B", "C"]}
    first = regress(real.reset_index(), **kind, levels=levels).coefficients
    after = [regress(df.reset_index(), **kind, levels=levels).coefficients for df in made]
    for term, told in found["coefficients"].items():
        ends = [(e.ci_low, e.ci_high) for e in (first[term], after[0][term])]
        assert told["overlap"] == pytest.approx(interval_overlap(*ends))
        one = combine(
            [a[term].estimate for a in after],
            [a[term].se ** 2 for a in after],
            kind="fitted_once",
            size_ratio=2000 / 3000,
        )
        assert told["combined"]["se"] == pytest.approx(one.se)
    every = found["coefficients"].values()
    telling = [c["overlap"] for c in every if abs(c["original"] / c["original_se"]) > 1.96]
    assert found["overlap"] == pytest.approx(np.mean(telling))
    assert len(telling) < len(every)
    assert found["overlap_of_all"] == pytest.approx(np.mean([c["overlap"] for c in every]))
    fresh = compare_models(real, made, [PMT], fresh=True)["proxy means test"]
    assert fresh["rule"] == "fully synthetic tables"
    fully = combine([a["size"].estimate for a in after], [a["size"].se ** 2 for a in after], kind="fully")
    assert fresh["coefficients"]["size"]["combined"]["se"] == pytest.approx(fully.se)


def test_relations_that_are_gone_or_turned_round_are_seen():
    df = households(1)
    gone = compare_models(df, [shuffled(df)], [PMT, ENROLLED])
    assert all(m["overlap"] < 0.3 for m in gone.values())
    turned = df.assign(welfare=1e4 / df["welfare"])
    found = compare_models(df, [turned], [PMT])["proxy means test"]
    assert found["reversed"] == 3  # score, size and region B; region C differs from A by chance alone
    assert found["overlap"] < 0.3


def test_a_level_that_nobody_has_any_more_counts_as_lost():
    df = households(1)
    found = compare_models(df, [df.assign(region="A")], [PMT])["proxy means test"]
    assert found["coefficients"]["region: B"]["overlap"] == 0.0
    assert found["coefficients"]["region: B"]["synthetic"] is None
    assert found["coefficients"]["score"]["overlap"] > 0.5


def test_rows_with_a_missing_or_unusable_value_are_left_out_and_told():
    df = households(1)
    holes = df.assign(region=df["region"].where(np.arange(len(df)) % 10 != 0, None))
    found = compare_models(holes, [df.assign(welfare=df["welfare"].where(df["size"] > 1, 0.0))], [PMT])
    left = found["proxy means test"]["left_out"]
    assert left["original"] == pytest.approx(0.1)
    assert left["synthetic"] == pytest.approx((df["size"] == 1).mean())


def test_what_cannot_be_fitted_is_said_without_a_value():
    df = households(1)
    words = df.assign(score="secret-value")
    for original, made, side, overlap in (
        (df, words, "synthetic", 0.0),
        (df, df.drop(columns="score"), "synthetic", 0.0),
        (df.assign(enrolled=df["score"] < 45), df, "original", None),
        (df.drop(columns="score"), df, "original", None),
        (df.iloc[:0], df, "original", None),
    ):
        found = compare_models(original, [made], [ENROLLED])["enrolment on score"]
        assert found["why"].startswith(f"{side}: ")
        assert "secret-value" not in found["why"]
        assert found["overlap"] == overlap


def test_what_is_learnt_from_a_good_table_holds_and_from_a_forgetful_one_does_not():
    real, unseen, other = households(1), households(2), households(3)
    good = compare_predictions(real, unseen, other, [PMT, ENROLLED])
    assert all(abs(m["loss"]) < 0.03 for m in good.values())
    assert good["enrolment on score"]["real"] > 0.9
    bad = compare_predictions(real, unseen, shuffled(real), [PMT, ENROLLED])
    assert all(m["loss"] > 0.2 for m in bad.values())
    lost = compare_predictions(real, unseen, real.drop(columns="size"), [ENROLLED])["enrolment on score"]
    assert lost["loss"] == pytest.approx(lost["real"] - 0.5)
    assert "is not in the table" in lost["why"]


def test_prediction_says_why_the_real_side_gives_none():
    df = households(1)
    for real in (df.drop(columns="size"), df.head(20), df.assign(enrolled=True)):
        found = compare_predictions(real, df, df, [ENROLLED])["enrolment on score"]
        assert found["loss"] is None
        assert found["why"].startswith("real: ")


def test_trees_see_relations_that_a_model_of_main_effects_does_not():
    df, other = households(1), households(2)
    same = distinguish(df, other, COLUMNS, 1)
    assert 0.45 < same["area"] < 0.55
    assert 0.8 < same["ratio"] < 1.2
    gone = distinguish(df, shuffled(other), COLUMNS, 1)
    assert gone["area"] > 0.85
    assert gone["ratio"] > 3
    assert float(propensity(df, shuffled(other), COLUMNS)["ratio"]) < 2
    assert distinguish(df.head(50), other, COLUMNS, 1)["why"]
    assert distinguish(df, other, COLUMNS, 1) == same


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=30).filter(
        lambda rows: len({yes for yes, _ in rows}) == 2
    )
)
def test_the_area_is_that_of_counting_pairs(rows):
    yes = [s for y, s in rows if y]
    no = [s for y, s in rows if not y]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in yes for b in no]
    found = area_under_curve(np.array([float(y) for y, _ in rows]), np.array([float(s) for _, s in rows]))
    assert math.isclose(found, sum(pairs) / len(pairs), abs_tol=1e-12)
