"""Published figures of the measures beyond class sizes: SUDA2, exact risk, uniques, attackers, closeness, linkage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import Unusable
from anonymization.recipe import Risk
from anonymization.risk import (
    Classes,
    RiskSettings,
    Tally,
    class_sizes,
    dis_suda,
    household_risk,
    individual_risk,
    log_linear_risk,
    pitman_uniques,
    population_uniques,
    prosecutor,
    risk_report,
)
from anonymization.risk.classes import key_codes, weights_of
from anonymization.risk.closeness import closeness
from anonymization.risk.linkage import interval_risk, linkage_risk
from anonymization.risk.suda import suda
from anonymization.risk.tally import tally

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the public test files are not beside the project")
KEYS = ["res", "sex", "edu", "lab"]


@pytest.fixture
def guide() -> Tally:
    """Table 4.5 of the IHSN SDC practice guide."""
    return tally(key_codes(_guide_table(), KEYS), np.ones(10))


def _guide_table() -> pd.DataFrame:
    rows = ["ufsie", "ufsie", "ufpin", "umSce", "rfScu", "umSce", "ufPcn", "umTsu", "ufsin", "ufsin"]
    return pd.DataFrame([[r[0], r[1], r[2:4], r[4]] for r in rows], columns=KEYS)


def test_suda_scores_of_the_guides_table_4_5(guide):
    found, number = guide
    result = suda(found, missing="category", largest=3)
    assert result.scores()[number].tolist() == [0, 0, 6, 0, 12, 0, 6, 10, 0, 0]
    assert result.smallest[number].tolist() == [0, 0, 1, 0, 1, 0, 1, 1, 0, 0]
    # {Secondary complete, unemployed}, {female, unemployed}, {female, secondary complete} and {rural}.
    assert result.found[number][4].tolist() == [1, 3, 0]
    assert result.scores("supersets")[number].tolist() == [0, 0, 1.75, 0, 3.25, 0, 1.75, 2.75, 0, 0]


@pytest.mark.parametrize(
    ("convention", "expected", "digits"),
    [
        ("supersets", [0.005120313, 0.010702061, 0.008775093], 1e-9),
        ("product", [0.0049868, 0.0113830, 0.0091667], 6e-8),
    ],
)
def test_dis_suda_of_the_guides_table_4_5(guide, convention, expected, digits):
    found, number = guide
    scores = suda(found, missing="category").scores(convention)
    chances = dis_suda(scores, found.count, found.sizes("category").fk, fraction=0.01)[number]
    np.testing.assert_allclose(chances[[2, 4, 7]], expected, atol=digits)
    assert chances[[0, 1, 3, 5, 8, 9]].tolist() == [0] * 6


@needs_data
def test_suda_of_testdata2_as_sdcmicro_scores_it():
    table = pd.read_csv(DATA / "sdcmicro_testdata2.csv")
    five = ["urbrur", "roof", "walls", "water", "sex"]
    seven = [*five[:4], "electcon", "relat", "sex"]
    report = risk_report(table, RiskSettings(tuple(five), 2, suda=5))["suda"]
    assert report["scores"] == {"1": 53, "2": 34, "4": 4, "6": 2}
    found, number = tally(key_codes(table, five), np.ones(len(table)))
    assert suda(found, missing="category").scores()[number][0] == 2
    found, number = tally(key_codes(table, seven), np.ones(len(table)))
    result = suda(found, missing="category")
    assert result.scores()[number][0] == 180
    assert result.scores("supersets")[number][0].round(2) == 2.73


def test_suda_says_what_it_cannot_search(guide):
    with pytest.raises(Unusable, match="1 to 4 keys at a time, not 5"):
        suda(guide[0], missing="category", largest=5)
    wide, _ = tally(np.zeros((2, 21), dtype=np.int64), np.ones(2))
    with pytest.raises(Unusable, match="more than 20"):
        suda(wide, missing="category", largest=1)
    with pytest.raises(Unusable, match="above 0"):
        dis_suda(np.ones(1), np.ones(1), np.ones(1, dtype=np.int64), fraction=0)


def test_exact_risk_of_the_eight_records_where_three_are_alike():
    risk = individual_risk(Classes(np.array([3, 1, 2]), np.array([108.0, 45.5, 100.0])), "exact")
    np.testing.assert_allclose(risk, [0.01355297, 0.08579129, 0.01877883], atol=1e-8)


def test_exact_risk_holds_at_any_class_size():
    f = np.array([19, 20, 21, 200, 100_000])
    risk = individual_risk(Classes(f, f * 50.0), "exact")
    assert np.isfinite(risk).all()
    assert (np.diff(risk) < 0).all()
    np.testing.assert_allclose(risk[-1], 1 / (f[-1] * 50), rtol=1e-4)


def test_uniques_that_stand_for_themselves_alone_are_population_uniques():
    codes = np.array([[0], [1], [2], [2]], dtype=np.int64)
    found, _ = tally(codes, np.array([1.0, 4.0, 1.0, 1.0]))
    assert population_uniques(found, found.sizes("wildcard")).in_file == 1.25


def test_pitmans_estimate_finds_the_uniques_of_a_population_drawn_from_the_model():
    """A population from the Chinese restaurant process with discount, and a 10 % sample of it."""
    rng = np.random.default_rng(20)
    theta, alpha, population = 500.0, 0.5, 60_000
    tables: list[int] = []
    seat = np.empty(population, dtype=np.int64)
    for person in range(population):
        if rng.random() < (theta + alpha * len(tables)) / (theta + person):
            seat[person] = len(tables)
            tables.append(1)
        else:
            # An earlier guest's table, with the discount put right by rejection.
            while True:
                table = seat[rng.integers(person)]
                if rng.random() < 1 - alpha / tables[table]:
                    break
            seat[person] = table
            tables[table] += 1
    truth = sum(size == 1 for size in tables)
    sample = np.bincount(seat[rng.choice(population, population // 10, replace=False)])
    assert pitman_uniques(sample[sample > 0], population) == pytest.approx(truth, rel=0.1)


def test_pitmans_estimate_of_a_census_is_what_is_there_and_of_nothing_is_none():
    assert pitman_uniques(np.array([1, 1, 2]), 4) == 2
    assert pitman_uniques(np.array([1, 1]), 100) is None
    assert pitman_uniques(np.array([4]), 100) is None


def test_log_linear_risk_finds_the_uniques_of_a_population_with_independent_keys():
    rng = np.random.default_rng(5)
    population = np.column_stack([rng.integers(0, size, 40_000) for size in (30, 25, 20)])
    taken = rng.choice(40_000, 20_000, replace=False)
    found, number = tally(population[taken].astype(np.int64), np.full(20_000, 2.0))
    counts = pd.DataFrame(population).value_counts()
    own = counts.reindex(pd.MultiIndex.from_arrays(population[taken].T)).to_numpy()
    alone = found.sizes("category").fk[number] == 1
    uniques, matches = log_linear_risk(found, found.sizes("category"))
    assert uniques == pytest.approx((alone & (own == 1)).sum(), rel=0.1)
    assert matches == pytest.approx((1 / own[alone]).sum(), rel=0.05)


def test_a_threshold_is_what_may_just_be_reached():
    found = prosecutor(
        Classes(np.array([1, 2, 4]), np.array([1.0, 2, 4])), np.array([1.0, 2, 4]), (0.25, 0.5, 1)
    )
    assert found.above == {0.25: 3 / 7, 0.5: 1 / 7, 1: 0}
    assert (found.highest, found.lowest, found.average) == (1, 0.25, 3 / 7)


def test_closeness_of_the_salaries_of_li_et_al():
    """Their example: of salaries 3k..11k, {3k,4k,5k} is 0.375 away and {6k,8k,11k} 0.167 (t-Closeness, section 4)."""
    salaries = [3, 4, 5, 6, 11, 8, 7, 9, 10]
    table = pd.DataFrame({"class": [1, 1, 1, 2, 2, 2, 3, 3, 3], "salary": salaries})
    far = closeness(table, ["class"], "salary", missing="category")
    assert far[0] == pytest.approx(0.375)
    assert far[3] == pytest.approx(0.167, abs=5e-4)


def test_closeness_does_not_trust_the_index():
    table = pd.DataFrame({"k": ["a", "a", "b", "b"], "v": ["x", "y", "x", "x"]}, index=[0, 2, 1, 3])
    assert closeness(table, ["k"], "v", missing="category").tolist() == [0.25] * 4


def test_a_hierarchy_without_a_value_is_a_sentence_without_the_value():
    table = pd.DataFrame({"k": [1, 1], "v": ["secret", "a"]})
    with pytest.raises(Unusable, match="1 values of v are not in the hierarchy") as caught:
        closeness(table, ["k"], "v", missing="category", distance=[["a", "*"]])
    assert "secret" not in str(caught.value)


def test_linkage_of_unchanged_and_of_shuffled_values():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"a": rng.normal(size=500), "b": rng.normal(size=500)})
    assert linkage_risk(table, table, ["a", "b"]).mean() == 1
    shuffled = pd.DataFrame({c: rng.permutation(table[c]) for c in table})
    assert linkage_risk(table, shuffled, ["a", "b"]).mean() < 0.05
    # A monotone change moves every value far and no rank at all.
    assert linkage_risk(table, table.apply(np.exp) * 1e3, ["a", "b"], scale="rank").mean() == 1
    assert interval_risk(table, table + 5, ["a", "b"], width=0.0, scale="rank").all()


def test_linkage_says_what_does_not_fit():
    table = pd.DataFrame({"a": [1.0, 2.0], "t": ["x", "y"]})
    with pytest.raises(Unusable, match="same rows in the same order"):
        linkage_risk(table, table[:1], ["a"])
    with pytest.raises(Unusable, match="t must hold numbers"):
        linkage_risk(table, table, ["t"])
    with pytest.raises(Unusable, match="absent: z"):
        linkage_risk(table, table, ["z"])
    with pytest.raises(Unusable, match="infinite"):
        linkage_risk(table, table.replace(2.0, np.inf), ["a"])
    with pytest.raises(Unusable, match="below zero"):
        interval_risk(table, table, ["a"], width=-1)


@pytest.mark.parametrize("bad", [[1, None], [1, -2], [1, np.inf], ["x", "y"], [True, False]])
def test_a_weight_that_is_no_weight_is_refused(bad):
    table = pd.DataFrame({"k": [1, 2], "w": bad})
    with pytest.raises(Unusable, match=r"w\b"):
        class_sizes(table, ["k"], missing="wildcard", weight="w")


def test_a_weight_of_zero_stands_for_nobody_and_hides_nobody():
    table = pd.DataFrame({"k": [1, 2, 2], "w": [0, 0, 1]})
    assert individual_risk(class_sizes(table, ["k"], missing="wildcard", weight="w")).tolist() == [
        1,
        0.5,
        0.5,
    ]


def test_a_row_without_a_household_is_refused():
    table = pd.DataFrame({"k": [1, 2], "h": [1, None]})
    with pytest.raises(Unusable, match="1 rows have no h"):
        risk_report(table, RiskSettings(("k",), 2, household="h"))
    with pytest.raises(Unusable, match="no column z"):
        risk_report(table, RiskSettings(("k",), 2, household="z"))


@pytest.mark.parametrize("rows", [0, 1])
def test_a_table_of_hardly_anybody_has_a_report(rows):
    table = pd.DataFrame({"k": ["a"], "w": [3.0], "h": [1], "s": [None]})[:rows]
    settings = RiskSettings(("k",), 2, "w", "h", sensitive=("s",), suda=1, closeness=True, thresholds=(0.5,))
    for per_household in (False, True):
        report = risk_report(table, RiskSettings(**{**_fields(settings), "per_household": per_household}))
        assert report["records"] == report["sample_uniques"] == rows
        assert report["diversity"]["s"]["lowest"] == 0


def _fields(settings: RiskSettings) -> dict:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def test_kinds_of_columns_that_are_keys_as_well():
    table = pd.DataFrame(
        {
            "day": pd.to_datetime(["2020-01-01", "2020-01-01", None], utc=True),
            "kind": pd.Categorical(["a", "a", None], categories=["b", "a"]),
            "yes": pd.array([True, True, None], dtype="boolean"),
            "none": [None, None, None],
            "big": [2**60, 2**60, 2**60 + 1],
        },
        index=[5, 5, 5],
    )
    assert class_sizes(table, list(table), missing="category").fk.tolist() == [2, 2, 1]
    assert class_sizes(table, list(table)[:4], missing="wildcard").fk.tolist() == [3, 3, 3]
    with pytest.raises(Unusable, match="holds lists"):
        class_sizes(pd.DataFrame({"k": [[1], [2]]}), ["k"], missing="category")
    with pytest.raises(Unusable, match="More than one column"):
        class_sizes(pd.DataFrame([[1, 2]], columns=["k", "k"]), ["k"], missing="category")


def test_weights_are_ones_where_none_is_named():
    assert weights_of(pd.DataFrame({"k": [1, 2]}), "").tolist() == [1, 1]


def test_household_risk_without_a_certainty_is_below_one_and_with_one_is_one():
    assert household_risk(np.array([0.5, 1.0, 0.25]), np.array([0, 0, -1])) == pytest.approx([1, 1, 0.25])


def test_a_household_with_its_mean_weight_counts_once():
    table = pd.DataFrame({"h": [1, 1, 2], "k": ["a", "b", "a"], "w": [10.0, 30.0, 5.0]})
    report = risk_report(table, RiskSettings(("k",), 2, "w", "h", per_household=True))
    assert (report["records"], report["represented"]) == (2, 25.0)


def test_a_recipe_can_ask_for_all_that_the_report_can_measure():
    assert set(Risk.model_fields) == set(RiskSettings.__dataclass_fields__)
    asked = Risk(keys=("k",), k=2)
    assert asked.settings() == RiskSettings(("k",), 2)
