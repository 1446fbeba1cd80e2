"""A release of related tables: whole households held out, each table measured, links and coverage beside the real ones."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType
from anonymization.synth import SynthesisError, SynthesisPlan
from anonymization.synth.linked import _held, planned_related, synthesise_related
from anonymization.synth.related import RelatedTable

S, INT, N = FieldType.STRING, FieldType.INTEGER, FieldType.NUMBER
TABLES = {
    "household": RelatedTable("hh", {"region": S, "score": N}),
    "enrolment": RelatedTable("eid", {"programme": S, "months": INT}, "household", "hh", most=3),
    "payment": RelatedTable("", {"amount": N, "late": S}, "enrolment", "eid"),
}
PLANS = {n: SynthesisPlan(t.columns, min_leaf=20) for n, t in TABLES.items()}


@pytest.fixture(autouse=True)
def _light(monkeypatch):
    monkeypatch.setitem(sys.modules, "sdmetrics", None)
    monkeypatch.setitem(sys.modules, "sdmetrics.reports", None)


def registry(n=900, seed=1):
    rng = np.random.default_rng(seed)
    hh = pd.DataFrame(
        {
            "hh": [f"REAL-H{i}" for i in range(n)],
            "region": rng.choice(["north", "south"], n),
            "score": rng.uniform(0, 100, n).round(1),
        }
    )
    poor = np.flatnonzero((hh["score"] < 60).to_numpy())
    enrolment = pd.DataFrame(
        {
            "eid": [f"REAL-E{i}" for i in range(len(poor))],
            "hh": hh["hh"].to_numpy()[poor],
            "programme": np.where(hh["region"].to_numpy()[poor] == "north", "cash", "food"),
            "months": rng.integers(1, 24, len(poor)),
        }
    )
    paid = np.repeat(np.arange(len(poor)), rng.integers(0, 4, len(poor)))
    payment = pd.DataFrame(
        {
            "eid": enrolment["eid"].to_numpy()[paid],
            "amount": 100.0 + rng.integers(0, 90, len(paid)),
            "late": rng.choice(["yes", "no"], len(paid)),
        }
    )
    return {"household": hh, "enrolment": enrolment, "payment": payment}


def test_three_tables_with_evidence_of_each_and_of_what_links_them():
    told = []
    from anonymization.synth.protocol import Watch

    watch = Watch(lambda *at: told.append(at[2]))
    made = synthesise_related(registry(), TABLES, PLANS, 3, ("enrolment", "programme"), watch)
    again = synthesise_related(registry(), TABLES, PLANS, 3, ("enrolment", "programme"))
    assert made.names == tuple(TABLES)
    assert made.digests == again.digests
    evidence = made.evidence
    assert [one["name"] for one in evidence["tables"]["each"]] == list(TABLES)
    assert evidence["across"]["references"] == {"enrolment": 0, "payment": 0}
    for found in evidence["across"]["children"].values():
        assert found["total_variation"] < 0.15
        assert found["mean"]["synthetic"] == pytest.approx(found["mean"]["training"], abs=0.2)
    coverage = evidence["across"]["coverage"]
    assert set(coverage) == {"cash", "food"}
    for shares in coverage.values():
        assert shares["training"] == pytest.approx(0.3, abs=0.05)
        assert shares["synthetic"] == pytest.approx(shares["training"], abs=0.08)
    assert not any("REAL" in table.to_csv() for table in made.tables)
    for candidate, one in zip(made.candidates, evidence["tables"]["each"], strict=True):
        assert candidate.evidence["attacks"] == one["attacks"]
    assert max(evidence["attacks"]["risks"].values()) == max(
        risk for one in evidence["tables"]["each"] for risk in one["attacks"]["risks"].values()
    )
    assert {"measuring household", "measuring enrolment", "measuring payment"} <= set(told)


def test_a_household_is_held_out_with_all_that_hangs_on_it():
    whole = registry()
    held = _held(whole, TABLES, PLANS["household"], 1)
    apart = set(whole["household"]["hh"][held["household"]])
    assert 0.25 < len(apart) / 900 < 0.35
    assert set(whole["enrolment"]["hh"][held["enrolment"]]) <= apart
    assert not set(whole["enrolment"]["hh"][~held["enrolment"]]) & apart
    gone = set(whole["enrolment"]["eid"][held["enrolment"]])
    assert not set(whole["payment"]["eid"][~held["payment"]]) & gone


def test_what_is_missing_is_named_and_no_value_is():
    frames = registry(200)
    with pytest.raises(SynthesisError, match="no table payment"):
        synthesise_related({k: v for k, v in frames.items() if k != "payment"}, TABLES, PLANS, 1)
    with pytest.raises(SynthesisError, match="has no column months"):
        synthesise_related(
            {**frames, "enrolment": frames["enrolment"].drop(columns="months")}, TABLES, PLANS, 1
        )
    wrong = {**PLANS, "payment": replace(PLANS["payment"], columns={"amount": N, "other": S})}
    with pytest.raises(RecipeProblem, match="plan with its own columns"):
        synthesise_related(frames, TABLES, wrong, 1)


def test_the_plan_is_told_from_the_numbers_of_rows_alone():
    few, many = (planned_related(TABLES, dict.fromkeys(TABLES, n)) for n in (1000, 1_000_000))
    assert few[0].seconds < many[0].seconds
    assert few[1].megabytes < many[1].megabytes
