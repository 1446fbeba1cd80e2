"""Planning and running: every column decided, every step held to its word, and evidence without a data value."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from deid_frames import ibr_frame, ibr_schema

from anonymization import KeyRing, Schema, load_recipe, packaged_recipe, packaged_recipes, plan, run
from anonymization.errors import BrokenIntent, RecipeProblem
from anonymization.risk import class_sizes
from anonymization.steps import STEPS
from anonymization.steps.base import Intent
from anonymization.tables import sha256

RING = KeyRing(b"a master key of the tests")
DAY = date(2026, 9, 30)
IBR = packaged_recipe("ibr-households")
SMALL = """
name: small
version: 1
dataset: small
unit: household
tier: scientific use
columns:
  hh: {role: direct, treatment: pseudonymise}
  name: {role: direct, treatment: drop}
  age: {role: quasi, treatment: [generalise, suppress]}
  region: {role: quasi, treatment: suppress}
  income: {role: sensitive, treatment: keep}
steps:
  - pseudonymise: {columns: [hh], domain: household}
  - drop: {columns: [name]}
  - generalise: {columns: {age: {edges: [30, 60]}}}
  - suppress: {keys: [age, region], k: 3}
risk: {keys: [age, region], k: 3, household: hh, sensitive: [income]}
"""


def small_table(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "hh": np.arange(n),
            "name": [f"Somebody Unique{i}" for i in range(n)],
            "age": rng.integers(18, 90, n),
            "region": rng.integers(0, 30, n).astype(str),
            "income": rng.lognormal(5, 1, n),
        }
    )


def go(text: str = SMALL, table: pd.DataFrame | None = None):
    return run(
        load_recipe(text),
        small_table() if table is None else table,
        RING,
        scope="release",
        reference_date=DAY,
    )


def test_a_small_recipe_does_what_it_says():
    candidate = go()
    assert list(candidate.table.columns) == ["hh", "age", "region", "income"]
    assert len(candidate.table) == 120
    assert class_sizes(candidate.table, ["age", "region"], missing="wildcard").fk.min() >= 3
    assert candidate.evidence["risk"]["before"]["sample_uniques"] > 0
    assert candidate.evidence["risk"]["after"]["below_k"] == 0
    np.testing.assert_array_equal(candidate.table["income"], small_table()["income"])


def test_the_digest_is_of_the_bytes_and_repeats():
    one, two = go(), go()
    assert one.digest == two.digest == sha256(one.parquet())
    assert one.evidence == two.evidence
    assert one.evidence["output"]["digest"] == one.digest
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(one.parquet())), one.table, check_dtype=False)


def test_a_table_changed_after_measuring_cannot_be_stored():
    candidate = go()
    candidate.table.loc[0, "income"] = 1.0
    with pytest.raises(BrokenIntent, match="changed after it was measured"):
        candidate.parquet()


def test_index_labels_of_the_extract_do_not_matter():
    table = small_table()
    table.index = pd.Index([5] * len(table))
    assert go(table=table).digest == go().digest


def test_an_undecided_column_stops_the_plan_and_is_named():
    table = small_table().assign(ward="w")
    with pytest.raises(RecipeProblem, match="The column ward of the extract is not decided"):
        plan(load_recipe(SMALL), Schema.infer(table, {}))


def test_a_decided_column_that_is_absent_is_named():
    with pytest.raises(RecipeProblem, match="decides the column income"):
        plan(load_recipe(SMALL), Schema.infer(small_table().drop(columns="income"), {}))


def test_every_packaged_column_left_out_of_the_recipe_is_noticed():
    schema = ibr_schema(ibr_frame(30), IBR.roles)
    for name in IBR.columns:
        laxer = IBR.model_copy(update={"columns": {k: v for k, v in IBR.columns.items() if k != name}})
        with pytest.raises(RecipeProblem, match=f"The column {name} of the extract is not decided"):
            plan(laxer, schema)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("name: {role: direct, treatment: drop}", "name: {role: direct, treatment: keep}", "must be dropped or pseudonymised"),
        ("income: {role: sensitive, treatment: keep}", "income: {role: sensitive, treatment: round}", "Make them agree"),
        ("treatment: [generalise, suppress]", "treatment: generalise", "Make them agree"),
        ("risk: {keys: [age, region]", "risk: {keys: [age, name]", "the release does not have"),
        ("  - suppress: {keys: [age, region], k: 3}", "  - suppress: {keys: [age, region], k: 3}\n  - sample: {fraction: 0.5}", "can undo it"),
        ("domain: household}", "domain: household, colour: red}", "no setting colour"),
        ("  - drop:", "  - drip:", "there is no step drip"),
        ("unit: household", "unit: village", "unit"),
        ("version: 1", "version: 1\nsecret: 2", "secret"),
        ("k: 3}\nrisk", "k: 1}\nrisk", "at least 2"),
    ],
)  # fmt: skip
def test_a_recipe_that_does_not_fit_is_a_sentence(old, new, sentence):
    assert old in SMALL
    with pytest.raises(RecipeProblem, match=sentence):
        plan(load_recipe(SMALL.replace(old, new)), Schema.infer(small_table(), {}))


def test_the_recipe_may_be_stricter_than_the_dictionary_and_never_laxer():
    recipe = load_recipe(SMALL)
    plan(recipe, Schema.infer(small_table(), {"name": "plain"}))
    with pytest.raises(RecipeProblem, match="never laxer"):
        plan(recipe, Schema.infer(small_table(), {"income": "direct"}))


def test_yaml_that_cannot_be_read_is_a_sentence():
    with pytest.raises(RecipeProblem, match="not readable YAML"):
        load_recipe("name: [\nversion: 1")


def test_a_step_that_reads_a_dropped_column_is_told_to_move():
    text = SMALL.replace("  - drop: {columns: [name]}\n", "").replace(
        "  - pseudonymise", "  - drop: {columns: [name, hh]}\n  - pseudonymise"
    )
    with pytest.raises(RecipeProblem, match="Move the step before"):
        plan(load_recipe(text), Schema.infer(small_table(), {}))


@dataclass(frozen=True)
class _Lying:
    kind: ClassVar[str] = "drop"
    columns: tuple[str, ...]

    def plan(self, schema):
        return Intent(
            "drop", (), (), self.columns, schema.without(self.columns), "Drops.", treats=self.columns
        )

    def apply(self, table, context):
        return table.drop(columns=list(self.columns)).assign(income=0.0), {}


def test_a_step_that_does_more_than_it_said_is_stopped(monkeypatch):
    monkeypatch.setitem(STEPS, "drop", _Lying)
    with pytest.raises(BrokenIntent, match="changed income, which it had not named"):
        go()


def test_a_column_that_repeats_an_identifier_is_found():
    table = small_table()
    text = SMALL.replace(
        "income: {role: sensitive, treatment: keep}", "income: {role: plain, treatment: keep}"
    )
    table["income"] = table["name"]
    with pytest.raises(BrokenIntent, match="still hold values of the direct identifier name") as error:
        go(text, table)
    assert "Somebody" not in str(error.value)


def test_progress_is_told_in_order():
    told = []
    table = small_table()
    run(load_recipe(SMALL), table, RING, scope="r", reference_date=DAY, progress=lambda *a: told.append(a))
    assert [t[0] for t in told] == [0, 1, 2, 3, 4]
    assert all(t[1] == 4 and t[2] for t in told)


def test_the_digest_of_a_recipe_changes_with_its_content_only():
    assert load_recipe(SMALL).digest == load_recipe(SMALL.replace("\nsteps", "\n# why\nsteps")).digest
    assert load_recipe(SMALL).digest != load_recipe(SMALL.replace("k: 3}\nrisk", "k: 4}\nrisk")).digest


@pytest.fixture(scope="module")
def ibr():
    frame = ibr_frame(900)
    return frame, run(
        IBR, frame, RING, scope="dataset:ibr", reference_date=DAY, schema=ibr_schema(frame, IBR.roles)
    )


def test_ibr_households_keeps_what_a_discontinuity_design_needs_exact(ibr):
    frame, candidate = ibr
    kept = ["poverty_score", "cutoff_applied", "eligible"]
    before, after = (t[kept].sort_values(kept).reset_index(drop=True) for t in (frame, candidate.table))
    pd.testing.assert_frame_equal(before, after)


def test_ibr_households_shows_consumption_as_means_of_five_that_keep_to_their_side_of_the_line(ibr):
    frame, candidate = ibr
    before, after = frame["welfare_aggregate"], candidate.table["welfare_aggregate"]
    assert after.value_counts().min() >= 5
    assert (after >= 3500).sum() == (before >= 3500).sum()
    assert after.sum() == pytest.approx(before.sum())


def test_ibr_households_is_five_anonymous_within_every_region(ibr):
    table = ibr[1].table
    assert table["region_code"].notna().all()
    keys = list(IBR.risk.keys)
    for _, part in table.groupby("region_code"):
        assert class_sizes(part.reset_index(drop=True), keys, missing="wildcard").fk.min() >= 5


def test_ibr_households_drops_no_record_and_no_more_than_ten_age_bands(ibr):
    frame, candidate = ibr
    assert len(candidate.table) == len(frame)
    assert candidate.table["head_birth_date"].nunique() <= 10
    assert candidate.table["head_marital_status"].nunique() == 3
    assert candidate.table["group_size"].nunique() <= 3
    assert candidate.table["case_note"].notna().all()


def test_ibr_households_leaves_the_evidence_json(ibr):
    text = json.dumps(ibr[1].evidence)
    for value in ("Wanjiku", "Kariobangi", "post.example", "0000001"):
        assert value not in text


def test_canaries_in_every_column_reach_neither_output_nor_evidence_nor_logs(caplog):
    caplog.set_level(logging.DEBUG)
    frame = ibr_frame(400)
    planted = {}
    free = [n for n, d in IBR.columns.items() if frame[n].dtype == object and "keep" not in d.treatment]
    for i, name in enumerate(free):
        if name in ("registration_date", "head_birth_date", "case_note", "region_code", "head_sex"):
            continue  # these keep their values by design, or are dates
        planted[name] = f"Zqx{chr(97 + i)}vkanary{chr(97 + i)}wup"
        frame.loc[i, name] = planted[name]
        frame.loc[i, "case_note"] = f"We met {planted[name]} again today and she was well."
    frame.loc[50:60, "case_note"] = (
        "Met " + frame.loc[50:60, "head_given_name"] + " Vkanarysurname near the well."
    )
    candidate = run(
        IBR, frame, RING, scope="dataset:ibr", reference_date=DAY, schema=ibr_schema(frame, IBR.roles)
    )
    output = candidate.table.to_csv(index=False) + json.dumps(candidate.evidence) + caplog.text
    for name, canary in planted.items():
        assert canary not in output, name
        assert canary.lower() not in output.lower(), name
    assert "vkanarysurname" not in output.lower()


def test_panes_runs_on_the_published_data():
    from causaldata import gov_transfers

    data = gov_transfers.load_pandas().data
    data.insert(0, "household_id", [f"P{i:05d}" for i in range(len(data))])
    candidate = run(packaged_recipe("panes"), data, RING, scope="dataset:panes", reference_date=DAY)
    assert class_sizes(candidate.table, ["Education", "Age"], missing="wildcard").fk.min() >= 5
    assert set(candidate.table["Income_Centered"]) == set(data["Income_Centered"])


_PROGRESA = Path(__file__).resolve().parents[4] / "shared" / "data" / "progresa.parquet"


@pytest.mark.parametrize("path", [_PROGRESA] if _PROGRESA.exists() else [])
def test_progresa_keeps_its_running_variable_and_protects_households(path):
    data = pd.read_parquet(path)
    candidate = run(packaged_recipe("progresa"), data, RING, scope="dataset:progresa", reference_date=DAY)
    assert sorted(candidate.table["z"]) == sorted(data["z"])
    assert candidate.table["villid"].nunique() == data["villid"].nunique()
    after = candidate.evidence["risk"]["after"]
    assert (after["counted"], after["smallest_class"] >= 5, after["below_k"]) == ("households", True, 0)


def test_every_packaged_recipe_names_itself():
    assert packaged_recipes() == ("ibr-households", "panes", "progresa")
    assert [packaged_recipe(n).name for n in packaged_recipes()] == list(packaged_recipes())
    with pytest.raises(RecipeProblem, match="There are: ibr-households"):
        packaged_recipe("nothing")
