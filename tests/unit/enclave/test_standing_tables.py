"""Standing tables end to end: drawn once, inside a year's budget, published as files that agree with one another."""

from __future__ import annotations

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import standingkit
from click.testing import CliRunner
from houses import a_house
from standingkit import DAYS, IBR, extract_of, furnish, households

from anonymization import dp
from anonymization.standing.files import DESCRIBED
from anonymization.standing.indicators import ALL
from anonymization.standing.sdmx import COLUMNS
from enclave.budget.model import Charge
from enclave.cli import tables as commands
from enclave.extracts.foretelling import plan
from enclave.extracts.lists import read_list, standing_list
from enclave.extracts.making import loss_of
from enclave.kernel.errors import EnclaveError, Invalid, NotAllowed, OverBudget
from enclave.kernel.tiers import Tier

LIST = """
year: {epsilon: 1.0, extracts: 2}
layout:
  area: region_code
  groups: {head_sex: Head of household}
  poor: {group: head_sex, keys: [female], title: households headed by a woman}
  programmes: {enrolled_cct: Grant, enrolled_pension: Pension}
tables:
  - {name: reach, title: Reach, kind: participation, share: 0.6}
  - {name: size, title: Size, kind: plain, share: 0.4, query: {measure: count, group_by: [urban_rural]}}
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A house in which the tables of one extract were drawn; for tests that only read."""
    root = tmp_path_factory.mktemp("drawn")
    house = a_house(root)
    tables = furnish(house, root)
    made = tables.aggregate(house.actor("stefan"), extract_of(house, DAYS[0]).id)
    return house, {r.summary["table"]: r for r in made}


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path)


def file(house, release, name: str) -> bytes:
    return house.releases.download(None, release.id, name)[1]


def table(house, release, name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(file(house, release, name)), keep_default_na=False, na_values=[""])


def spent(house) -> float:
    return house.budgets.balance(IBR).spent_epsilon


def of(figures: pd.DataFrame, code: str, programme: str = ALL, **where: str) -> pd.Series:
    at = {"area": ALL, "group": ALL, "band": ALL, **where, "indicator": code, "programme": programme}
    return figures[np.logical_and.reduce([figures[c] == v for c, v in at.items()])].iloc[0]


# Drawn once


def test_a_second_draw_is_free_and_gives_the_same(house, tmp_path):
    tables, stefan = furnish(house, tmp_path), house.actor("stefan")
    extract = extract_of(house, DAYS[0])
    first = tables.aggregate(stefan, extract.id)
    cost = spent(house)
    assert cost == pytest.approx(1.4)
    assert [r.id for r in tables.aggregate(stefan, extract.id)] == [r.id for r in first]
    assert spent(house) == cost
    assert {r.tier for r in first} == {Tier.OPEN}
    assert house.budgets.audit(house.actor("olga"), loss_of) == []


def test_a_draw_that_dies_after_its_charge_is_finished_without_paying_again(house, tmp_path, monkeypatch):
    tables, stefan = furnish(house, tmp_path), house.actor("stefan")
    extract, answer = extract_of(house, DAYS[0]), dp.answer

    def dies(query, rows):
        if query.measure is dp.Measure.SUM:
            raise KeyboardInterrupt
        return answer(query, rows)

    monkeypatch.setattr(dp, "answer", dies)
    with pytest.raises(KeyboardInterrupt):
        tables.aggregate(stefan, extract.id)
    assert [r.summary["table"] for r in house.releases.published(IBR)] == ["participation"]
    monkeypatch.setattr(dp, "answer", answer)
    assert len(tables.aggregate(stefan, extract.id)) == 2
    assert spent(house) == pytest.approx(1.4)


def test_figures_come_from_the_ledgers_answers_and_from_nothing_else(drawn):
    """Every file can be made again from the released cells, by somebody without the data."""
    house, made = drawn
    listed = standing_list(standingkit.dictionary())
    for wanted in listed.tables:
        release = made[wanted.name]
        names = [r.key.rsplit("/", 1)[-1] for r in release.files if r.key.endswith(".cells.csv")]
        cells = [
            pd.read_csv(io.BytesIO(file(house, release, n)), dtype=dict.fromkeys(wanted.layout.keys, str))
            for n in names
        ]
        again = wanted.figures(cells, furnish_rules(house))
        published = table(house, release, f"{wanted.name}.csv")
        assert len(again) == len(published)
        assert list(again["indicator"]) == list(published["indicator"])
        close = np.isclose(again["value"], published["value"], rtol=1e-5, atol=1e-6, equal_nan=True)
        assert close.all()


