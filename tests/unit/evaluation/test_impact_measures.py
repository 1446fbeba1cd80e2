"""The jump at a cut-off: known ones, none, and the real one of PANES."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from causaldata import gov_transfers

from evaluation import EvaluationError, balance, discontinuity


def a_cutoff(seed: int, jump: float = 2.0, n: int = 3000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.uniform(-50, 50, n)
    y = 10 + 0.05 * score + 0.001 * score**2 + jump * (score < 0) + rng.normal(0, 1, n)
    return pd.DataFrame({"score": score + 100, "y": y, "village": rng.integers(0, 60, n)})


def test_a_straight_line_with_a_step_is_recovered_exactly():
    x = np.arange(-50, 50) + 0.5
    df = pd.DataFrame({"score": x, "y": 3 + 0.1 * x + 2 * (x < 0)})

    assert discontinuity(df, outcome="y", running="score").effect.estimate == pytest.approx(2.0)
    above = discontinuity(df, outcome="y", running="score", eligible="above")
    assert above.effect.estimate == pytest.approx(-2.0)


def test_a_known_jump_lies_in_its_interval():
    hits = 0
    for seed in range(40):
        e = discontinuity(a_cutoff(seed, n=1500), outcome="y", running="score", cutoff=100).effect
        hits += e.ci_low <= 2.0 <= e.ci_high

    assert hits >= 34


def test_no_jump_is_found_where_there_is_none():
    df = a_cutoff(3, jump=0.0)

    e = discontinuity(df, outcome="y", running="score", cutoff=100).effect

    assert e.ci_low < 0 < e.ci_high


def test_a_noised_score_with_eligibility_recomputed_shrinks_the_jump():
    rng = np.random.default_rng(5)
    df = a_cutoff(5, n=6000)
    noised = df.assign(score=df["score"] + rng.normal(0, 10, len(df)))

    exact = discontinuity(df, outcome="y", running="score", cutoff=100, bandwidth=20).effect.estimate
    spoilt = discontinuity(noised, outcome="y", running="score", cutoff=100, bandwidth=20).effect.estimate

    assert spoilt < 0.75 * exact


def test_the_bandwidth_scales_with_the_score_and_ignores_the_outcomes_units():
    df = a_cutoff(1)
    tenfold = df.assign(score=(df["score"] - 100) * 10, y=df["y"] * 1000)

    h = discontinuity(df, outcome="y", running="score", cutoff=100)
    h10 = discontinuity(tenfold, outcome="y", running="score")

    assert h10.bandwidth == pytest.approx(10 * h.bandwidth, rel=1e-6)
    assert h10.effect.estimate == pytest.approx(1000 * h.effect.estimate, rel=1e-6)
    assert 5 < h.bandwidth < 50


def test_panes_raised_support_for_the_government_among_the_eligible():
    panes = gov_transfers.load_pandas().data

    result = discontinuity(panes, outcome="Support", running="Income_Centered")

    assert 0.05 < result.effect.estimate < 0.15
    assert result.effect.ci_low > 0
    assert result.n_below > 1000
    assert list(result.table()["indicator"]) == ["effect at the cut-off"]


def test_panes_participation_is_a_sharp_rule():
    panes = gov_transfers.load_pandas().data

    assert discontinuity(
        panes, outcome="Participation", running="Income_Centered"
    ).effect.estimate == pytest.approx(1)


def test_few_clusters_are_said():
    df = a_cutoff(2)

    assert discontinuity(df, outcome="y", running="score", cutoff=100, cluster="village").note == ""
    few = discontinuity(
        df.assign(village=df["village"] % 12), outcome="y", running="score", cutoff=100, cluster="village"
    )
    assert "clusters" in few.note


@pytest.mark.parametrize("settings", [{"cutoff": 151.0}, {"cutoff": 100.0, "bandwidth": 0.01}])
def test_a_side_without_data_is_refused(settings):
    with pytest.raises(EvaluationError, match="one side"):
        discontinuity(a_cutoff(1), outcome="y", running="score", **settings)


def test_balance_by_hand():
    df = pd.DataFrame({"d": [1, 1, 0, 0], "age": [30.0, 50, 20, 40], "same": [1.0, 2, 1, 2]})

    table = balance(df, treated="d", covariates=["age", "same"]).set_index("covariate")

    assert table.loc["age", "difference"] == pytest.approx(10)
    assert table.loc["age", "standardised_difference"] == pytest.approx(1.0)
    assert table.loc["same", "difference"] == pytest.approx(0)
    assert table.loc["age", "n_treated"] == 2


def test_balance_needs_somebody_to_compare_with():
    with pytest.raises(EvaluationError, match="nobody to compare"):
        balance(pd.DataFrame({"d": [1, 1], "age": [1.0, 2]}), treated="d", covariates=["age"])
