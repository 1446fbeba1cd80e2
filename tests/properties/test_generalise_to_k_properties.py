"""The step that chooses levels: k-anonymous by an oracle, the same for any partitions, labels that never mix sides."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from anonymization.errors import RecipeProblem, Unusable
from anonymization.keys import KeyRing
from anonymization.schema import Schema
from anonymization.steps import STEPS
from anonymization.steps.base import Context
from anonymization.steps.evidence import merged
from anonymization.steps.generalise_to_k import GeneraliseToK

CONTEXT = Context(KeyRing(b"a master key of the tests"), "scope", date(2026, 1, 1))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LADDERS = {
    "age": {"levels": [{"width": 10, "upper": 90}, {"edges": [20, 50]}]},
    "place": {"levels": [{"groups": {"north": ["a", "b"], "south": ["c"]}}]},
    "flag": {},
}


def step(**settings_):
    return TypeAdapter(GeneraliseToK).validate_python({"columns": LADDERS, "k": 2, **settings_})


def alike(table: pd.DataFrame, missing: str) -> np.ndarray:
    rows = [tuple(None if pd.isna(v) else v for v in row) for row in table.itertuples(index=False)]
    wild = missing == "wildcard"
    return np.array(
        [
            sum(
                all(x == y or (wild and (x is None or y is None)) for x, y in zip(a, b, strict=True))
                for b in rows
            )
            for a in rows
        ]
    )


people = st.lists(
    st.tuples(
        st.integers(0, 7), st.sampled_from([3, 17, 22, 48, 51, 85, None]), st.sampled_from(["a", "b", "c", None]),
        st.booleans(), st.sampled_from(["ill", "well", "old"]),
    ),
    min_size=8, max_size=40,
)  # fmt: skip


@given(people, st.integers(2, 4), st.randoms(use_true_random=False), st.sampled_from(["", "hh"]),
       st.sampled_from(["wildcard", "category"]), st.sampled_from([0.0, 0.3, 0.9]), st.booleans())  # fmt: skip
@QUICK
def test_every_record_reaches_k_whatever_the_partitions(rows, k, random, unit, missing, limit, diverse):
    table = pd.DataFrame(rows, columns=["hh", "age", "place", "flag", "illness"])
    assume(not unit or table["hh"].nunique() >= k)
    extra = {"sensitive": "illness", "l": 2} if diverse and not unit and missing == "wildcard" else {}
    if extra:
        assume(len(set(table["illness"])) > 1)
    one = step(k=k, limit=limit, missing=missing, unit=unit, **extra)
    whole, evidence = one.apply(table, CONTEXT)
    keys = list(LADDERS)
    assert len(whole) == len(table)
    assert (whole[["hh", "illness"]] == table[["hh", "illness"]]).all(axis=None)
    # A household's profile: the set of what its rows show, missing values left out.
    profiles = whole.groupby("hh")[keys].agg(lambda s: frozenset(s.dropna()) or None)
    shown = profiles if unit else whole[keys]
    assert alike(shown, missing).min() >= k
    if extra:
        kept = whole.dropna(subset=keys)
        assert (kept.groupby(keys)["illness"].nunique() >= 2).all() or not len(kept)
    part_of = {h: random.randrange(4) for h in range(8)}
    parts = [
        table[table["hh"].map(part_of) == p].sample(frac=1, random_state=random.randrange(99))
        for p in range(4)
    ]
    parts = [p for p in parts if len(p)]
    decision = one.decide([one.scan(p, CONTEXT) for p in parts], CONTEXT)
    done = [one.carry_out(p, decision, CONTEXT) for p in parts]
    pd.testing.assert_frame_equal(
        pd.concat([t for t, _ in done]).sort_index().astype(object), whole.astype(object)
    )
    assert merged([e for _, e in done]) == merged([evidence])


def people_of(n=300, seed=4):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "score": rng.integers(0, 60, n),
            "eligible": rng.random(n) < 0.5,
            "place": rng.choice(list("abc"), n),
        }
    )


def test_a_cut_off_is_never_mixed_and_columns_that_are_one_fact_stand_together():
    table = people_of()
    ladders = {
        "score": {
            "levels": [{"edges": [10, 20, 30, 32, 40, 50]}, {"edges": [20, 32, 50]}, {"edges": [20, 50]}]
        },
        "place": {},
    }
    free = TypeAdapter(GeneraliseToK).validate_python({"columns": ladders, "k": 20})
    assert free.crossing({"score": (32.0,)})
    kept = TypeAdapter(GeneraliseToK).validate_python(
        {"columns": ladders, "k": 20, "cutoffs": {"score": [32]}}
    )
    assert not kept.crossing({"score": (32.0,)})
    out, evidence = kept.apply(table, CONTEXT)
    sides = (table["score"] >= 32).groupby(out["score"]).nunique()
    assert (sides == 1).all()
    assert evidence["global"]["levels"]["score"] == 2
    assert (evidence["global"]["nodes_admissible"], evidence["global"]["nodes"]) == (3 * 2, 5 * 2)
    exact = TypeAdapter(GeneraliseToK).validate_python(
        {"columns": {**ladders, "eligible": {}}, "k": 2, "limit": 1.0, "exact": ["score", "eligible"]}
    )
    out, evidence = exact.apply(table, CONTEXT)
    held = out["score"].notna()
    assert (out["score"][held] == table["score"][held]).all()
    assert evidence["global"]["levels"]["score"] == evidence["global"]["levels"]["eligible"] == 0


def test_evidence_holds_no_value_of_a_row_and_the_solution_in_full():
    table = people_of()
    table["place"] = "canary" + table["place"]
    out, evidence = step(
        columns={"place": {}, "score": {"levels": [{"width": 10, "upper": 60}]}}, k=3, limit=0.2
    ).apply(table, CONTEXT)
    told = evidence["global"]
    assert "canary" not in repr(evidence)
    assert {"levels", "loss", "nodes", "nodes_k_anonymous", "runners_up", "suppressed"} <= set(told)
    assert told["runners_up"][0]["loss"] >= told["loss"]
    assert len(out) == len(table)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"k": 1}, "at least 2"),
        ({"limit": 2}, "from 0 to 1"),
        ({"columns": {}}, "name the columns"),
        ({"columns": {"age": {"levels": [{"edges": [5, 1]}]}}}, "do not rise"),
        ({"sensitive": "illness"}, "sensitive goes with"),
        ({"sensitive": "illness", "l": 2, "unit": "hh"}, "leave out unit"),
        ({"weights": {"income": 2.0}}, "income is named"),
        ({"weights": {"age": 0.0}}, "above zero"),
        ({"columns": {"income": {}}}, "needs the column income"),
    ],
)
def test_a_wrong_setting_is_named(wrong, says):
    table = pd.DataFrame(columns=["hh", "age", "place", "flag", "illness"])
    with pytest.raises(RecipeProblem, match=says):
        step(**wrong).plan(Schema.infer(table, {}))


def test_levels_that_do_not_nest_and_criteria_that_nobody_meets_are_refused_without_a_value():
    table = pd.DataFrame({"age": [11, 14, 15, 19] * 5, "place": ["a"] * 20, "flag": [True] * 20})
    crossed = {"age": {"levels": [{"edges": [12, 16]}, {"edges": [15, 20]}]}}
    with pytest.raises(Unusable, match="levels of age do not nest"):
        step(columns=crossed).apply(table, CONTEXT)
    with pytest.raises(Unusable, match="No generalisation"):
        step(k=6, exact=("age",), columns={"age": {}, "place": {}}).apply(table, CONTEXT)
    assert STEPS["generalise_to_k"] is GeneraliseToK


def test_records_of_a_class_with_one_sensitive_value_lose_all_keys_and_stay():
    table = pd.DataFrame({"place": ["a"] * 5 + ["b"] * 10, "illness": ["ill"] * 5 + ["ill", "well"] * 5})
    one = step(columns={"place": {"top": False}}, k=3, limit=0.5, sensitive="illness", l=2)
    out, evidence = one.apply(table, CONTEXT)
    assert out["place"].isna().tolist() == [True] * 5 + [False] * 10
    assert evidence["global"]["suppressed"] == evidence["cells"]["place"] == 5
    far = step(columns={"place": {"top": False}}, k=3, limit=0.5, sensitive="illness", t=0.2)
    assert far.apply(table, CONTEXT)[0]["place"].isna().sum() == 5