def furnish_rules(house):
    from enclave.extracts.aggregating import Aggregating

    return Aggregating(house.kit, None, house.releases, house.budgets).rules()


def test_figures_lie_near_the_registry_and_inside_their_ranges(drawn):
    """Laplace noise of these scales reaches ten times its 95% range less often than once in ten to the ten."""
    house, made = drawn
    rows, figures = households(DAYS[0]), table(house, made["participation"], "participation.csv")
    count = of(figures, "HOUSEHOLDS")
    assert abs(count.value_raw - len(rows)) < 5 * (count.ci_high - count.ci_low)
    for region in ("R01", "R04"):
        here = rows[rows["region_code"] == region]
        reached = of(figures, "BENEFICIARIES", "enrolled_cct", area=region)
        assert abs(reached.value_raw - here["enrolled_cct"].sum()) < 5 * (reached.ci_high - reached.ci_low)


# A year's budget


def test_a_year_holds_for_the_extracts_of_that_year_and_the_next_begins_anew(house, tmp_path):
    tables, stefan = furnish(house, tmp_path), house.actor("stefan")
    late = extract_of(house, date(2025, 11, 30))
    for day in DAYS[:2]:
        tables.aggregate(stefan, extract_of(house, day).id)
    assert spent(house) == pytest.approx(2.8)
    with pytest.raises(OverBudget) as refused:
        tables.aggregate(stefan, late.id)
    words = refused.value.sentence
    assert "0 is left, and the rest of this draw needs 1.4" in words
    assert "A new budget begins with the first extract of 2026" in words
    assert "Nothing was charged" in words
    assert spent(house) == pytest.approx(2.8)
    assert len(tables.aggregate(stefan, extract_of(house, DAYS[2]).id)) == 2
    assert spent(house) == pytest.approx(4.2)


def test_a_draw_is_paid_as_a_whole_or_not_begun(house, tmp_path):
    """0.6 of the year is gone, 0.4 is left: the first table alone would fit, and is not drawn."""
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / f"{IBR}.yaml").write_text(LIST.replace("epsilon: 1.0, extracts: 2", "epsilon: 0.6, extracts: 1"))
    tables, stefan = furnish(house, tmp_path, lists=lists), house.actor("stefan")
    tables.aggregate(stefan, extract_of(house, DAYS[0]).id)
    (lists / f"{IBR}.yaml").write_text(LIST)
    with pytest.raises(OverBudget, match=r"0\.4 is left, and the rest of this draw needs 0\.5"):
        tables.aggregate(stefan, extract_of(house, DAYS[1]).id)
    assert spent(house) == pytest.approx(0.6)
    assert len(house.releases.published(IBR)) == 2


def test_a_draw_under_way_when_the_year_runs_out_is_finished(house, tmp_path, monkeypatch):
    """The unpaid rest counts, not the whole draw: what was paid is never asked for twice."""
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / f"{IBR}.yaml").write_text(LIST.replace("extracts: 2", "extracts: 1"))
    tables, stefan = furnish(house, tmp_path, lists=lists), house.actor("stefan")
    extract, answer = extract_of(house, DAYS[0]), dp.answer
    monkeypatch.setattr(
        dp, "answer", lambda query, rows: 1 / 0 if len(query.cells) == 2 else answer(query, rows)
    )
    with pytest.raises(Invalid, match="Size"):
        tables.aggregate(stefan, extract.id)
    monkeypatch.setattr(dp, "answer", answer)
    assert len(tables.aggregate(stefan, extract.id)) == 2
    assert spent(house) == pytest.approx(1.0)


