"""The claim of a private answer held to what is seen through the whole way: asked, charged, drawn, kept, asked again."""

from __future__ import annotations

import pytest
from audit_ledger import STEWARD, AuditedEnclave, ledger_shapes

from anonymization import dp
from anonymization.dp.audit import audit_shape
from enclave.audit.model import AuditEvent
from enclave.budget.model import Charge
from enclave.budget.service import Budgets
from enclave.kernel.errors import EnclaveError

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


#: Facts of the log that are digests of rows, or names of what was charged.
DIGESTS = {"charge", "answer", "key", "grant"}
REFUSED = (
    {"measure": "count", "epsilon": 0.5, "group_by": ["nowhere"]},
    {"measure": "count", "epsilon": 0.5, "group_by": {"region": ["R99"]}},
    {"measure": "sum", "epsilon": 0.5, "column": "pay", "lower": 0, "upper": 10_000_000},
    {"measure": "count", "epsilon": 50.0},
    {"measure": "count", "rho": 0.1, "mechanism": "gaussian"},
)


def test_a_refusal_and_what_the_log_keeps_are_the_same_whoever_is_in_the_data(enclave):
    """With the worst household and without it: the same sentences, and of spending the same events and amounts."""
    pair = SHAPES["count of households by region"].pair()
    told, logged = [], []
    for table in (pair.with_it, pair.without):
        enclave.release(pair.query, table)
        with enclave.enclave.kit.read() as uow:
            slug = uow.find(Charge)[-1].dataset
        said = []
        for wanted in REFUSED:
            with pytest.raises(EnclaveError) as error:
                enclave.enclave.asking.ask(STEWARD, slug, wanted)
            said.append(str(error.value).replace(slug, "DATASET"))
        told.append(said)
        with enclave.enclave.kit.read() as uow:
            events = uow.find(AuditEvent)
        first = next(i for i, e in enumerate(events) if e.subject == f"dataset:{slug}")
        spending = [e for e in events[first:] if e.event.startswith("budget:")]
        logged.append([(e.event, {k: v for k, v in e.facts.items() if k not in DIGESTS}) for e in spending])
    assert told[0] == told[1]
    assert logged[0] == logged[1]
    assert len(logged[0]) > len(REFUSED[3:])  # the grant, the charge, the answer, and what was refused
    assert len(set(told[0])) == len(REFUSED)
