"""Trying to disprove the claim from outside, and showing that the same auditor does catch what is broken."""

from __future__ import annotations

import pandas as pd

from anonymization.dp import DpQuery, Measure, Per, answer, mechanisms, noise
from anonymization.dp.audit import audit

SMALL = pd.DataFrame(
    {"household_id": ["a", "b"], "pay": [10.0, 20.0], "cct": [True, False], "meals": [True, True]}
)
BIG = pd.DataFrame({"household_id": ["w"] * 9, "pay": [100.0] * 9, "cct": [True] * 9, "meals": [True] * 9})
BOTH = pd.concat([SMALL, BIG], ignore_index=True)


def count(**changes):
    return DpQuery(
        **{"table": "persons", "unit_id": "household_id", "measure": Measure.COUNT, "epsilon": 1.0, **changes}
    )


def statistic(query, df):
    """One number of one answer: everything that the big household touches, added up."""
    return lambda: float(answer(query, df).frame["value_raw"].sum())


def audited(query, runs):
    return audit(statistic(query, BOTH), statistic(query, SMALL), runs=runs)


def test_the_claim_for_a_household_of_nine_persons_stands():
    found = audited(count(per=Per.ROW, max_rows=9), 1200)
    assert not found.refutes(1.0), found
    assert found.lower_bound > 0.3  # the auditor is not blind: the truth is 1


def test_the_claim_for_overlapping_programmes_stands():
    found = audited(count(count_by_programme=("cct", "meals")), 700)
    assert not found.refutes(1.0), found


def test_the_claim_for_a_sum_stands():
    found = audited(count(measure=Measure.SUM, column="pay", lower=0, upper=100), 700)
    assert not found.refutes(1.0), found


def test_a_person_unit_sold_as_a_household_is_caught(monkeypatch):
    monkeypatch.setattr(mechanisms, "sensitivity", lambda query: (1, 1))
    found = audited(count(per=Per.ROW, max_rows=9), 400)
    assert found.refutes(1.0), found


def test_programmes_counted_as_if_they_did_not_overlap_are_caught(monkeypatch):
    monkeypatch.setattr(mechanisms, "sensitivity", lambda query: (1, 1))
    query = count(count_by_programme=("cct", "meals"), epsilon=3.0)
    # A household is in both, and so is told apart in both cells.
    assert audit(statistic_min(query, BOTH), statistic_min(query, SMALL), runs=1000).refutes(3.0)


def statistic_min(query, df):
    def draw():
        frame = answer(query, df).frame.set_index("programme")["value_raw"]
        return float(min(frame["cct"] - 1, frame["meals"] - 2))

    return draw


def test_halved_noise_is_caught(monkeypatch):
    honest = noise._laplace
    plan = mechanisms._plan

    def halved(query, most_cells):
        made = plan(query, most_cells)
        weak = noise.Noise(
            honest(made.count.scale / 2), made.count.scale, made.count.epsilon, made.count.sensitivity
        )
        return mechanisms._Plan(weak, made.total, made.loss)

    monkeypatch.setattr(mechanisms, "_plan", halved)
    found = audited(count(per=Per.ROW, max_rows=9), 1600)
    assert found.refutes(1.0), found


def test_an_answer_without_noise_is_caught(monkeypatch):
    monkeypatch.setattr(noise.Noise, "add", lambda self, values: list(values))
    assert audited(count(per=Per.ROW, max_rows=9), 100).refutes(1.0)


def test_a_bound_is_stated_at_a_confidence_that_says_nothing_without_runs():
    assert audit(lambda: 0.0, lambda: 0.0, runs=20).lower_bound == 0
    assert audit(lambda: 1.0, lambda: 0.0, runs=2).lower_bound < 0.1
    assert audit(lambda: 1.0, lambda: 0.0, runs=400).lower_bound > 3
