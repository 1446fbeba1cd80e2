"""Risk: published figures (IHSN SDC practice guide, Franconi's example, sdcMicro) and the suppression that follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import Unusable
from anonymization.risk import (
    Classes,
    RiskSettings,
    class_sizes,
    distinct_diversity,
    household_risk,
    individual_risk,
    profiles,
    risk_report,
)
from anonymization.risk.classes import sizes_of_codes

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
TESTDATA = DATA / "sdcmicro_testdata.csv"
SEVEN = ["urbrur", "roof", "walls", "water", "electcon", "relat", "sex"]


@pytest.fixture
def ihsn() -> pd.DataFrame:
    """Table 4.1 and 4.3 of the guide: residence, gender, education, labour, health, weight."""
    rows = [
        "u f si e yes 180", "u f si e yes 180", "u f pi n yes 215", "u m sc e yes 76", "r f sc u yes 186",
        "u m sc e no 76", "u f pc n no 180", "u m ps u yes 215", "u f si n no 186", "u f si n yes 76",
    ]  # fmt: skip
    table = pd.DataFrame([r.split() for r in rows], columns=["res", "sex", "edu", "lab", "health", "w"])
    return table.astype({"w": float})


KEYS = ["res", "sex", "edu", "lab"]


def test_frequencies_of_the_guides_table_4_1(ihsn):
    classes = class_sizes(ihsn, KEYS, missing="wildcard", weight="w")
    assert classes.fk.tolist() == [2, 2, 1, 2, 1, 2, 1, 1, 2, 2]
    assert classes.Fk.tolist() == [360, 360, 215, 152, 186, 152, 180, 215, 262, 262]


def test_individual_and_global_risk_of_the_guide(ihsn):
    risk = individual_risk(class_sizes(ihsn, KEYS, missing="wildcard", weight="w"))
    a, b, c, d, e, f = 0.005424520, 0.025096439, 0.012563425, 0.028247279, 0.029010932, 0.007403834
    np.testing.assert_allclose(risk, [a, a, b, c, d, c, e, b, f, f], atol=2e-8)
    report = risk_report(ihsn, RiskSettings(tuple(KEYS), 2, weight="w"))
    assert report["global_risk"] == pytest.approx(0.01582, abs=5e-6)
    assert report["expected_reidentifications"] == pytest.approx(0.1582, abs=5e-5)
    assert (report["violations"]["2"], report["violations"]["3"]) == (4, 10)


def test_a_missing_value_stands_for_any_in_table_4_2():
    table = pd.DataFrame({"s": ["m"] * 3, "e": ["complete", "incomplete", None], "l": ["e"] * 3})
    assert class_sizes(table, ["s", "e", "l"], missing="wildcard").fk.tolist() == [2, 2, 3]
    assert class_sizes(table, ["s", "e", "l"], missing="category").fk.tolist() == [1, 1, 1]


def test_distinct_diversity_of_table_4_3(ihsn):
    values = distinct_diversity(ihsn, KEYS, "health", missing="wildcard")
    assert values.tolist() == [1, 1, 1, 2, 1, 2, 1, 1, 2, 2]
    assert values.mean() == pytest.approx(1.4)


def test_diversity_counts_what_a_wildcard_could_be():
    table = pd.DataFrame({"k": ["a", "b", None], "v": ["x", "y", "z"]})
    assert distinct_diversity(table, ["k"], "v", missing="wildcard").tolist() == [2, 2, 3]
    assert distinct_diversity(table, ["k"], "v", missing="category").tolist() == [1, 1, 1]


def test_a_household_of_three():
    assert household_risk(np.array([0.02, 0.03, 0.03]), np.zeros(3)) == pytest.approx(0.078, abs=5e-4)


def _eight() -> pd.DataFrame:
    """The eight records of sdcMicro's own frequency tests."""
    return pd.DataFrame(
        {
            "A": [2.0, 3, 2, 2, 3, 3, 1, 2],
            "B": [3.0, 3, 3, 3, 3, 3, 4, 3],
            "C": [1.0, 3, 1, 2, 1, 1, 1, 1],
            "w": [18, 45.5, 39, 17, 92, 8, 123.5, 51],
        }
    )


@pytest.mark.parametrize(
    ("holes", "fk", "weights"),
    [
        ([], [3, 1, 3, 1, 2, 2, 1, 3], [108, 45.5, 108, 17, 100, 100, 123.5, 108]),
        ([(2, "C"), (6, "C")], [3, 1, 4, 2, 2, 2, 1, 3], [108, 45.5, 125, 56, 100, 100, 123.5, 108]),
        (
            [(2, "A"), (2, "B"), (2, "C"), *((i, "C") for i in range(8))],
            [4, 4, 8, 4, 4, 4, 2, 4],
            [125, 184.5, 394, 125, 184.5, 184.5, 162.5, 125],
        ),
    ],
)
def test_frequencies_with_missing_values(holes, fk, weights):
    table = _eight()
    for row, column in holes:
        table.loc[row, column] = np.nan
    if len(holes) > 2:
        table["C"] = 1.0
        table.loc[2, ["A", "B", "C"]] = np.nan
        table["C"] = np.nan
    classes = class_sizes(table, ["A", "B", "C"], missing="wildcard", weight="w")
    assert classes.fk.tolist() == fk
    np.testing.assert_allclose(classes.Fk, weights)


