"""Figures of standing tables: one cell a household, the same numbers as `evaluation`, ranges that hold."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anonymization.dp import DpQuery
from anonymization.dp.aggregate import Grain, exact
from anonymization.errors import AnonymizationError
from anonymization.standing import benefits as money_tables
from anonymization.standing.benefits import Amount, Money, benefits
from anonymization.standing.cells import Cells
from anonymization.standing.combining import FEW, WIDE, Noisy, Rules, laplace_reach, ratio, share, total
from anonymization.standing.indicators import ALL, frame
from anonymization.standing.layout import NOT_STATED, Axis, Layout, Poor, band
from anonymization.standing.participation import participation, question
from evaluation.adequacy import adequacy
from evaluation.overlap import overlap
from evaluation.targeting import targeting

OPEN = Rules(0.0, math.inf, math.inf)
BAND = band("score", "Score less the cut-off", (-50, -10, 0, 10, 50), minus="cutoff")
LAYOUT = Layout(
    "hh",
    Axis("region", "Region", {"R1": "North", "R2": "South"}),
    (Axis("place", "Place", {"1": "Urban", "2": "Rural"}), Axis("head", "Head", {"f": "Woman", "m": "Man"})),
    BAND,
    {"cash": "Cash", "pension": "Pension", "meals": "Meals"},
    Poor(BAND.name, frozenset(BAND.keys[:2]), "at or below the cut-off"),
)
PROGRAMMES = list(LAYOUT.programmes)
MONEY = Money(Amount("got", 9_000.0), Amount("lives_on", 90_000.0, ("size",), 12.0))
NO_PROGRAMMES = Layout("hh", LAYOUT.area, LAYOUT.groups, BAND)


def registry(n: int, seed: int, *, gaps: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = (rng.normal(42, 12, n)).round(1)
    poor = score <= 42.0
    got = np.where(rng.random(n) < 0.5, rng.gamma(2.0, 1_500.0, n), 0.0).round(2)
    df = pd.DataFrame(
        {
            "hh": [f"H{i}" for i in range(n)],
            "region": rng.choice(["R1", "R2"], n),
            "place": rng.choice([1, 2], n),
            "head": rng.choice(["f", "m"], n),
            "score": score,
            "cutoff": 42.0,
            "cash": rng.random(n) < np.where(poor, 0.7, 0.1),
            "pension": rng.random(n) < 0.2,
            "meals": rng.random(n) < 0.3,
            "got": got,
            "lives_on": rng.gamma(3.0, 300.0, n).round(2) + 1,
            "size": rng.integers(1, 7, n),
        }
    )
    for column in ("region", "place", "head", "score", "cash", "lives_on"):
        df[column] = df[column].astype(object).where(rng.random(n) >= gaps, None)
    return df


def counted(df: pd.DataFrame) -> Cells:
    """The cells without noise."""
    query = DpQuery.from_dict(question(LAYOUT, "t", 1.0))
    raw = exact(query, LAYOUT.prepared(df)).counts.astype(float)
    # The query's cells run over its columns in alphabetical order; the array's over the layout's.
    table = pd.DataFrame(list(query.cells), columns=list(query.dimensions)).astype(str)
    return Cells.read(LAYOUT, table.assign(value_raw=raw, noise_scale=0.0))


def totals(df: pd.DataFrame) -> tuple[Cells, Cells]:
    made = []
    for asked in money_tables.questions(NO_PROGRAMMES, MONEY, "t", 1.0):
        query = DpQuery.from_dict(asked)
        tick = Grain.of(query).tick
        raw = exact(query, MONEY.prepared(NO_PROGRAMMES, df)).sums * tick
        table = pd.DataFrame(list(query.cells), columns=list(query.dimensions)).astype(str)
        made.append(Cells.read(NO_PROGRAMMES, table.assign(value_raw=raw, noise_scale=0.0), tick=tick))
    return made[0], made[1]


def only(figures: pd.DataFrame, code: str, programme: str = ALL, **where: str) -> float:
    at = {"area": ALL, "group": ALL, "band": ALL, **where, "indicator": code, "programme": programme}
    found = figures.loc[np.logical_and.reduce([figures[c] == v for c, v in at.items()]), "value"]
    assert len(found) == 1
    return float(found.iloc[0])


# One household, one cell


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_every_household_is_in_exactly_one_cell_and_no_other_changes_when_it_leaves(gaps):
    df = registry(60, 3, gaps=gaps)
    whole = counted(df).raw
    assert whole.sum() == len(df)
    for i in range(len(df)):
        without = counted(df.drop(index=i)).raw
        assert np.abs(whole - without).sum() == 1, "the L1 sensitivity that the ledger charges for"


def test_a_household_adds_its_clamped_amounts_to_one_cell_of_each_total():
    df = registry(60, 4)
    df.loc[0, "got"], df.loc[0, "lives_on"], df.loc[0, "size"] = 1e9, 1e9, 6
    got, lived = totals(df)
    for i in range(len(df)):
        fewer = totals(df.drop(index=i))
        for whole, part, bound in ((got, fewer[0], 9_000.0), (lived, fewer[1], 90_000.0)):
            moved = np.abs(whole.raw - part.raw)
            assert np.count_nonzero(moved > 1e-6) <= 1
            assert moved.sum() <= bound + whole.tick


@given(st.integers(0, 10_000))
def test_whoever_lacks_something_stands_with_those_who_do(seed):
    df = registry(25, seed, gaps=0.4)
    made = LAYOUT.prepared(df)
    stated = df[["place", "head", "score"]].notna().all(axis=1)
    assert list(made[LAYOUT.profile] == NOT_STATED) == list(~stated)
    assert list(made["region"] == NOT_STATED) == list(df["region"].isna())
    assert list(made["cash"]) == [v is True for v in df["cash"]]


def test_a_band_holds_its_upper_edge_and_a_cut_off_holds_who_is_at_it():
    df = registry(6, 1).assign(score=[-90.0, 32.0, 42.0, 42.1, 52.0, 900.0], cutoff=42.0)
    assert list(BAND.places(df)) == [0, 0, 1, 2, 2, 3]
    near = df.assign(
        score=[42.1, 42.3, 0.3, 42.1, 42.1, 42.1], cutoff=[42.1, 42.3, 0.1 + 0.2, 42.0, 42.0, 42.0]
    )
    assert list(BAND.places(near))[:3] == [1, 1, 1], "at the cut-off, whatever a float's last bit says"


def test_other_edges_are_another_column_so_another_question():
    other = band("score", "Score", (-50, -10, 0, 12, 50), minus="cutoff")
    assert other.name != BAND.name
    with pytest.raises(AnonymizationError, match="each larger"):
        band("score", "Score", (0, 5, 5, 9))
    with pytest.raises(AnonymizationError, match="label of its own"):
        band("score", "Score", (0, 5, 9), labels=["low"])


# The same numbers as the library of metrics


@pytest.mark.parametrize("area", [ALL, "R1"])
@pytest.mark.parametrize("programme", [*PROGRAMMES, ALL])
def test_targeting_is_what_evaluation_says_of_the_rows(area, programme):
    df = registry(800, 5)
    figures = frame(participation(counted(df), OPEN))
    rows = df if area == ALL else df[df["region"] == area].reset_index(drop=True)
    rows = rows.assign(poor=rows["score"] <= 42.0, any=rows[PROGRAMMES].any(axis=1))
    for column in ("poor", "any", *PROGRAMMES):
        rows[column] = rows[column].astype(bool)
    expected = targeting(rows, poor="poor", beneficiary="any" if programme == ALL else programme)
    for code, measure in {
        "COVERAGE": expected.coverage, "POOR_COVERAGE": expected.coverage_of_poor,
        "EXCLUSION_ERROR": expected.exclusion_error, "INCLUSION_ERROR": expected.inclusion_error,
        "LEAKAGE": expected.leakage,
    }.items():  # fmt: skip
        assert only(figures, code, programme, area=area) == pytest.approx(measure.estimate, abs=1e-12), code


def test_whose_band_is_not_stated_is_neither_poor_nor_not_poor():
    df = registry(800, 11, gaps=0.25)
    figures = frame(participation(counted(df), OPEN))
    stated = df[df[["place", "head", "score"]].notna().all(axis=1)].reset_index(drop=True)
    stated = stated.assign(
        poor=stated["score"].astype(float) <= 42.0, cash=[v is True for v in stated["cash"]]
    )
    expected = targeting(stated, poor="poor", beneficiary="cash")
    assert only(figures, "INCLUSION_ERROR", "cash") == pytest.approx(expected.inclusion_error.estimate)
    assert only(figures, "LEAKAGE", "cash") == pytest.approx(expected.leakage.estimate)
    everybody = np.mean([v is True for v in df["cash"]])
    assert only(figures, "COVERAGE", "cash") == pytest.approx(everybody), "coverage is of all households"


@pytest.mark.parametrize("place", [ALL, "place=1", "head=m"])
def test_overlap_and_gap_are_what_evaluation_says(place):
    df = registry(700, 6)
    figures = frame(participation(counted(df), OPEN))
    column, _, key = place.partition("=")
    rows = df if place == ALL else df[df[column].astype(str) == key]
    rows = rows.assign(poor=(rows["score"] <= 42.0)).astype(dict.fromkeys(["poor", *PROGRAMMES], bool))
    expected = overlap(rows.reset_index(drop=True), programmes=PROGRAMMES, poor="poor")
    assert only(figures, "GAP", group=place) == pytest.approx(expected.gap.estimate, abs=1e-12)
    assert only(figures, "OVERLAP", group=place) == pytest.approx(expected.several.estimate, abs=1e-12)
    assert only(figures, "COVERAGE", group=place) == pytest.approx(expected.any_programme.estimate, abs=1e-12)
    for (a, b), pair in expected.pairs:
        assert only(figures, "OVERLAP", f"{a}+{b}", group=place) == pytest.approx(pair.estimate, abs=1e-12)


def test_incidence_is_each_bands_part_of_the_beneficiaries_and_comes_to_one():
    df = registry(900, 7)
    figures = frame(participation(counted(df), OPEN))
    here = df[(df["region"] == "R2") & df["cash"].astype(bool)]
    places = BAND.places(here)
    parts = [only(figures, "BENEFICIARY_INCIDENCE", "cash", area="R2", band=key) for key in BAND.keys]
    assert parts == pytest.approx([float((places == i).mean()) for i in range(len(BAND.keys))])
    assert sum(parts) == pytest.approx(1.0)


@pytest.mark.parametrize("area", [ALL, "R1", "R2"])
def test_adequacy_is_what_evaluation_says_of_clamped_amounts(area):
    df = registry(900, 8)
    figures = frame(benefits(*totals(df), OPEN))
    rows = (df if area == ALL else df[df["region"] == area]).reset_index(drop=True)
    rows = rows.assign(
        got=rows["got"].clip(upper=9_000),
        lived=(rows["lives_on"].astype(float) * rows["size"] * 12).clip(upper=90_000),
    )
    expected = adequacy(rows, benefit="got", welfare="lived").adequacy.estimate
    # Amounts are rounded to ticks (10 of 90,000) before they are added up.
    assert only(figures, "ADEQUACY", area=area) == pytest.approx(expected, rel=1e-3)
    by_band = rows.assign(band=BAND.places(rows)).groupby("band")["got"].sum() / rows["got"].sum()
    for i, key in enumerate(BAND.keys):
        assert only(figures, "BENEFIT_INCIDENCE", area=area, band=key) == pytest.approx(by_band[i], rel=1e-3)


def test_figures_agree_with_one_another():
    figures = frame(participation(counted(registry(500, 9, gaps=0.2)), OPEN))
    for programme in (*PROGRAMMES, ALL):
        left, reached = only(figures, "EXCLUSION_ERROR", programme), only(figures, "POOR_COVERAGE", programme)
        assert left + reached == pytest.approx(1.0)
        assert only(figures, "BENEFICIARIES", programme) / only(figures, "HOUSEHOLDS") == pytest.approx(
            only(figures, "COVERAGE", programme)
        )
    areas = figures[(figures.indicator == "HOUSEHOLDS") & (figures.group == ALL) & (figures.band == ALL)]
    assert areas.loc[areas.area != ALL, "value"].sum() < 500, (
        "some have no region, and are in no region's count"
    )


def test_a_table_with_cells_missing_or_twice_is_not_read():
    cells = counted(registry(50, 1))
    names = list(LAYOUT.keys)
    table = pd.DataFrame(
        [(*map(str, key), 1.0, 2.0) for key in np.ndindex(*[len(k) for k in LAYOUT.keys.values()])],
        columns=[*names, "value_raw", "noise_scale"],
    )
    for i, keys in enumerate(LAYOUT.keys.values()):
        table[names[i]] = [str(keys[int(v)]) for v in table[names[i]]]
    assert Cells.read(LAYOUT, table.sample(frac=1, random_state=1)).raw.shape == cells.raw.shape
    for broken in (
        table.iloc[1:],
        pd.concat([table.iloc[1:], table.iloc[[5]]]),
        table.assign(noise_scale=range(len(table))),
    ):
        with pytest.raises(AnonymizationError, match="released table"):
            Cells.read(LAYOUT, broken)


# Ranges that hold


def exact_tail(cells: int, scale: float, reach: float) -> float:
    """P(|sum of discrete Laplace noises| > reach), by convolution: the oracle."""
    p = math.exp(-1 / scale)
    most = int(scale * 40 + 40)
    one = np.asarray([(1 - p) / (1 + p) * p ** abs(k) for k in range(-most, most + 1)])
    whole = one
    for _ in range(cells - 1):
        whole = np.convolve(whole, one)
    middle = len(whole) // 2
    t = round(reach)
    return 1 - float(whole[max(middle - t, 0) : middle + t + 1].sum())


@pytest.mark.parametrize("cells", [1, 2, 7, 24])
@pytest.mark.parametrize("scale", [0.2, 0.7, 1.0, 2.4, 10.0])
@pytest.mark.parametrize("confidence", [0.95, 0.975])
def test_the_range_of_a_sum_holds_exactly_as_often_as_it_says_and_not_much_wider(cells, scale, confidence):
    reach = Noisy(0.0, cells, scale).reach(confidence)
    assert exact_tail(cells, scale, reach) <= 1 - confidence + 1e-9
    if reach >= 2 and scale >= 1:
        assert exact_tail(cells, scale, reach - 2) > 1 - confidence, "two ticks less would be too few"


def test_the_reach_of_many_cells_is_that_of_a_normal_sum():
    for cells in (400, 3_000):
        assert laplace_reach(cells) == pytest.approx(stats.norm.ppf(0.975) * math.sqrt(2 * cells), rel=0.01)
    assert laplace_reach(1) == pytest.approx(-math.log(0.05))


def noise(rng: np.random.Generator, scale: float, size: tuple[int, ...]) -> np.ndarray:
    """Discrete Laplace noise for a simulation with a known seed; never for a release."""
    p = 1 - math.exp(-1 / scale)
    return (rng.geometric(p, size) - rng.geometric(p, size)).astype(float)


def test_published_ranges_hold_the_true_figures():
    """4,000 draws, a fixed seed; at 95% the count of misses is binomial, and the limit is beyond one in a million."""
    rng, draws, scale = np.random.default_rng(20_261_125), 4_000, 2.4
    misses = {"share": 0, "ratio": 0, "total": 0}
    for _ in range(draws):
        a, b = noise(rng, scale, (30,)), noise(rng, scale, (50,))
        part, rest = Noisy(120 + a.sum(), 30, scale), Noisy(380 + b.sum(), 50, scale)
        whole, of, one = total(part, OPEN), share(part, rest, OPEN), ratio(part, rest, OPEN)
        misses["total"] += not whole.low <= 120 <= whole.high
        misses["share"] += not of.low <= 120 / 500 <= of.high
        misses["ratio"] += not one.low <= 120 / 380 <= one.high
    limit = stats.binom.ppf(1 - 1e-7, draws, 0.05)
    assert all(count <= limit for count in misses.values()), misses
    assert misses["total"] >= stats.binom.ppf(1e-7, draws, 0.05) * 0.9, (
        "a range that is far too wide says nothing"
    )


# Withholding


def test_what_is_withheld_is_decided_from_released_numbers_alone():
    rules = Rules(30, 0.4, 0.1)
    small = share(Noisy(5, 4, 1.0), Noisy(6, 4, 1.0), rules)
    assert (small.value, small.withheld, small.denominator) == (None, FEW, 11)
    wide = share(Noisy(20, 30, 1.0), Noisy(25, 30, 1.0), rules)
    assert (wide.value, wide.withheld) == (None, WIDE)
    doubtful = share(Noisy(40, 10, 1.0), Noisy(50, 10, 1.0), rules)
    assert doubtful.value is not None
    assert doubtful.doubtful
    fine = share(Noisy(4_000, 10, 1.0), Noisy(5_000, 10, 1.0), rules)
    assert not fine.doubtful
    assert total(Noisy(12, 10, 1.0), rules).doubtful
    assert not total(Noisy(1_200, 10, 1.0), rules).doubtful


@given(
    st.floats(-50, 5_000), st.floats(-50, 5_000), st.integers(1, 40), st.integers(1, 40), st.floats(0.1, 20)
)
def test_a_figure_lies_in_its_range_and_both_in_what_is_possible(a, b, cells, others, scale):
    made = share(Noisy(a, cells, scale), Noisy(b, others, scale), Rules(30, 0.5, 0.2))
    if made.value is None:
        assert made.withheld
        return
    assert 0 <= made.low <= made.value <= made.high <= 1
    assert made.high - made.low <= 0.5
