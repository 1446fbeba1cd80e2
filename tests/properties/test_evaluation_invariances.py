"""What must not change, and identities that must hold, whatever the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import concentration, gini, incidence, overlap, targeting

WEIGHT = st.floats(0.1, 50, allow_nan=False)
ROW = st.tuples(
    st.integers(0, 40),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    WEIGHT,
    st.integers(0, 3),
    st.integers(0, 2),
)


@st.composite
def surveys(draw) -> pd.DataFrame:
    rows = draw(st.lists(ROW, min_size=6, max_size=40))
    df = pd.DataFrame(rows, columns=["x", "poor", "d", "e", "w", "psu", "h"])
    df.loc[0, ["poor", "d"]] = [True, True]
    df.loc[1, ["poor", "d"]] = [False, True]
    df.loc[2, ["poor", "d"]] = [False, False]
    df["x"] = df["x"] + 1.0
    return df.assign(t=df["d"] * (1 + df["x"] % 3))


DESIGN = {"weight": "w", "cluster": "psu", "stratum": "h"}


def numbers(df: pd.DataFrame) -> pd.DataFrame:
    table = targeting(df, poor="poor", beneficiary="d", **DESIGN).table()
    return table.set_index("indicator")[["estimate", "se", "ci_low", "ci_high", "n_households"]]


@settings(max_examples=40, deadline=None)
@given(surveys(), st.floats(0.01, 1000))
def test_multiplying_all_weights_changes_nothing(df, factor):
    scaled = df.assign(w=df["w"] * factor)

    pd.testing.assert_frame_equal(numbers(df), numbers(scaled), rtol=1e-6, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(surveys(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(df, random):
    order = list(range(len(df)))
    random.shuffle(order)
    mixed = df.iloc[order]

    pd.testing.assert_frame_equal(numbers(df), numbers(mixed), rtol=1e-6, atol=1e-7)
    for measure in (
        lambda d: concentration(d, welfare="x", benefit="t", **DESIGN),
        lambda d: gini(d, welfare="x", **DESIGN),
    ):
        assert measure(df).estimate == pytest.approx(measure(mixed).estimate, abs=1e-9)
        assert measure(df).se == pytest.approx(measure(mixed).se, abs=1e-7, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(surveys())
def test_the_errors_of_targeting_fit_together(df):
    t = targeting(df, poor="poor", beneficiary="d", **DESIGN)
    head = float(np.average(df["poor"], weights=df["w"]))
    value = {name: row["estimate"] for name, row in numbers(df).iterrows()}

    assert value["exclusion_error"] == pytest.approx(1 - value["coverage_of_poor"], abs=1e-9)
    assert value["targeting_differential"] == pytest.approx(
        value["coverage_of_poor"] - value["inclusion_error"], abs=1e-9
    ), "TD is coverage of the poor minus coverage of the non-poor"
    assert value["leakage"] * value["coverage"] == pytest.approx(
        value["inclusion_error"] * (1 - head), abs=1e-9
    )
    assert value["error_rate"] == pytest.approx(
        value["exclusion_error"] * head + value["inclusion_error"] * (1 - head), abs=1e-9
    )
    assert value["cgh_index"] * head == pytest.approx(1 - value["leakage"], abs=1e-9)
    assert t.exclusion_error.se == pytest.approx(t.coverage_of_poor.se, abs=1e-12, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(surveys())
def test_splitting_a_row_in_two_of_half_the_weight_changes_nothing(df):
    halves = pd.concat([df.assign(w=df["w"] / 2, hh=df.index)] * 2, ignore_index=True)
    whole = df.assign(hh=df.index)
    plan = {"poor": "poor", "beneficiary": "d", "household": "hh", **DESIGN}

    one, two = targeting(whole, **plan).table(), targeting(halves, **plan).table()

    pd.testing.assert_frame_equal(one, two, rtol=1e-6, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(surveys(), st.floats(0.01, 1000))
def test_currency_changes_no_share(df, rate):
    richer = df.assign(x=df["x"] * rate, t=df["t"] * rate)

    assert gini(df, welfare="x", weight="w").estimate == pytest.approx(
        gini(richer, welfare="x", weight="w").estimate, abs=1e-9
    )
    assert concentration(df, welfare="x", benefit="t").estimate == pytest.approx(
        concentration(richer, welfare="x", benefit="t").estimate, abs=1e-9
    )


@settings(max_examples=40, deadline=None)
@given(surveys())
def test_shares_are_shares_and_add_up(df):
    result = incidence(df, welfare="x", benefit="t", **DESIGN)

    assert sum(e.estimate for e in result.benefit) == pytest.approx(1.0)
    assert sum(e.estimate for e in result.beneficiary) == pytest.approx(1.0)
    assert 0 <= gini(df, welfare="x", weight="w").estimate < 1
    assert -1 < concentration(df, welfare="x", benefit="t", weight="w").estimate < 1
    for e in (*result.benefit, *result.coverage):
        if not np.isnan(e.ci_low):
            assert -1e-12 <= e.ci_low <= e.estimate + 1e-9
            assert e.estimate - 1e-9 <= e.ci_high <= 1 + 1e-12


@settings(max_examples=40, deadline=None)
@given(surveys())
def test_overlap_is_the_same_seen_from_either_programme(df):
    pairs = dict(overlap(df.assign(e=df["e"] | df["d"]), programmes=["d", "e"], **DESIGN).pairs)
    reach = {
        name: float(np.average(df["e"] | df["d"] if name == "e" else df["d"], weights=df["w"]))
        for name in "de"
    }

    assert pairs["d", "e"].estimate * reach["d"] == pytest.approx(pairs["e", "d"].estimate * reach["e"])
