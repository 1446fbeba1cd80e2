"""The claim of a private answer held to what is seen through the whole way: asked, charged, drawn, kept, asked again."""

from __future__ import annotations

import pytest
from audit_ledger import AuditedEnclave, ledger_shapes

from anonymization import dp
from anonymization.dp.audit import audit_shape
from enclave.budget.model import Charge
from enclave.budget.service import Budgets

HONEST, BROKEN = 1 - 1e-7, 1 - 1e-6
SHAPES = {shape.name: shape for shape in ledger_shapes()}


@pytest.fixture
def enclave(tmp_path):
    return AuditedEnclave.at(tmp_path)


def found(enclave, name, runs, confidence):
    return audit_shape(SHAPES[name], runs=runs, alone=0, confidence=confidence, release=enclave.release)


@pytest.mark.parametrize(
    "name",
    ["count of persons, at most 9 of a household", "sum, Gaussian"],
)
def test_no_claim_is_refuted_and_each_release_is_charged_what_is_claimed(enclave, name):
    result = found(enclave, name, 1_000, HONEST)
    assert not result.refuted, result
    assert not result.errors, result
    with enclave.enclave.kit.read() as uow:
        charges = uow.find(Charge)
    claimed = [dp.Loss(c.epsilon, c.delta, c.rho) for c in charges]
    assert claimed == [result.claimed] * 2  # with the household and without it; asking again is free


def test_asking_again_shows_nothing_more(enclave):
    pair = SHAPES["count of households by region"].pair()
    first, again = enclave.release(pair.query, pair.with_it)
    assert first.equals(again)


def test_two_answers_for_one_charge_are_caught(enclave, monkeypatch):
    """The answer is not kept, so each who asks gets a draw of their own."""
    monkeypatch.setattr(Budgets, "_stored", lambda self, actor, charge, answer, *, again: answer)
    result = found(enclave, "count behind a filter that nobody else passes", 6_000, BROKEN)
    assert result.refuted, result
    with enclave.enclave.kit.read() as uow:
        assert len(uow.find(Charge)) == 12  # one each, though two were answered


def test_noise_drawn_anew_for_an_answer_that_is_kept_is_caught(enclave, monkeypatch):
    honest = Budgets.ask

    def anew(self, actor, question, project, draw, **more):
        honest(self, actor, question, project, draw, **more)
        return draw()

    monkeypatch.setattr(Budgets, "ask", anew)
    result = found(enclave, "count behind a filter that nobody else passes", 6_000, BROKEN)
    assert result.refuted, result