def test_draws_at_once_never_spend_more_than_the_year(house, tmp_path):
    tables, stefan = furnish(house, tmp_path), house.actor("stefan")
    extracts = [extract_of(house, DAYS[0]) for _ in range(6)]

    def draw(extract) -> int:
        try:
            return len(tables.aggregate(stefan, extract.id))
        except EnclaveError as error:
            assert "Nothing was charged" in error.sentence
            return 0

    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(draw, extracts))
    with house.kit.read() as uow:
        charges = uow.find(Charge)
    assert sum(c.epsilon for c in charges) <= 2.8 + 1e-9
    assert sum(made) <= 4
    assert all(c.answer is not None for c in charges)


def test_other_edges_or_prices_are_other_questions_and_the_year_still_counts_the_old_ones(house, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / f"{IBR}.yaml").write_text(LIST)
    tables, stefan = furnish(house, tmp_path, lists=lists), house.actor("stefan")
    extract = extract_of(house, DAYS[0])
    tables.aggregate(stefan, extract.id)
    (lists / f"{IBR}.yaml").write_text(LIST.replace("share: 0.6", "share: 0.5"))
    tables.aggregate(stefan, extract.id)
    assert spent(house) == pytest.approx(0.3 + 0.2 + 0.25), "the table that did not change was not paid again"
    (lists / f"{IBR}.yaml").write_text(LIST.replace("share: 0.6", "share: 0.59"))
    with pytest.raises(OverBudget, match=r"0\.25 is left, and the rest of this draw needs 0\.295"):
        tables.aggregate(stefan, extract.id)


# Files


@pytest.mark.parametrize("name", ["participation", "benefits"])
def test_the_three_formats_say_the_same(drawn, name):
    house, made = drawn
    release = made[name]
    plain = table(house, release, f"{name}.csv")
    typed = pd.read_parquet(io.BytesIO(file(house, release, f"{name}.parquet")))
    exchanged = table(house, release, f"{name}.sdmx.csv")
    codes = table(house, release, f"{name}.codes.csv")
    assert list(plain) == list(typed) == list(DESCRIBED)
    assert len(plain) == len(typed) == len(exchanged) == release.rows
    times = np.where(plain["unit"] == "share", 100.0, 1.0)
    for column, of_sdmx in (("value", "OBS_VALUE"), ("ci_low", "LOWER_BOUND"), ("ci_high", "UPPER_BOUND")):
        assert np.allclose(plain[column], typed[column], equal_nan=True, rtol=0, atol=1e-9)
        assert np.allclose(plain[column] * times, exchanged[of_sdmx], equal_nan=True, rtol=0, atol=1e-5)
    assert set(typed["as_of"]) == {DAYS[0]}
    spelled = {(r.dimension, r.code): r for r in codes.itertuples()}
    dimensions = {"area": "REF_AREA", "group": "POPULATION_GROUP", "band": "WELFARE_BAND",
                  "programme": "PROGRAMME", "indicator": "INDICATOR"}  # fmt: skip
    for column, dimension in dimensions.items():
        for key, code, words in zip(
            plain[column], exchanged[dimension], plain[f"{column}_name"], strict=True
        ):
            assert (spelled[column, key].sdmx_code, spelled[column, key].name) == (code, words)


@pytest.mark.parametrize("name", ["participation", "benefits"])
def test_sdmx_columns_hold_what_their_code_lists_allow(drawn, name):
    house, made = drawn
    rows = list(csv.DictReader(io.StringIO(file(house, made[name], f"{name}.sdmx.csv").decode())))
    assert tuple(rows[0]) == COLUMNS
    keys = ("REF_AREA", "POPULATION_GROUP", "WELFARE_BAND", "PROGRAMME", "INDICATOR", "TIME_PERIOD")
    assert len({tuple(row[k] for k in keys) for row in rows}) == len(rows), "one observation a key"
    for row in rows:
        assert (row["STRUCTURE"], row["ACTION"], row["CONF_STATUS"]) == ("dataflow", "I", "F")
        assert re.fullmatch(r"[A-Z]+:[A-Z0-9_]+\(\d+\.\d+\)", row["STRUCTURE_ID"])
        assert all(re.fullmatch(r"[A-Za-z0-9_@$-]+", row[k]) for k in keys[:-1])
        assert row["TIME_PERIOD"] == DAYS[0].isoformat()
        assert row["UNIT_MEASURE"] in {"HH", "PT", "XDC"}
        assert row["OBS_STATUS"] in {"A", "U", "Q"}
        missing = row["OBS_VALUE"] == ""
        assert missing == (row["OBS_STATUS"] == "Q") == bool(row["COMMENT_OBS"])
        if not missing:
            low, value, high = (float(row[c]) for c in ("LOWER_BOUND", "OBS_VALUE", "UPPER_BOUND"))
            assert low <= value <= high
    assert {"U", "Q"} < {row["OBS_STATUS"] for row in rows} or name == "benefits"
    assert {"_T"} <= {row["REF_AREA"] for row in rows}


