"""Trying to disprove the claim of every question that is answered, from outside; and the auditor itself held to account.

Noise takes no seed, so every verdict is drawn anew. All of them together accuse an honest product once in a million
runs; that they would see a broken one is shown in `test_dp_audit_broken`. `make audit-dp` asks longer.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest

from anonymization import dp
from anonymization.dp.accountant import Loss
from anonymization.dp.audit import SHAPES, Claim, audit, audit_shape, confidence_of
from anonymization.dp.audit.bounds import least
from anonymization.dp.audit.claims import DELTAS, claims
from anonymization.dp.audit.coverage import Bounding, Kind, exposed, priced, unaudited
from anonymization.dp.audit.events import audit_answers
from anonymization.dp.audit.neighbours import crowd, told_apart
from anonymization.dp.audit.report import as_data, table
from anonymization.dp.audit.running import answers
from anonymization.dp.audit.synthetic import audit_mst
from anonymization.dp.mechanisms import answer
from anonymization.dp.noise import epsilon_of_rho

CONFIDENCE = confidence_of(len(SHAPES) + 1)
BY_NAME = {shape.name: shape for shape in SHAPES}


# Every claim stands


@pytest.mark.parametrize("name", BY_NAME)
def test_no_claim_is_refuted(name):
    runs = 100 if "quantile" in name else 500
    found = audit_shape(BY_NAME[name], runs=runs, alone=6, confidence=CONFIDENCE)
    assert not found.refuted, found
    assert not found.errors, found
    assert found.crowd.often[1] + found.alone.often[1] > 0, found  # something was told apart, and measured


def test_the_claim_of_a_private_synthesis_is_not_refuted():
    found = audit_mst(runs=120, confidence=CONFIDENCE)
    assert not found.refuted, found
    assert found.alone.often[1] == 60


# Nothing is exposed without an audit


def test_every_measure_noise_and_kind_of_key_that_is_priced_is_audited():
    assert unaudited(SHAPES) == []
    assert len(list(exposed())) > 40


def test_a_kind_or_a_bounding_that_nobody_audits_is_named():
    offered = list(exposed())
    for of in (Kind, Bounding):
        for left_out in {of.asked(s.query) for s in SHAPES}:
            assert left_out in unaudited([s for s in SHAPES if of.asked(s.query) != left_out], offered)


def test_every_shape_is_answered_and_every_field_of_a_query_is_asked_by_some_shape():
    assert [s.name for s in SHAPES if not priced(s)] == []
    plain = dp.DpQuery("audited", "household_id", dp.Measure.COUNT, 1.0)
    same_for_all = {"table", "unit_id"}
    never = {
        f.name
        for f in fields(dp.DpQuery)
        if all(getattr(s.query, f.name) == getattr(plain, f.name) for s in SHAPES)
    }
    assert never == same_for_all


# A crowd is many registries side by side


@pytest.mark.parametrize(
    "name", ["sum of household totals by region", "count by keys found in the data, at the threshold"]
)
def test_a_world_of_a_crowd_answers_as_its_pair_does_alone(monkeypatch, name):
    """Without noise: the same exact numbers in each world, and no household of one world in another."""
    one = BY_NAME[name].pair()
    many = crowd(one, 3)
    if one.query.unknown_keys:
        tables = [told_apart(many.query, many.with_it[["region"]])[0], one.with_it]
        assert set(tables[0]["region"]) == set(tables[1]["region"])
    else:
        monkeypatch.setattr(dp.mechanisms.noise.Noise, "add", lambda self, values: [int(v) for v in values])
        shown = answers(many, many.with_it, 1, answer)
        alone = answers(one, one.with_it, 1, answer)
        assert len(shown) == 3
        for row in range(3):
            pd.testing.assert_frame_equal(shown.iloc[[row]].reset_index(drop=True), alone)
    ids = many.with_it.groupby("world")["household_id"].agg(set)
    assert not set.intersection(*ids)


# The auditor


def test_the_bound_is_made_of_exact_binomial_intervals():
    for often, seldom, n, m in ((50, 3, 100, 120), (100, 0, 100, 100), (7, 7, 40, 30)):
        low = binomtest(often, n).proportion_ci(0.98, method="exact").low
        high = binomtest(seldom, m).proportion_ci(0.98, method="exact").high
        bound = least(np.array(often), np.array(seldom), n, m, 0.98, 0.1)
        assert bound == pytest.approx(np.log((low - 0.1) / high) if low > 0.1 else -np.inf)


def test_a_bound_overstates_no_more_often_than_its_confidence_says():
    """Randomised response of a known epsilon, 120 audits at 95%: at most so many above it as chance allows."""
    rng, epsilon = np.random.default_rng(7), 1.0
    truth = np.exp(epsilon) / (1 + np.exp(epsilon))
    over = 0
    for _ in range(120):
        a, b = (pd.DataFrame({"answer": (rng.random(120) < p).astype(float)}) for p in (truth, 1 - truth))
        over += audit_answers(a, b, claims=[Claim(epsilon)], confidence=0.95).refuted
    assert over <= binom.ppf(1 - 1e-6, 120, 0.05)


def test_many_events_looked_at_prove_nothing_where_there_is_nothing():
    """Twenty numbers of pure chance: what looks worst on one half is measured on the other."""
    rng = np.random.default_rng(11)
    refuted = 0
    for _ in range(8):
        a, b = (pd.DataFrame(rng.normal(size=(60, 20))).add_prefix("value ") for _ in range(2))
        refuted += audit_answers(a, b, claims=[Claim(0.0)], confidence=0.9).refuted
    assert refuted <= binom.ppf(1 - 1e-6, 8, 0.1)


def test_delta_is_allowed_for_and_no_more_than_it():
    rng = np.random.default_rng(3)

    def shown(share):
        return pd.DataFrame({"value": np.where(rng.random(20_000) < share, 1.0, np.nan)})

    never = shown(0.0)
    within = audit_answers(shown(0.010), never, claims=[Claim(0.5, 0.0125)], confidence=1 - 1e-6)
    beyond = audit_answers(shown(0.030), never, claims=[Claim(0.5, 0.0125)], confidence=1 - 1e-6)
    assert not within.refuted
    assert beyond.refuted


def test_a_claim_in_rho_is_tried_at_each_delta_by_opendps_conversion():
    tried = claims(Loss(rho=0.2))
    assert [c.delta for c in tried] == list(DELTAS)
    assert [c.epsilon for c in tried] == [epsilon_of_rho(0.2, d) for d in DELTAS]
    assert claims(Loss(0.5, 1e-3)) == (Claim(0.5, 1e-3),)


def test_a_bound_is_stated_at_a_confidence_that_says_nothing_without_runs():
    assert audit(lambda: 0.0, lambda: 0.0, runs=20).lower_bound == 0
    assert audit(lambda: 1.0, lambda: 0.0, runs=2).lower_bound < 0.1
    assert audit(lambda: 1.0, lambda: 0.0, runs=400).lower_bound > 3


def test_an_error_is_an_answer_and_is_told_apart_by_its_words():
    one = BY_NAME["count of households by region"].pair()

    def release(query, df):
        raise KeyError(f"{len(df)} rows")

    shown = [answers(one, side, 40, release) for side in (one.with_it, one.without)]
    found = audit_answers(*shown, claims=[Claim(0.0)], confidence=0.999)
    assert found.lower_bound > 0.5
    assert "KeyError" in found.event


def test_the_report_says_what_was_claimed_what_was_seen_and_how_sure():
    found = audit_shape(BY_NAME["count of households by region"], runs=1_000, alone=0, confidence=CONFIDENCE)
    told = as_data(found)
    (one,) = told["audits"]
    assert (told["claimed"]["epsilon"], told["refuted"], one["answers"]) == (1.0, False, 1_000)
    assert one["lower_bound_95"] > one["lower_bound"]
    assert "stands" in table([found])
    assert "ERRORS" in table([replace(found, errors=1)])
    caught = replace(found, crowd=replace(found.crowd, lower_bound=2.0))
    assert "REFUTED" in table([caught])