def test_individual_risk_of_the_eight():
    risk = individual_risk(class_sizes(_eight(), ["A", "B", "C"], missing="wildcard", weight="w"))
    a, b = 0.01369863, 0.01877883
    np.testing.assert_allclose(risk, [a, 0.08579129, a, 0.17707583, b, b, 0.03931625, a], atol=1e-8)


def test_francdat():
    table = pd.DataFrame(
        {
            "k1": [1, 1, 1, 3, 4, 4, 6, 1],
            "k2": [2, 2, 2, 3, 3, 3, 2, 2],
            "k3": [5, 1, 1, 1, 1, 1, 1, 5],
            "k4": [1, 1, 1, 5, 4, 1, 5, 1],
            "w": [18, 45.5, 39, 17, 541, 8, 5, 92],
        }
    )
    classes = class_sizes(table, ["k1", "k2", "k3", "k4"], missing="wildcard", weight="w")
    assert classes.fk.tolist() == [2, 2, 2, 1, 1, 1, 1, 2]
    assert classes.Fk.tolist() == [110, 84.5, 84.5, 17, 541, 8, 5, 110]
    a, b = 0.0171442616, 0.0220423262
    expected = [a, b, b, 0.177075834, 0.0116544802, 0.2970630774, 0.4023594781, a]
    np.testing.assert_allclose(individual_risk(classes), expected, atol=1e-9)


def test_without_weights_the_extract_is_the_population():
    np.testing.assert_allclose(
        individual_risk(Classes(np.array([1, 2, 5]), np.array([1.0, 2, 5]))), [1, 0.5, 0.2]
    )


def test_index_labels_are_never_positions():
    table = pd.DataFrame({"k": ["a", "a", "b", "b"], "v": ["x", "y", "x", "x"]}, index=[0, 2, 1, 3])
    assert distinct_diversity(table, ["k"], "v", missing="wildcard").tolist() == [2, 2, 1, 1]
    table.index = pd.Index([7, 7, 7, 7])
    assert class_sizes(table, ["k"], missing="wildcard").fk.tolist() == [2, 2, 2, 2]


def test_an_unknown_key_is_a_sentence():
    with pytest.raises(Unusable, match="nowhere"):
        class_sizes(_eight(), ["A", "nowhere"], missing="wildcard")


def test_wildcard_counts_agree_with_comparing_every_pair():
    rng = np.random.default_rng(4)
    codes = rng.integers(-1, 3, size=(60, 4)).astype(np.int64)
    weights = rng.uniform(1, 9, 60)
    alike = np.array(
        [[all(x == y or x < 0 or y < 0 for x, y in zip(a, b, strict=True)) for b in codes] for a in codes]
    )
    classes = sizes_of_codes(codes, weights, missing="wildcard")
    np.testing.assert_array_equal(classes.fk, alike.sum(axis=1))
    np.testing.assert_allclose(classes.Fk, alike @ weights)


def test_many_keys_with_many_values_do_not_overflow():
    n, m = 500, 12
    codes = np.tile(np.arange(n), (m, 1)).T.astype(np.int64) * 10_000
    assert sizes_of_codes(codes, np.ones(n), missing="category").fk.tolist() == [1] * n


def test_a_units_profile_is_the_set_of_what_its_rows_show():
    table = pd.DataFrame(
        {"hh": [1, 1, 2, 2, 3], "band": ["a", "b", "b", "a", "a"], "sex": [1, None, 1, 1, 1]}
    )
    shown = profiles(table, ["band", "sex"], "hh")
    assert shown["band"][0] == shown["band"][1] != shown["band"][2]
    assert shown["sex"].tolist() == [shown["sex"][0]] * 3


# The figures below need the public household survey; without it the tables above still pin the formulas down.
_HAVE = [TESTDATA] if TESTDATA.exists() else []


@pytest.mark.parametrize("path", _HAVE)
def test_violations_and_risk_of_testdata(path):
    report = risk_report(
        pd.read_csv(path), RiskSettings(tuple(SEVEN), 5, weight="sampling_weight", household="ori_hid")
    )
    assert report["violations"] == {"2": 157, "3": 281, "5": 458, "10": 741}
    assert report["expected_reidentifications"] == pytest.approx(10.778298919, abs=1e-8)
    assert report["household_expected_reidentifications"] == pytest.approx(51.812927436, abs=1e-8)
