"""The gate of synthetic tables against synthesizers that are wrong: one that copies, one that forgets relations."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from anonymization.schema import FieldType
from anonymization.synth import SynthesisPlan, methods, synthesise
from anonymization.synth.protocol import Bounds
from anonymization.utility import ModelQuestion, TargetingQuestion
from enclave.extracts.gates import fitness_facts, synthetic_facts
from policies import PolicyBook
from policies.engine import decide

COLUMNS = {
    "region": FieldType.STRING,
    "size": FieldType.INTEGER,
    "score": FieldType.NUMBER,
    "enrolled": FieldType.BOOLEAN,
    "welfare": FieldType.NUMBER,
}
DATASET = SimpleNamespace(columns=(), unit_id="household_id")


class Wrong:
    """Gives training rows back: whole, or each column shuffled by itself."""

    name, version = "wrong", "1"

    def __init__(self, *, whole):
        self._whole = whole

    def plan(self, schema, rows):
        return Bounds(1, 1, "")

    def fit(self, df, watch=None):
        self._df = df

    def sample(self, n, seed):
        rng = np.random.default_rng(seed)
        rows = rng.integers(0, len(self._df), n)
        if self._whole:
            return self._df.iloc[rows].reset_index(drop=True)
        columns = {c: self._df[c].to_numpy()[rng.permutation(rows)] for c in self._df}
        return pd.DataFrame(columns)


def households(n=4000):
    rng = np.random.default_rng(3)
    score = rng.normal(50, 15, n).round(1)
    return pd.DataFrame(
        {
            "household_id": [f"H{i}" for i in range(n)],
            "region": rng.choice(list("ABCDEF"), n),
            "size": rng.integers(1, 10, n),
            "score": score,
            "enrolled": rng.random(n) < np.where(score < 45, 0.8, 0.1),
            "welfare": np.exp(rng.normal(0, 0.2, n) + score / 40 + 4.0).round(2),
        }
    )


def decided(method):
    plan = SynthesisPlan(
        columns=COLUMNS,
        unit_id="household_id",
        quasi_identifiers=("region", "size"),
        method=method,
        question=TargetingQuestion(("enrolled",), welfare="welfare", line=180),
        models=(
            ModelQuestion("proxy means test", "welfare", ("score", "size", "region"), log=True),
            ModelQuestion("enrolment on score", "enrolled", ("score", "size"), "logistic"),
        ),
    )
    made = synthesise(households(), plan, 1)
    facts = synthetic_facts(made.evidence, made.table, DATASET)
    return decide(
        PolicyBook.packaged().document("synthetic-data"), "synthetic-data", facts, date(2026, 11, 25)
    )


@pytest.fixture
def wrong(monkeypatch):
    extra = {"copies": lambda _: Wrong(whole=True), "forgets": lambda _: Wrong(whole=False)}
    monkeypatch.setattr(methods, "METHODS", {**methods.METHODS, **extra})


def test_a_synthesizer_that_gives_people_back_is_refused(wrong):
    decision = decided("copies")
    assert decision.outcome == "deny"
    said = " ".join(decision.refusals)
    assert "At most 1% of the synthetic rows equal a real one" in said
    assert "then build again" in said


def test_a_synthesizer_that_forgets_relations_is_held_with_the_bound_and_the_next_step(wrong):
    decision = decided("forgets")
    assert not decision.allowed
    said = " ".join(decision.refusals)
    assert "targeting differential of every programme lies within 0.1" in said
    assert "Try a method that keeps relations (cart)" in said
    assert "overlap with those of the real data by 40% or more" in said
    assert "predicts real people whom it has not seen at most 0.1 worse" in said
    assert (
        "Trees tell a synthetic row from a real one in at most 95%" not in said
    )  # 5 columns: few relations to see


def test_trees_keep_what_evaluators_ask_and_copy_nobody():
    decision = decided("cart")
    kept = {
        "targeting-is-kept", "triples-close-enough-to-use", "few-exact-copies", "not-too-close", "regressions-are-kept",
        "no-coefficient-is-reversed", "what-is-learnt-holds-for-real-people", "not-told-apart-at-a-glance",
    }  # fmt: skip
    assert kept <= {f.rule for f in decision.findings if f.outcome == "allow"}


def facts(models, losses):
    utility = {
        "targeting": {},
        "models": {
            n: dict(zip(("overlap", "combined_overlap", "reversed"), m, strict=True))
            for n, m in models.items()
        },
        "prediction": {n: {"loss": loss} for n, loss in losses.items()},
        "discriminator": {"area": 0.6},
    }
    return fitness_facts({"utility": utility})


def test_the_worst_model_is_weighed_over_all_tables_combined():
    found = facts({"a": (0.9, 0.8, 0), "b": (0.5, 0.7, 2)}, {"a": 0.02, "b": 0.01})
    assert found["models_are_measured"] is True
    assert (found["regression_overlap"], found["coefficients_reversed"], found["prediction_loss"]) == (
        0.7,
        2,
        0.02,
    )


def test_a_model_that_the_real_rows_cannot_be_fitted_with_is_no_question():
    found = facts({"a": (None, None, None), "b": (0.5, 0.7, 0)}, {"a": None, "b": None})
    assert (found["models_are_measured"], found["regression_overlap"]) == (True, 0.7)
    assert found["prediction_loss"] is None  # not known: the policy denies
    assert facts({"a": (None, None, None)}, {"a": None})["models_are_measured"] is False
    assert facts({}, {})["models_are_measured"] is False