def test_the_files_explain_themselves(drawn):
    house, made = drawn
    for name, release in made.items():
        page = file(house, release, "README.md").decode()
        described = json.loads(file(house, release, f"{name}.csv-metadata.json"))
        assert [c["name"] for c in described["tableSchema"]["columns"]] == list(DESCRIBED)
        assert all(c["dc:description"].endswith(".") for c in described["tableSchema"]["columns"])
        assert ("epsilon 0.7" if name == "participation" else "epsilon 0.35 + 0.35") in page
        for ref in release.files[:-1]:
            assert ref.key.rsplit("/", 1)[-1] in page or ref.key.endswith("README.md")
    assert "at or below the region's cut-off" in file(house, made["participation"], "README.md").decode()
    assert release.files[0].key.endswith(".csv")


def test_what_is_withheld_or_marked_is_what_the_policy_says_of_the_released_numbers(drawn):
    house, made = drawn
    figures = table(house, made["participation"], "participation.csv")
    shares = figures[(figures.unit == "share") & figures.value.notna()]
    for row in shares.sample(min(200, len(shares)), random_state=1).itertuples():
        decision = house.kit.decide(
            "standing-tables",
            {
                "households_behind": row.denominator,
                # What is published is rounded outwards in its sixth digit.
                "range_width": row.ci_high - row.ci_low - 2e-6,
                "range_reach": max(row.ci_high - row.value, row.value - row.ci_low) - 2e-6,
            },
        )
        assert decision.outcome.value in ({"review", "allow"} if row.low_reliability else {"allow"})
    assert figures.loc[figures.value.isna(), "withheld"].str.len().min() > 10


# Lists


def test_the_lists_that_come_with_the_product_can_be_used_and_stay_inside_their_year():
    listed = standing_list(standingkit.dictionary())
    each = sum(dp.cost(query).epsilon for t in listed.tables for query in t.queries)
    assert each * listed.extracts <= listed.epsilon + 1e-9
    (counts,) = listed.tables[0].queries
    assert len(counts.cells) == 7 * 21 * 8
    assert counts.contributions == 1, "one household is in one cell, and that is what is paid for"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("share: 0.6", "share: 0.7"), "come to more than 1"),
        (("region_code", "case_note"), "no column case_note that may be asked about"),
        (("head_sex: Head", "head_surname: Head"), "no column head_surname"),
        (("enrolled_cct: Grant", "region_code: Grant"), "not true or false"),
        (("keys: [female]", "keys: [women]"), "Say who is poor"),
        (("name: size", "name: reach"), "two tables have one name"),
        (("group_by: [urban_rural]", "group_by: [group_size]"), "lists no keys"),
        (("kind: plain", "kind: odd"), "tables.2.kind"),
        (("epsilon: 1.0", "epsilon: -1"), "year.epsilon"),
        (("year:", "years:"), "year"),
        (("LIST", ""), ""),
    ],
)
def test_a_list_that_cannot_be_used_says_why(change, words):
    text = LIST.replace(*change)
    if not words:
        assert len(read_list(text, standingkit.dictionary()).tables) == 2
        return
    with pytest.raises(Invalid, match=re.escape(words)) as refused:
        read_list(text, standingkit.dictionary())
    assert f"standing tables of {IBR}" in refused.value.sentence


