"""One release, whatever the partitions: any table, any of the steps, one part or many."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymization.errors import AnonymizationError
from anonymization.keys import KeyRing
from anonymization.pipeline import run
from anonymization.recipe import Recipe
from anonymization.schema import Schema
from anonymization.steps import STEPS, Context
from anonymization.steps.base import GlobalStep

RING = KeyRing(b"a master key of the tests")
DAY = date(2026, 1, 1)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

#: Steps that any table of `tables` can take, and the columns that they treat.
CHOICES = {
    "pseudonymise": ({"columns": ["hh"], "domain": "household"}, ["hh"]),
    "topcode": ({"columns": {"n": {"top": 5}}}, ["n"]),
    "generalise": ({"columns": {"m": {"edges": [2, 4]}}}, ["m"]),
    "round": ({"columns": {"x": 0.5}, "random": True}, ["x"]),
    "noise": ({"columns": ["y"], "share": 0.1}, ["y"]),
    "microaggregate": ({"columns": ["z"], "g": 3}, ["z"]),
    "rank_swap": ({"columns": ["v"], "window": 0.2}, ["v"]),
    "pram": ({"columns": ["d"], "stay": 0.7}, ["d"]),
    "sample": ({"fraction": 0.6, "unit": "hh"}, []),
    "suppress": ({"keys": ["a", "b"], "k": 2}, ["a", "b"]),
    "shuffle": ({}, []),
}
COLUMNS = ("hh", "n", "m", "x", "y", "z", "v", "d", "a", "b", "when", "flag")


@st.composite
def tables(draw):
    n = draw(st.integers(8, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    gaps = draw(st.booleans())
    table = pd.DataFrame(
        {
            "hh": rng.integers(0, max(2, n // 2), n),
            **{name: rng.integers(0, 9, n) for name in "nm"},
            **{name: rng.normal(5, 3, n).round(3) for name in "xyzv"},
            **{name: rng.choice(["p", "q", "r"], n) for name in "dab"},
            "when": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "flag": rng.random(n) < 0.5,
        }
    )
    if gaps:
        for name in ("n", "x", "a", "flag", "m"):
            table[name] = table[name].astype(object).where(rng.random(n) > 0.2, None)
        for name in "nxm":
            table[name] = table[name].astype(float)
    return table


def recipe_of(chosen: list[str]) -> Recipe:
    treated: dict[str, list[str]] = {name: [] for name in COLUMNS}
    for kind in chosen:
        for name in CHOICES[kind][1]:
            treated[name].append(kind)
    if not treated["hh"]:
        chosen = ["pseudonymise", *chosen]
        treated["hh"] = ["pseudonymise"]
    return Recipe.model_validate(
        {
            "name": "any", "version": 1, "dataset": "any", "unit": "person", "tier": "scientific use",
            "columns": {
                n: {"role": "direct" if n == "hh" else "quasi", "treatment": t or ["keep"]} for n, t in treated.items()
            },
            "steps": [{kind: CHOICES[kind][0]} for kind in chosen],
            "risk": {"keys": ["a", "b", "m"], "k": 2, "household": "hh", "sensitive": ["d"], "closeness": True},
        }
    )  # fmt: skip


def outcome(recipe: Recipe, table: pd.DataFrame, parts: int):
    """The digest and the evidence, or the sentence that refuses."""
    try:
        made = run(recipe, table, RING, scope="s", reference_date=DAY, partitions=parts)
    except AnonymizationError as error:
        return type(error).__name__, error.sentence
    return made.digest, json.dumps(made.evidence, sort_keys=True, default=str)


@given(tables(), st.lists(st.sampled_from(sorted(CHOICES)), min_size=1, max_size=6, unique=True))
@QUICK
def test_one_release_and_one_evidence_for_any_number_of_parts(table, chosen):
    # Nothing may come after suppress that could undo it; the order is the recipe's otherwise.
    recipe = recipe_of(
        [c for c in chosen if c not in ("suppress", "shuffle")]
        + [c for c in ("suppress", "shuffle") if c in chosen]
    )
    whole = outcome(recipe, table, 1)
    for parts in (3, 20):
        assert outcome(recipe, table, parts) == whole


@given(tables())
@QUICK
def test_every_household_is_whole_in_one_part(table):
    from anonymization.partitions.intake import take_in
    from anonymization.partitions.sources import FrameSource
    from anonymization.partitions.store import MemoryStore

    store = MemoryStore()
    taken = take_in(
        FrameSource(table), store, RING, "s", household="hh", parts=5, digest="", limit=0, told=lambda _: None
    )
    homes = [
        {v for t in store.tables("raw", p) for v in t.column("hh").to_pylist()} for p in range(taken.parts)
    ]
    assert sum(len(h) for h in homes) == table["hh"].nunique()
    rows = sorted(
        n for p in range(taken.parts) for t in store.tables("raw", p) for n in t.column("__row__").to_pylist()
    )
    assert rows == list(range(len(table)))


@pytest.mark.parametrize("kind", [k for k in CHOICES if k not in ("sample", "shuffle")])
def test_a_step_goes_by_position_and_keeps_the_numbers_of_its_rows(kind):
    """The index holds row numbers in any order: a step that aligns on it would mix people up."""
    step = recipe_of([kind]).built_steps()[-1]
    rng = np.random.default_rng(1)
    n = 40
    table = pd.DataFrame(
        {
            "hh": np.arange(n) // 2, **{c: rng.integers(0, 9, n) for c in "nm"},
            **{c: rng.normal(5, 3, n).round(3) for c in "xyzv"}, **{c: rng.choice(["p", "q", "r"], n) for c in "dab"},
        },
        index=pd.Index(rng.permutation(1_000)[:n]),
    )  # fmt: skip
    context = Context(RING, "s", DAY)
    step.plan(Schema.infer(table, {}))
    out, _ = step.apply(table, context)
    assert out.index.equals(table.index)
    again, _ = step.apply(table.sort_index(), context)
    if isinstance(step, GlobalStep):  # the same people get the same values when they come in another order
        pd.testing.assert_frame_equal(again.loc[out.index], out)
    changed = list(CHOICES[kind][1])
    assert out[changed].notna().to_numpy().any()


def test_every_step_that_a_recipe_may_have_is_tried_here_or_named():
    elsewhere = {
        "drop", "tail_mean", "redact_text", "generalise_to_k", "shift_dates", "coarsen_place", "record_swap", "reweight",
    }  # fmt: skip
    assert set(STEPS) == set(CHOICES) | elsewhere
