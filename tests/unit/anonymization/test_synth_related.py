"""Related tables: references that hold, relations across tables, rules, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType
from anonymization.synth import SynthesisError
from anonymization.synth.constraints import Between, OneOf
from anonymization.synth.protocol import Cancelled, Watch
from anonymization.synth.related import RelatedTable, RelatedTables

S, INT, N, D = FieldType.STRING, FieldType.INTEGER, FieldType.NUMBER, FieldType.DATE
TABLES = {
    "household": RelatedTable("hh", {"region": S, "score": N}),
    "person": RelatedTable("pid", {"sex": S, "age": INT}, "household", "hh", rules=(Between("age", 0, 90),)),
    "enrolment": RelatedTable("eid", {"programme": S, "since": D}, "household", "hh", most=3),
    "payment": RelatedTable(
        "", {"amount": N, "state": S}, "enrolment", "eid", rules=(OneOf("state", ("paid", "sent")),)
    ),
}


def registry(n=900, seed=1):
    rng = np.random.default_rng(seed)
    hh = pd.DataFrame(
        {
            "hh": [f"REAL-H{i}" for i in range(n)],
            "region": rng.choice(["north", "south"], n),
            "score": rng.uniform(0, 100, n).round(1),
        }
    )
    size = rng.integers(1, 7, n)
    owner = np.repeat(np.arange(n), size)
    person = pd.DataFrame(
        {
            "pid": [f"REAL-P{i}" for i in range(len(owner))],
            "hh": hh["hh"].to_numpy()[owner],
            "sex": rng.choice(["1", "2"], len(owner)),
            "age": rng.integers(0, 95, len(owner)),
        }
    )
    poor = np.flatnonzero((hh["score"] < 45).to_numpy())
    enrolment = pd.DataFrame(
        {
            "eid": [f"REAL-E{i}" for i in range(len(poor))],
            "hh": hh["hh"].to_numpy()[poor],
            "programme": np.where(hh["region"].to_numpy()[poor] == "north", "cash", "food"),
            "since": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 300, len(poor)), unit="D"),
        }
    )
    paid = np.repeat(np.arange(len(poor)), rng.integers(0, 5, len(poor)))
    payment = pd.DataFrame(
        {
            "eid": enrolment["eid"].to_numpy()[paid],
            "amount": np.where(enrolment["programme"].to_numpy()[paid] == "cash", 100, 30)
            + rng.integers(0, 9, len(paid)),
            "state": rng.choice(["paid", "sent", "lost"], len(paid)),
        }
    )
    return {"household": hh, "person": person, "enrolment": enrolment, "payment": payment}


@pytest.fixture(scope="module")
def fitted():
    made = RelatedTables(TABLES, min_leaf=20)
    made.fit(registry())
    return made


@settings(max_examples=15, deadline=None)
@given(households=st.integers(1, 400), seed=st.integers(0, 2**31))
def test_every_reference_holds_and_every_rule_is_kept(fitted, households, seed):
    drawn, done = fitted.sample(households, seed)
    for name, table in TABLES.items():
        rows = drawn[name]
        if table.key:
            assert rows[table.key].is_unique
        if table.parent:
            assert set(rows[table.parent_key]) <= set(drawn[table.parent][TABLES[table.parent].key])
            assert rows.groupby(table.parent_key).size().max() <= table.most or rows.empty
        assert not any(rule.broken(rows).any() for rule in table.rules)
        assert done[name]["rows_kept"] == len(rows)
        assert "REAL" not in rows.to_csv()
    assert len(drawn["household"]) == households


def test_relations_across_tables_are_kept(fitted):
    drawn, _ = fitted.sample(900, 5)
    poor = drawn["household"].set_index("hh")["score"].lt(45)
    enrolled = poor.index.isin(drawn["enrolment"]["hh"])
    assert (enrolled == poor).mean() > 0.97
    joined = drawn["enrolment"].merge(drawn["household"], on="hh")
    assert ((joined["region"] == "north") == (joined["programme"] == "cash")).mean() > 0.95
    paid = drawn["payment"].merge(drawn["enrolment"], on="eid")
    assert ((paid["amount"] >= 100) == (paid["programme"] == "cash")).mean() > 0.95
    size = len(drawn["person"]) / len(drawn["household"])
    assert size == pytest.approx(len(registry()["person"]) / 900, rel=0.08)
    assert drawn["person"]["age"].dtype == "int64"


def test_the_same_seed_draws_the_same_tables(fitted):
    one, two, three = (fitted.sample(60, s)[0] for s in (3, 3, 4))
    assert all(one[n].equals(two[n]) for n in TABLES)
    assert not one["person"].equals(three["person"])


def test_a_household_without_rows_elsewhere_and_rows_without_a_household_do_no_harm():
    given_ = registry()
    stray = given_["person"].head(3).assign(pid=["x", "y", "z"], hh="nobody")
    one, other = RelatedTables(TABLES, min_leaf=20), RelatedTables(TABLES, min_leaf=20)
    one.fit(given_)
    other.fit({**given_, "person": pd.concat([stray, given_["person"]])})
    assert one.sample(50, 1)[0]["person"].equals(other.sample(50, 1)[0]["person"])


def test_what_does_not_hang_together_is_refused_and_calling_off_keeps_nothing():
    with pytest.raises(RecipeProblem, match="after its parent"):
        RelatedTables({"person": TABLES["person"], "household": TABLES["household"]})
    made = RelatedTables(TABLES)
    rows = registry()
    with pytest.raises(SynthesisError, match="given twice"):
        made.fit({**rows, "household": pd.concat([rows["household"], rows["household"]])})
    with pytest.raises(SynthesisError, match="no payment"):
        made.fit({k: v for k, v in rows.items() if k != "payment"})
    with pytest.raises(Cancelled):
        made.fit(registry(), Watch(cancelled=lambda: True))
    with pytest.raises(SynthesisError, match="fitted before"):
        made.sample(1, 1)


def test_hma_takes_small_tables_keeps_references_and_refuses_large_ones_with_the_reason():
    from anonymization.synth.sdv import Hierarchical

    tables = {"household": TABLES["household"], "person": TABLES["person"]}
    rows = registry(120)
    made = Hierarchical(tables)
    made.fit(rows)
    drawn = made.sample(36, 1)
    assert set(drawn["person"]["hh"]) <= set(drawn["household"]["hh"])
    assert len(drawn["household"]) == 36
    assert "REAL" not in drawn["person"].to_csv() + drawn["household"].to_csv()
    with pytest.raises(SynthesisError, match="use RelatedTables"):
        Hierarchical(tables, most=100).fit(rows)
