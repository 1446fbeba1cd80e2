"""The attacks must see: what leaks raises the risk, what is protected does not, and nothing depends on luck or order."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from deid_frames import ibr_frame, ibr_schema

from anonymization.attacks.intervals import Scores, measured, rate, risk
from anonymization.attacks.knowledge import Known, as_shown
from anonymization.attacks.linkability import linked
from anonymization.attacks.microdata import attack_microdata
from anonymization.attacks.nearest import ties
from anonymization.attacks.profiles import profiles
from anonymization.attacks.report import attacked, report
from anonymization.attacks.settings import AttackSettings
from anonymization.attacks.singling_out import _resized
from anonymization.attacks.synthetic import attack_synthetic
from anonymization.errors import RecipeProblem
from anonymization.keys import KeyRing
from anonymization.pipeline import run
from anonymization.recipe import Recipe, load_recipe, packaged_recipe
from anonymization.schema import Schema
from anonymization.steps import Context

RING = KeyRing(b"a master key for the tests only.")
DAY = date(2026, 6, 30)
QUICK = AttackSettings(attacks=600)

# A small registry of our own, and recipes that protect it well or badly.

_COLUMNS = {
    "unit": "direct", "region": "quasi", "size": "quasi", "age": "quasi", "sex": "quasi", "welfare": "sensitive",
    "ill": "sensitive", "paid": "plain",
}  # fmt: skip


def registry(n: int = 1600, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "unit": [f"U{i:05d}" for i in range(n)],
            "region": rng.choice(["north", "south"], n),
            "size": np.minimum(1 + rng.poisson(3, n), 12),
            "age": rng.integers(18, 95, n),
            "sex": rng.choice(["f", "m"], n),
            "welfare": rng.lognormal(5, 0.7, n).round(2),
            "ill": rng.choice(["no", "yes"], n, p=[0.7, 0.3]),
            "paid": rng.integers(0, 3, n),
        }
    )


def recipe(extra: dict[str, str] | None = None, **changes: str) -> Recipe:
    """The protecting recipe, with the columns of `changes` treated otherwise; `extra` columns are kept."""
    treatments = {
        "unit": "pseudonymise", "region": "suppress", "size": "[generalise, suppress]", "age": "[generalise, suppress]",
        "sex": "suppress", "welfare": "round", "ill": "keep", "paid": "keep",
    } | changes  # fmt: skip
    roles = _COLUMNS | (extra or {})
    treatments |= dict.fromkeys(extra or {}, "keep")
    lines = [f"  {n}: {{role: {role}, treatment: {treatments[n]}}}" for n, role in roles.items()]
    bands = {"size": "{edges: [4]}", "age": "{edges: [60]}"}
    coarse = ", ".join(f"{n}: {b}" for n, b in bands.items() if "generalise" in treatments[n])
    keys = [n for n in ("region", "size", "age", "sex") if "suppress" in treatments[n]]
    visible = [n for n in ("region", "size", "age", "sex") if treatments[n] != "drop"]
    steps = ["  - pseudonymise: {columns: [unit], domain: household}"]
    steps += [f"  - generalise: {{columns: {{{coarse}}}}}"] if coarse else []
    steps += ["  - topcode: {columns: {welfare: {top: 400}}}"] if "topcode" in treatments["welfare"] else []
    steps += ["  - round: {columns: {welfare: 50}}"] if "round" in treatments["welfare"] else []
    steps += [f"  - suppress: {{keys: {keys}, k: 5}}"] if keys else []
    steps += ["  - shuffle: {}"] if changes.get("order") != "kept" else []
    text = [
        "name: small", "version: 1", "dataset: small", "unit: household", "tier: scientific use", "columns:", *lines,
        "steps:", *steps, "risk:", f"  keys: {visible}", "  k: 5", "  household: unit",
    ]  # fmt: skip
    return load_recipe("\n".join(text) + "\n")


GOOD = {"welfare": "[topcode, round]"}
RAW = dict.fromkeys(("region", "size", "age", "sex", "welfare"), "keep")


def attack(table: pd.DataFrame, made: Recipe, settings: AttackSettings = QUICK) -> dict[str, float]:
    found = attack_microdata(made, table, RING, scope="test", reference_date=DAY, settings=settings)
    worst: dict[str, float] = {}
    for name, value in found["risks"].items():
        family = name.split(",")[0]
        worst[family] = max(worst.get(family, 0.0), value)
    return worst


@pytest.fixture(scope="module")
def protected() -> dict[str, float]:
    return attack(registry(), recipe(**GOOD))


def test_a_well_protected_table_gives_next_to_nothing(protected):
    assert protected["singling out"] < 0.02
    assert protected["linkability"] < 0.03
    assert protected["inference"] < 0.06


def test_a_table_released_raw_gives_nearly_everything():
    found = attack(registry(), recipe(**RAW))
    assert found["singling out"] > 0.9
    # Seven in ten are alone with their region, size, age and sex among 1,200.
    assert found["linkability"] > 0.6
    assert found["inference"] > 0.6


def test_a_column_that_copies_something_like_an_identifier_singles_everybody_out(protected):
    table = registry().assign(file_number=lambda df: 700_000 + np.arange(len(df)) * 7)
    found = attack(table, recipe({"file_number": "plain"}, **GOOD))
    assert found["singling out"] > 0.99
    assert protected["singling out"] < 0.02


def test_an_exact_welfare_value_singles_out_unless_the_recipe_says_why_it_stays(protected):
    found = attack(registry(), recipe(welfare="keep"))
    assert found["singling out"] > 0.9 > protected["singling out"]
    said = recipe(welfare="keep").model_dump()
    said["columns"]["welfare"]["note"] = "the running variable"
    said["exact"] = ["welfare"]
    said["protect"] = {"cutoffs": {"welfare": 3500}}
    full = attack_microdata(
        Recipe.model_validate(said), registry(), RING, scope="test", reference_date=DAY, settings=QUICK
    )
    assert full["kept_exact"] == ["welfare"]
    kept = [r for r in full["results"] if "kept exact" in r["what"]]
    assert kept[0]["risk"]["value"] > 0.9, "it is shown although it is not weighed"
    assert max(v for n, v in full["risks"].items() if n.startswith("singling")) < 0.02


def test_what_stays_exact_must_have_a_reason():
    said = recipe(welfare="keep").model_dump()
    said["exact"] = ["welfare"]
    with pytest.raises(ValueError, match="says why"):
        Recipe.model_validate(said)


def test_rows_in_the_order_of_the_registry_are_linked_by_their_place(protected):
    table = registry()
    kept = recipe(**GOOD, order="kept")
    assert attack(table, kept)["linkability"] > 0.8 > protected["linkability"]


def test_rare_combinations_left_unsuppressed_are_singled_out():
    table = registry()
    rare = np.arange(0, len(table), 16)
    table.loc[rare, "age"] = 96 + np.arange(len(rare)) % 30
    table.loc[rare, "size"] = 13 + np.arange(len(rare)) // 30
    exact = {**GOOD, "size": "suppress", "age": "suppress"}
    unsuppressed = {**GOOD, "size": "keep", "age": "keep", "region": "keep", "sex": "keep"}
    assert (
        attack(table, recipe(**exact))["singling out"] < attack(table, recipe(**unsuppressed))["singling out"]
    )


def test_an_attacker_understands_bands_and_a_secret_behind_them():
    """True ages are compared with their bands: without that, nobody would be found and every risk would be 0."""
    table = registry(400)
    found = attack(table, recipe(**{**GOOD, "region": "keep", "sex": "keep"}))
    assert found["linkability"] > 0.01


def test_the_same_key_gives_the_same_figures_and_another_key_others():
    table = registry(600)
    one, two = (
        json.dumps(attack_microdata(recipe(**GOOD), table, RING, scope="test", reference_date=DAY))
        for _ in "ab"
    )
    other = json.dumps(attack_microdata(recipe(**GOOD), table, RING, scope="other", reference_date=DAY))
    assert one == two != other


def test_the_index_of_a_table_means_nothing():
    table = registry(600)
    labelled = table.set_axis(np.zeros(len(table), dtype=int), axis=0)
    assert attack(table, recipe(**GOOD)) == attack(labelled, recipe(**GOOD))


def test_evidence_of_attacks_holds_no_value_of_anybody():
    table = registry(400).assign(region="CANARY-north")
    text = json.dumps(
        attack_microdata(recipe(**GOOD), table, RING, scope="test", reference_date=DAY), allow_nan=False
    )
    assert "CANARY" not in text
    assert "U00" not in text


def test_too_few_units_are_said_and_give_no_risk():
    found = attack_microdata(recipe(**GOOD), registry(60), RING, scope="test", reference_date=DAY)
    assert "60 units" in found["not_made"]
    assert "risks" not in found


def test_a_large_table_is_sampled_by_units():
    found = attack_microdata(
        recipe(**GOOD),
        registry(1000),
        RING,
        scope="test",
        reference_date=DAY,
        settings=AttackSettings(most_units=400),
    )
    assert (found["about"]["units_in_extract"], found["about"]["units_attacked"]) == (1000, 400)


def test_targets_are_households_where_a_household_has_several_rows():
    table = registry(500)
    waves = pd.concat([table, table.assign(paid=lambda df: df["paid"] + 1)], ignore_index=True)
    found = attack_microdata(recipe(**GOOD), waves, RING, scope="test", reference_date=DAY)
    assert found["about"]["units_in_extract"] == 500
    assert found["about"]["unit"] == "household"
    assert all(r["attack"]["trials"] <= 500 for r in found["results"] if r["family"] == "inference")


def test_the_packaged_recipe_of_the_registry_hides_what_its_first_version_showed():
    frame = ibr_frame(1200)
    made = packaged_recipe("ibr-households")
    found = attack_microdata(
        made,
        frame,
        RING,
        scope="test",
        reference_date=DAY,
        schema=ibr_schema(frame, made.roles),
        settings=QUICK,
    )
    assert set(found["risks"]) == {
        "singling out, anybody", "singling out, outsider", "linkability, anybody", "linkability, outsider",
        "inference, outsider",
    }, "every quasi-identifier that stays visible is a key variable, so nobody knows more than an outsider"  # fmt: skip
    assert found["risks"]["singling out, anybody"] < 0.05


# Synthetic tables


def parts(n: int = 900) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = registry(2 * n).drop(columns="unit")
    return table.iloc[:n].reset_index(drop=True), table.iloc[n:].reset_index(drop=True)


def test_a_synthetic_table_that_copies_its_training_rows_is_caught_and_one_from_strangers_is_not():
    training, holdout = parts()
    strangers = registry(900, seed=77).drop(columns="unit")
    quasi, secret = ["region", "size", "age", "sex"], ["welfare", "ill"]
    copied = attack_synthetic(training, training, holdout, quasi, secret, 1, QUICK)["risks"]
    fresh = attack_synthetic(strangers, training, holdout, quasi, secret, 1, QUICK)["risks"]
    assert copied["singling out, anybody"] > 0.9
    assert copied["linkability, outsider"] > 0.4
    assert copied["inference, outsider"] > 0.4
    assert all(value < 0.15 for value in fresh.values())
    assert fresh["linkability, outsider"] < 0.02


def test_a_smaller_hold_out_does_not_make_strangers_look_risky():
    training, holdout = parts()
    few = holdout.iloc[:300].reset_index(drop=True)
    strangers = registry(900, seed=78).drop(columns="unit")
    found = attack_synthetic(strangers, training, few, ["region", "size", "age", "sex"], ["ill"], 1, QUICK)
    for result in found["results"]:
        if result["family"] == "singling out":
            assert result["risk"]["interval"][0] < 0.1


# The arithmetic


def test_wilsons_interval_is_the_published_one():
    found = rate(np.array([1.0] * 10 + [0.0] * 0), 0.95)
    assert (found.low, found.high) == (pytest.approx(0.7224672, abs=1e-6), 1.0)
    coin = np.zeros(263)
    coin[:81] = 1  # Newcombe (1998), table I: 81 of 263
    found = rate(coin, 0.95)
    assert (found.low, found.high) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    none = rate(
        np.zeros(29), 0.95
    )  # the same table: 0 of 20 and 1 of 29 stand there; 0 of n is z^2/(n + z^2)
    assert none.high == pytest.approx(3.841459 / (29 + 3.841459), abs=1e-6)


def test_no_trial_at_all_leaves_everything_open():
    nothing = rate(np.zeros(0), 0.95)
    assert (nothing.low, nothing.high) == (0.0, 1.0)
    assert risk(nothing, rate(np.zeros(10), 0.95), 0.0).high == 1.0


def test_the_interval_of_the_risk_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(3)
    attack_rate, control_rate, n, runs = 0.35, 0.2, 400, 2000
    truth = (attack_rate - control_rate) / (1 - control_rate)
    inside = 0
    for _ in range(runs):
        a = (rng.random(n) < attack_rate).astype(float)
        c = (rng.random(n) < control_rate).astype(float)
        found = risk(rate(a, 0.95), rate(c, 0.95), 0.0)
        inside += found.low <= truth <= found.high
    assert 0.93 < inside / runs < 0.97


def test_a_negative_risk_is_reported_as_none_and_worse_than_guessing_is_said():
    low, high = np.zeros(100), np.ones(100)
    high[:50] = 0
    found = measured(Scores(low, high, high, paired=False, guesses=100), 0.95)
    assert found["risk"]["value"] == 0.0
    assert found["better_than_guessing"] is False


def test_ties_are_those_of_a_slow_search():
    rng = np.random.default_rng(9)
    frame = pd.DataFrame(
        {
            "a": rng.choice(["x", "y", None], 60),
            "b": rng.choice([1.0, 2.0, 5.0, np.nan], 60),
            "c": rng.choice(["p", "q", "r"], 60),
        }
    )
    coded = profiles(frame.iloc[:30], frame.iloc[30:50], frame.iloc[50:], ["a", "b", "c"])
    for missing in (0.0, 0.5):
        [(_, mask)] = ties(coded, coded.members, np.arange(3), missing)
        for i in range(20):
            true = frame.iloc[30 + i]
            distance = []
            for j in range(30):
                shown, total = frame.iloc[j], 0.0
                for name in "abc":
                    gone, unknown = pd.isna(shown[name]), pd.isna(true[name])
                    if gone:
                        total += 0.0 if unknown else missing
                    elif unknown:
                        total += 1.0
                    elif name == "b":
                        total += abs(shown[name] - true[name]) / 4
                    else:
                        total += shown[name] != true[name]
                distance.append(total)
            wanted = np.array(distance) <= min(distance) + 1e-4
            assert (mask[i] == wanted).all()


def test_two_parts_are_linked_by_chance_where_several_units_tie():
    one = np.array([[True, True, False], [False, False, True], [True, False, False]])
    other = np.array([[True, False, False], [True, True, True], [False, True, False]])
    assert linked(one, other).tolist() == [1 / 2, 1 / 3, 0.0]


def test_the_successes_of_a_small_hold_out_are_brought_to_the_size_of_the_table():
    """Weights spread evenly up to 0.02: 300 units are isolated some 3.2 times as often as 1,000 (exact integrals)."""
    rows = pd.DataFrame({"v": np.arange(1000)})
    coded = profiles(rows, rows, rows.iloc[:300], ["v"])
    rng = np.random.default_rng(4)
    counts = rng.binomial(300, rng.uniform(0, 0.02, 20_000))
    chance = lambda n, w: (1 - (n * w + 1) * (1 - w) ** n) / (n + 1)  # noqa: E731
    exact = chance(1000, 0.02) / chance(300, 0.02)
    assert exact == pytest.approx(0.306, abs=0.001)
    assert _resized(coded, counts) == pytest.approx(exact, abs=0.05)
    same = profiles(rows, rows, rows, ["v"])
    assert _resized(same, counts) == 1.0
    assert _resized(coded, np.ones(5, dtype=np.int64)) == 1.0, "a correction never raises what was counted"


def test_units_with_several_rows_are_compared_by_what_all_their_rows_show():
    rows = pd.DataFrame({"u": [1, 1, 2, 2, 3], "v": ["a", "b", "b", "a", "a"]})
    coded = profiles(rows, rows.assign(u=rows["u"] * 10), rows.iloc[:0], ["v"], unit="u")
    assert len(coded.released) == len(coded.members) == 3
    assert coded.released.codes[0, 0] == coded.released.codes[1, 0] != coded.released.codes[2, 0]
    assert (coded.released.codes == coded.members.codes).all()


def test_an_attacker_who_knows_nothing_makes_no_nearest_neighbour_attack():
    rows = registry(200).drop(columns="unit")
    coded = profiles(rows, rows, rows, ["welfare", "ill"])
    known = Known((), (), ("welfare", "ill"), ("ill",))
    targets = (np.arange(10), np.arange(10))
    found = report(attacked(coded, known, QUICK, targets, 1, beyond=False, order=False), known, QUICK, {})
    assert list(found["risks"]) == ["singling out, anybody"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"attacks": 0}, "one or more"),
        ({"folds": 1}, "2 to 20"),
        ({"tolerance": 1.0}, "tolerance"),
        ({"confidence": 0.4}, "confidence"),
        ({"most_units": 10}, "fewest units"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, says):
    with pytest.raises(RecipeProblem, match=says):
        AttackSettings(**wrong)


def test_levels_that_a_recipe_chose_are_followed_by_the_attacker():
    """Where the release shows a value, the attacker's own generalised truth is that value; strangers do no harm."""
    steps = load_recipe(
        """
name: chosen
version: 1
dataset: small
unit: household
tier: scientific use
columns:
  unit: {role: direct, treatment: pseudonymise}
  size: {role: quasi, treatment: generalise_to_k}
  age: {role: quasi, treatment: generalise_to_k}
  ill: {role: sensitive, treatment: keep}
steps:
  - pseudonymise: {columns: [unit], domain: household}
  - generalise_to_k:
      columns:
        size: {levels: [{edges: [4]}]}
        age: {levels: [{edges: [30, 60]}, {edges: [60]}]}
      k: 60
      limit: 0.05
risk: {keys: [size, age], k: 60, household: unit}
"""
    )
    table = registry()[["unit", "size", "age", "ill"]]
    stranger = table.head(3).assign(age=[17, 150, 151])
    made = run(steps, table, RING, scope="test", reference_date=DAY).table
    context = Context(RING, "test", DAY)
    (true, apart), blurred = as_shown(steps, Schema.infer(table, steps.roles), [table, stranger], context)
    assert not blurred
    assert apart["age"].isna().all()
    for name in ("size", "age"):
        known = made[name].notna()
        assert known.mean() > 0.9
        assert made[name][known].tolist() == true[name][known].tolist()
        assert true[name].nunique() < table[name].nunique()
