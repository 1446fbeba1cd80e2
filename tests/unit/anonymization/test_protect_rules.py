"""What evaluators need survives, or the plan says which step would break it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import yaml

from anonymization import pipeline
from anonymization.errors import RecipeProblem
from anonymization.keys import KeyRing
from anonymization.recipe import load_recipe
from anonymization.schema import Schema

COLUMNS = {
    "hh": ("plain", []),
    "score": ("plain", []),
    "eligible": ("plain", []),
    "cutoff": ("plain", []),
    "welfare": ("plain", []),
    "region": ("quasi", []),
    "size": ("quasi", []),
}


def recipe(*steps, protect=None):
    """A recipe whose columns say what its steps do."""
    treatments = {name: list(t) for name, (_, t) in COLUMNS.items()}
    for [(kind, given)] in (s.items() for s in steps):
        columns = given.get("columns", given.get("places", given.get("keys", [])))
        for name in columns:
            treatments[name].append(kind)
    text = yaml.safe_dump(
        {
            "name": "r",
            "version": 1,
            "dataset": "d",
            "unit": "household",
            "tier": "scientific use",
            "columns": {
                n: {"role": role, "treatment": treatments[n] or "keep"} for n, (role, _) in COLUMNS.items()
            },
            "steps": [*steps, {"shuffle": {}}],
            "risk": {"keys": ["region"], "k": 2},
            "protect": {
                "cutoffs": {"score": [42.5], "welfare": 320},
                "together": [["score", "eligible", "cutoff"]],
            }
            if protect is None
            else protect,
        },
        sort_keys=False,
    )
    return load_recipe(text)


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    score = rng.uniform(0, 100, n).round(1)
    return pd.DataFrame(
        {
            "hh": np.arange(n),
            "score": score,
            "eligible": score < 42.5,
            "cutoff": 42.5,
            "welfare": np.exp(rng.normal(5.8, 0.5, n)).round(2),
            "region": rng.choice(["n", "s"], n),
            "size": rng.integers(1, 9, n),
        }
    )


def problems(*steps, protect=None):
    try:
        pipeline.plan(recipe(*steps, protect=protect), Schema.infer(table(), {"hh": "plain"}))
    except RecipeProblem as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    "step",
    [
        {"generalise": {"columns": {"score": {"edges": [20, 42.5, 60]}}}},
        {"generalise": {"columns": {"score": {"width": 5, "lower": 0, "upper": 100, "align_to": 42.5}}}},
        {"topcode": {"columns": {"welfare": {"top": 900}}}},
        {"tail_mean": {"columns": {"welfare": {"top": 900, "bottom": 100}}, "least": 3}},
        {
            "microaggregate": {
                "columns": ["welfare", "score"],
                "g": 3,
                "cutoffs": {"welfare": [320], "score": [42.5]},
            }
        },
        {"round": {"columns": {"welfare": 10}, "cutoffs": {"welfare": [320]}}},
        {"rank_swap": {"columns": ["welfare"], "window": 0.05, "cutoffs": {"welfare": [320]}}},
        {"noise": {"columns": ["size"], "share": 0.1}},
        {"suppress": {"keys": ["region", "size"], "k": 2}},
        {"drop": {"columns": ["score", "eligible", "cutoff"]}},
        {"sample": {"fraction": 0.5, "into": "w"}},
    ],
    ids=lambda s: next(iter(s)),
)
def test_what_keeps_the_use_is_allowed(step):
    assert problems(step) == ()


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"generalise": {"columns": {"score": {"edges": [20, 40]}}}}, "cut-off 42.5 among the edges"),
        ({"generalise": {"columns": {"welfare": {"edges": [100, 300]}}}}, "cut-off 320 among the edges"),
        ({"topcode": {"columns": {"welfare": {"top": 300}}}}, "top of welfare is below its cut-off 320"),
        ({"topcode": {"columns": {"welfare": {"bottom": 320}}}}, "bottom of welfare reaches its cut-off"),
        ({"microaggregate": {"columns": ["welfare"], "g": 3}}, "stay on its side of 320"),
        ({"round": {"columns": {"welfare": 50}}}, "stay on its side of 320"),
        ({"rank_swap": {"columns": ["welfare"], "window": 0.1}}, "stay on its side of 320"),
        ({"noise": {"columns": ["welfare"], "share": 0.1}}, "noise moves values across"),
        ({"pram": {"columns": ["welfare"], "stay": 0.9, "most": 999}}, "PRAM moves values across"),
        ({"noise": {"columns": ["score"], "share": 0.1}}, "a running variable"),
        (
            {"rank_swap": {"columns": ["score"], "window": 0.1, "cutoffs": {"score": [42.5]}}},
            "a running variable",
        ),
        ({"pram": {"columns": ["eligible"], "stay": 0.9}}, "score, eligible and cutoff are one fact"),
        ({"round": {"columns": {"cutoff": 10}}}, "score, eligible and cutoff are one fact"),
        (
            {"record_swap": {"places": ["score", "eligible"], "alike": ["size"], "keys": ["region"], "k": 2}},
            "one fact",
        ),
        ({"drop": {"columns": ["score"]}}, "score would be dropped and eligible and cutoff kept"),
        (
            {"drop": {"columns": ["eligible", "cutoff"]}},
            "eligible and cutoff would be dropped and score kept",
        ),
        ({"pseudonymise": {"columns": ["welfare"], "domain": "x"}}, "cannot promise to keep to them"),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)
def test_what_would_spoil_the_use_is_refused_with_a_sentence(step, words):
    found = problems(step)
    assert any(words in p for p in found), found
    assert problems(step, protect={}) == ()


def test_a_score_is_banded_only_where_its_cut_off_is_known():
    step = {"generalise": {"columns": {"score": {"edges": [42.5]}}}}
    [sentence] = problems(step, protect={"together": [["score", "eligible"]]})
    assert "without its cut-off" in sentence


def test_names_that_are_not_there_and_empty_rules_are_refused():
    assert "protect names nope" in problems(protect={"cutoffs": {"nope": 1}})[0]
    for wrong in ({"cutoffs": {"score": []}}, {"together": [["score"]]}, {"else": 1}):
        with pytest.raises(RecipeProblem, match="protect"):
            recipe(protect=wrong)


def test_a_step_that_drops_rare_records_needs_reweighting_after_it():
    from anonymization.protect import Protect, broken
    from anonymization.steps import Intent

    empty = Schema(())
    fewer = Intent("lattice", (), (), (), empty, "", rows="fewer")
    again = Intent("reweight", (), ("w",), (), empty, "")
    rule = Protect(cutoffs={"x": (1.0,)})
    [sentence] = broken(rule, ["x"], [(None, fewer)])
    assert "put reweight after it" in sentence
    assert broken(rule, ["x"], [(None, fewer), (None, again)]) == []
    assert broken(Protect(), ["x"], [(None, fewer)]) == []


def test_a_recipe_of_all_of_it_runs_and_the_poor_and_the_eligible_stay_who_they_are():
    whole = recipe(
        {"microaggregate": {"columns": ["welfare"], "g": 3, "cutoffs": {"welfare": [320]}}},
        {"generalise": {"columns": {"score": {"width": 5, "lower": 0, "upper": 100, "align_to": 42.5}}}},
        {"noise": {"columns": ["size"], "share": 0.2}},
        {"pram": {"columns": ["region"], "stay": 0.9}},
        {"sample": {"fraction": 0.5, "into": "w", "margins": ["eligible"]}},
    )
    before = table()
    made, parted = (
        pipeline.run(
            whole,
            before,
            KeyRing(b"a master key of the tests"),
            scope="s",
            reference_date=date(2026, 1, 1),
            schema=Schema.infer(before, {"hh": "plain"}),
            partitions=n,
        )
        for n in (1, 3)
    )
    assert parted.digest == made.digest
    assert parted.evidence["steps"] == made.evidence["steps"]
    out = made.table.merge(before, on="hh", suffixes=("", "_before"))
    assert len(out) == 200
    assert ((out["welfare"] < 320) == (out["welfare_before"] < 320)).all()
    assert out.groupby("score")["eligible"].agg("nunique").max() == 1
    assert out.groupby("eligible")["w"].sum().to_numpy() == pytest.approx(
        before.groupby("eligible").size().to_numpy()
    )
