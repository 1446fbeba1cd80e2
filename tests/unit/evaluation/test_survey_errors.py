"""Linearised errors against the delete-one-PSU jackknife, and against small designs done by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from evaluation import Design, adequacy, cgh, concentration, fgt, gini, overlap, poverty_impact, targeting


def a_survey(seed: int = 7, strata: int = 4, psus: int = 10, size: int = 14) -> pd.DataFrame:
    """A stratified cluster sample with real clustering, unequal weights, tied welfare and a pro-poor transfer."""
    rng = np.random.default_rng(seed)
    rows = []
    for h in range(strata):
        for c in range(psus):
            village = rng.normal(0, 0.4)
            for _ in range(size):
                x = float(np.round(np.exp(3 + 0.1 * h + village + rng.normal(0, 0.6)), 0)) + 1
                d = float(rng.random() < 1 / (1 + np.exp((x - 18) / 8)))
                rows.append(
                    (
                        h,
                        f"{h}-{c}",
                        x,
                        d,
                        d * float(rng.integers(1, 5)),
                        float(rng.random() < 0.3),
                        1 + h + rng.random(),
                    )
                )
    df = pd.DataFrame(rows, columns=["stratum", "psu", "x", "d", "t", "school", "w"])
    return df.assign(poor=(df["x"] < 18).astype(float), xt=df["x"] + df["t"])


def jackknife(df: pd.DataFrame, statistic) -> float:
    """Delete-one-PSU jackknife error for a stratified design (JKn)."""
    full, total = statistic(df), 0.0
    for _, part in df.groupby("stratum"):
        names = part["psu"].unique()
        n = len(names)
        for name in names:
            scale = np.where(df["stratum"] == part["stratum"].iloc[0], n / (n - 1), 1.0)
            replicate = df.assign(w=df["w"] * scale)[df["psu"] != name]
            total += (n - 1) / n * (statistic(replicate) - full) ** 2
    return math.sqrt(total)


DESIGN = {"weight": "w", "cluster": "psu", "stratum": "stratum"}

STATISTICS = {
    "exclusion error": lambda d: targeting(d, poor="poor", beneficiary="d", **DESIGN).exclusion_error,
    "inclusion error": lambda d: targeting(d, poor="poor", beneficiary="d", **DESIGN).inclusion_error,
    "leakage": lambda d: targeting(d, poor="poor", beneficiary="d", **DESIGN).leakage,
    "error rate": lambda d: targeting(d, poor="poor", beneficiary="d", **DESIGN).error_rate,
    "targeting differential": lambda d: (
        targeting(d, poor="poor", beneficiary="d", **DESIGN).targeting_differential
    ),
    "CGH of the poor": lambda d: targeting(d, poor="poor", beneficiary="d", benefit="t", **DESIGN).cgh_index,
    "concentration": lambda d: concentration(d, welfare="x", benefit="t", **DESIGN),
    "gini": lambda d: gini(d, welfare="x", **DESIGN),
    "poverty gap": lambda d: fgt(d, welfare="x", line=18, alpha=1, **DESIGN),
    "severity": lambda d: fgt(d, welfare="x", line=18, alpha=2, **DESIGN),
    "adequacy": lambda d: adequacy(d, benefit="t", welfare="xt", **DESIGN).adequacy,
    "generosity": lambda d: adequacy(d, benefit="t", welfare="xt", group="poor", **DESIGN).generosity,
    "gini reduction": lambda d: (
        poverty_impact(d, welfare="xt", benefit="t", line=18, **DESIGN).gini_reduction
    ),
    "benefit-cost": lambda d: (
        poverty_impact(d, welfare="xt", benefit="t", line=18, **DESIGN).benefit_cost_ratio
    ),
    "overlap": lambda d: overlap(d, programmes=["d", "school"], poor="poor", **DESIGN).several,
}


@pytest.mark.parametrize("name", STATISTICS)
def test_the_linearised_error_agrees_with_the_jackknife(name):
    survey = a_survey()
    statistic = STATISTICS[name]

    assert statistic(survey).se == pytest.approx(jackknife(survey, lambda d: statistic(d).estimate), rel=0.05)


def test_clustering_is_not_ignored():
    survey = a_survey()

    with_villages = fgt(survey, welfare="x", line=18, weight="w", cluster="psu").se
    without = fgt(survey, welfare="x", line=18, weight="w").se

    assert with_villages > 1.3 * without


def test_two_strata_of_two_psus_by_hand():
    df = pd.DataFrame({"h": [0, 0, 1, 1], "c": [0, 1, 0, 1], "y": [1.0, 3, 2, 8]})
    design = Design.of(df, cluster="c", stratum="h")

    mean = design.ratio(df["y"].to_numpy(), np.ones(4), denominator="population")

    assert mean.estimate == pytest.approx(3.5)
    assert mean.se == pytest.approx(math.sqrt(2 * (1 + 1) + 2 * (9 + 9)) / 4)


def test_equal_cluster_names_in_different_strata_are_different_clusters():
    df = pd.DataFrame({"h": [0, 0, 1, 1], "c": ["a", "b", "a", "b"]})

    assert len(Design.of(df, cluster="c", stratum="h").psu_stratum) == 4


def test_a_stratum_with_one_psu_is_centred_at_the_mean_of_all():
    df = pd.DataFrame({"h": [0, 0, 1], "c": [0, 1, 0], "y": [1.0, 3, 8]})
    design = Design.of(df, cluster="c", stratum="h")

    mean = design.ratio(df["y"].to_numpy(), np.ones(3), denominator="population")

    assert mean.se == pytest.approx(math.sqrt(2 * (1 + 1) + (8 - 4) ** 2) / 3)


def test_one_cluster_has_no_error_to_show():
    df = pd.DataFrame({"c": [0, 0, 0], "poor": [1, 1, 0], "d": [1, 0, 0]})

    t = targeting(df, poor="poor", beneficiary="d", cluster="c")

    assert math.isnan(t.coverage.se)
    assert math.isnan(t.coverage.ci_low)
    assert t.coverage.estimate == pytest.approx(1 / 3)


def test_a_part_inside_one_cluster_has_no_error_to_show():
    df = pd.DataFrame({"c": [0, 0, 1, 1], "poor": [1, 1, 0, 0], "d": [1, 0, 0, 0]})

    t = targeting(df, poor="poor", beneficiary="d", cluster="c")

    assert math.isnan(t.coverage_of_poor.se)
    assert t.coverage.se > 0


def test_a_share_of_nothing_still_has_an_interval():
    df = pd.DataFrame({"poor": [1] * 30, "d": [0] * 30})

    covered = targeting(df, poor="poor", beneficiary="d").coverage_of_poor

    assert (covered.estimate, covered.ci_low) == (0.0, 0.0)
    assert covered.ci_high == pytest.approx(1 - 0.025 ** (1 / 30))


def test_ninety_five_of_a_hundred_intervals_hold_the_truth():
    truth, hits, rng = 0.1, 0, np.random.default_rng(11)
    for _ in range(400):
        df = pd.DataFrame({"d": (rng.random(80) < truth).astype(float), "poor": 1.0})
        e = targeting(df, poor="poor", beneficiary="d").coverage_of_poor
        hits += e.ci_low <= truth <= e.ci_high

    assert 0.92 <= hits / 400 <= 0.99


def test_the_poorest_forty_have_an_index_with_an_error():
    index = cgh(a_survey(), welfare="x", benefit="t", **DESIGN)

    assert index.estimate > 1
    assert 0 < index.se < 0.5
