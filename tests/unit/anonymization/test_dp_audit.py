"""Trying to disprove the claim from outside, and showing that the same auditor does catch what is broken.

Noise takes no seed, so every verdict below is drawn anew. They are held at a confidence at which an honest mechanism is
accused once in a thousand million runs, and with so many draws that a defect, and an auditor gone blind, lie many
standard errors of the log ratio away from the line.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anonymization.dp import DpQuery, Measure, Per, answer, calibration, mechanisms, noise
from anonymization.dp.aggregate import Grain
from anonymization.dp.audit import audit

RUNS, CONFIDENCE = 20_000, 1 - 1e-9
SMALL = pd.DataFrame(
    {"household_id": ["a", "b"], "pay": [10.0, 20.0], "cct": [True, False], "meals": [True, True]}
)
BIG = pd.DataFrame({"household_id": ["w"] * 9, "pay": [100.0] * 9, "cct": [True] * 9, "meals": [True] * 9})
BOTH = pd.concat([SMALL, BIG], ignore_index=True)


def count(**changes):
    return DpQuery(
        **{"table": "persons", "unit_id": "household_id", "measure": Measure.COUNT, "epsilon": 1.0, **changes}
    )


def draws(query, df, runs=RUNS):
    """What `runs` answers release, shape (runs, cells), for the price of one: only the noise differs between them.

    One answer is watched: which measurement it calls on which numbers, and that it releases what came back and nothing
    else. The same measurement is then called on the same numbers, over and over.
    """
    add, seen = noise.Noise.add, []

    def watched(self, values):
        seen.append((self, list(values), add(self, values)))
        return seen[-1][2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise.Noise, "add", watched)
        frame = answer(query, df).frame
    ((measurement, exact, released),) = seen
    tick = 1 if query.measure is Measure.COUNT else Grain.of(query).tick
    assert frame["value_raw"].tolist() == [value * tick for value in released]
    return np.reshape(add(measurement, exact * runs), (runs, len(exact)))


def audited(query, of=lambda cells: cells.sum(axis=1)):
    """The auditor's finding on one number of each answer: everything that the big household touches, added up."""
    one, other = (iter(of(draws(query, df))) for df in (BOTH, SMALL))
    return audit(lambda: next(one), lambda: next(other), runs=RUNS, confidence=CONFIDENCE)


def test_the_claim_for_a_household_of_nine_persons_stands():
    found = audited(count(per=Per.ROW, max_rows=9))
    assert not found.refutes(1.0), found
    assert found.lower_bound > 0.5, found  # the auditor is not blind: the truth is 1


def both_cells(cells):
    """A household in both programmes is told apart in both cells at once; the small table has 1 and 2."""
    return (cells - [1, 2]).min(axis=1)


def test_the_claim_for_overlapping_programmes_stands():
    found = audited(count(count_by_programme=("cct", "meals")), both_cells)
    assert not found.refutes(1.0), found
    assert found.lower_bound > 0.4, found


def test_the_claim_for_a_sum_stands():
    found = audited(count(measure=Measure.SUM, column="pay", lower=0, upper=100))
    assert not found.refutes(1.0), found
    assert found.lower_bound > 0.5, found


def test_a_person_unit_sold_as_a_household_is_caught_by_asking_again_and_again(monkeypatch):
    monkeypatch.setattr(calibration, "sensitivity", lambda query: (1, 1))
    query = count(per=Per.ROW, max_rows=9)
    one, other = (lambda df=df: float(answer(query, df).frame["value_raw"].sum()) for df in (BOTH, SMALL))
    found = audit(one, other, runs=400, confidence=CONFIDENCE)
    assert found.refutes(1.0), found


def test_programmes_counted_as_if_they_did_not_overlap_are_caught(monkeypatch):
    monkeypatch.setattr(calibration, "sensitivity", lambda query: (1, 1))
    query = count(count_by_programme=("cct", "meals"), epsilon=3.0)
    assert audited(query, both_cells).refutes(3.0)


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
    found = audited(count(per=Per.ROW, max_rows=9))
    assert found.refutes(1.0), found


def test_an_answer_without_noise_is_caught(monkeypatch):
    monkeypatch.setattr(noise.Noise, "add", lambda self, values: list(values))
    assert audited(count(per=Per.ROW, max_rows=9)).refutes(1.0)


def test_a_bound_is_stated_at_a_confidence_that_says_nothing_without_runs():
    assert audit(lambda: 0.0, lambda: 0.0, runs=20).lower_bound == 0
    assert audit(lambda: 1.0, lambda: 0.0, runs=2).lower_bound < 0.1
    assert audit(lambda: 1.0, lambda: 0.0, runs=400).lower_bound > 3