def test_a_line_that_is_no_edge_is_refused():
    packaged = (standingkit.files("enclave.extracts") / "standing" / f"{IBR}.yaml").read_text()
    with pytest.raises(Invalid, match="must be an edge of the bands"):
        read_list(packaged.replace("at_most: 0", "at_most: 5"), standingkit.dictionary())
    with pytest.raises(Invalid, match="each larger"):
        read_list(packaged.replace("[-100, -10, 0", "[-100, 0, -10"), standingkit.dictionary())


def test_what_was_foretold_before_spending_is_how_far_the_published_ranges_reach(drawn):
    house, made = drawn
    listed = standing_list(standingkit.dictionary())
    told = {t["name"]: {(e["figure"], e["where"]): e for e in t["errors"]} for t in plan(listed)["tables"]}
    counts = table(house, made["participation"], "participation.csv")
    money = table(house, made["benefits"], "benefits.csv")
    band = listed.tables[0].layout.band.keys[2]
    for where, at in {
        "all households": {},
        "one area": {"area": "R02"},
        "one area, one group (place)": {"area": "R02", "group": "urban_rural=2"},
        "one area, one band": {"area": "R02", "band": band},
        "all households, one group (head of household)": {"group": "head_sex=female"},
    }.items():
        for figures, name, code, figure in (
            (counts, "participation", "HOUSEHOLDS", "number of households"),
            (money, "benefits", "BENEFITS", "benefits received"),
        ):
            found, foretold = of(figures, code, **at), told[name][figure, where]
            assert found.noise_cells == foretold["cells"]
            assert found.ci_high - found.value_raw == pytest.approx(foretold["reach"], rel=0.01, abs=1)
    share, needs = (
        of(counts, "COVERAGE", "enrolled_cct"),
        told["participation"]["coverage of one programme", "all households"],
    )
    reach = max(share.ci_high - share.value, share.value - share.ci_low)
    assert reach <= needs["needs"] / share.denominator * 0.05 * 1.05, "a share is no worse than was foretold"
    assert plan(listed)["epsilon_of_a_draw"] == pytest.approx(1.4)


def test_the_list_of_what_was_drawn_says_what_each_year_has_spent(house, tmp_path):
    tables, stefan = furnish(house, tmp_path), house.actor("stefan")
    for day in (DAYS[0], DAYS[2]):
        tables.aggregate(stefan, extract_of(house, day).id)
    waiting = extract_of(house, DAYS[3])
    drawn, spent_in = tables.drawn(stefan, IBR)
    assert [len(row.releases) for row in drawn] == [2, 2, 0]
    assert drawn[-1].extract.id == waiting.id
    assert spent_in == {2025: pytest.approx(1.4), 2026: pytest.approx(1.4)}
    with pytest.raises(NotAllowed):
        tables.drawn(house.actor("rosa"), IBR)


def test_the_list_in_the_how_to_can_be_used():
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "standing-tables.md").read_text()
    listed = read_list(page.split("```yaml")[1].split("```")[0], standingkit.dictionary())
    assert [t.kind.value for t in listed.tables] == ["participation", "benefits"]


# The command line


def test_the_commands_plan_draw_and_list_for_people_and_for_programs(house, tmp_path, monkeypatch):
    tables = furnish(house, tmp_path)
    extract = extract_of(house, DAYS[0])
    monkeypatch.setattr(
        commands, "enclave", lambda: SimpleNamespace(extracts=house.extracts, aggregating=tables)
    )
    monkeypatch.setattr(commands, "signed_in", lambda _: house.actor("stefan"))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(commands.tables, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert "costs epsilon 1.4" in run("plan", IBR)
    planned = json.loads(run("plan", IBR, "--json"))
    assert planned["epsilon_of_a_draw"] == pytest.approx(1.4)
    assert spent(house) == 0, "a plan spends nothing"
    assert "not drawn" in run("list", IBR)
    assert run("draw", extract.reference).count("published") == 2, "by its reference, as the list shows it"
    assert [t["kind"] for t in json.loads(run("draw", extract.id, "--json"))] == ["participation", "benefits"]
    listed = json.loads(run("list", IBR, "--json"))
    assert listed["years"] == [{"year": 2025, "spent": pytest.approx(1.4), "epsilon": 2.8}]
    assert len(listed["extracts"][0]["releases"]) == 2
    assert "have spent epsilon 1.4 of 2.8" in run("list", IBR)
