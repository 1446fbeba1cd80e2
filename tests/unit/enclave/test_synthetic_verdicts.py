"""The policy's bounds as a verdict for the choice among methods."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from enclave.extracts import verdicts
from policies import PolicyBook

GOOD = {
    "exact_copies_share": 0.002,
    "closest_record_ratio": 0.97,
    "two_way_total_variation": 0.07,
    "three_way_total_variation": 0.105,
    "targeting_is_measured": True,
    "targeting_differential_error": 0.05,
    "free_text_columns": 0,
    "direct_identifiers_left": 0,
    "singling_out_risk": 0.01,
    "linkability_risk": 0.06,
    "inference_risk": 0.07,
}


def weighed(monkeypatch, **other):
    monkeypatch.setattr(verdicts, "synthetic_facts", lambda *_: {**GOOD, **other})
    judge = verdicts.judge(PolicyBook.packaged(), SimpleNamespace(), date(2026, 11, 21))
    return judge(SimpleNamespace(evidence={}, table=None))


def test_a_table_in_order_is_placed_by_its_worst_figure_of_fitness(monkeypatch):
    found = weighed(monkeypatch)
    assert (found.refused, found.held) == ((), ())
    assert found.fitness == pytest.approx(0.05 / 0.10)
    assert found.pairs == 0.07


def test_privacy_refuses_and_fitness_holds(monkeypatch):
    found = weighed(monkeypatch, inference_risk=0.2, targeting_differential_error=0.2)
    assert len(found.refused) == len(found.held) == 1
    assert "infers the worst-kept secret" in found.refused[0]
    assert found.fitness == pytest.approx(2.0)


def test_what_was_not_measured_refuses(monkeypatch):
    assert weighed(monkeypatch, linkability_risk=None).refused
