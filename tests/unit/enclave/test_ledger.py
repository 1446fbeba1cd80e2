"""The ledger's arithmetic and what stands between a charge and its answer."""

from __future__ import annotations

import pytest
from houses import a_house

from anonymization.dp import Loss
from enclave.budget.model import Charge, ChargeState
from enclave.budget.service import Question
from enclave.kernel.errors import OverBudget


@pytest.fixture
def house(tmp_path):
    house = a_house(tmp_path)
    house.budgets.grant(house.actor("priya"), dataset="households", project="", epsilon=1.0)
    return house


def question(epsilon: float = 0.4, name: bytes = b"q") -> Question:
    return Question("households", "e1", name, {"n": 1}, Loss(epsilon), "household", "test", "test")


def test_what_an_asker_gets_is_what_is_stored_not_what_was_drawn(house):
    got = house.budgets.ask(house.actor("stefan"), question(), "", lambda: {"rows": (1, 2)})
    with house.kit.read() as uow:
        (charge,) = uow.find(Charge)
    assert got == charge.answer == {"rows": [1, 2]}
    assert charge.state is ChargeState.ANSWERED


def test_a_draw_that_comes_second_is_forgotten(house):
    stefan = house.actor("stefan")

    def slow():
        house.budgets.ask(stefan, question(), "", lambda: {"answer": "first"})
        return {"answer": "second"}

    assert house.budgets.ask(stefan, question(), "", slow) == {"answer": "first"}
    assert house.budgets.ask(stefan, question(), "", slow) == {"answer": "first"}
    assert house.budgets.balance("households").spent_epsilon == 0.4


def test_a_draw_that_fails_shows_nothing_and_can_be_repeated_without_paying_again(house):
    stefan = house.actor("stefan")

    def fail():
        raise RuntimeError

    for _ in range(3):
        with pytest.raises(RuntimeError):
            house.budgets.ask(stefan, question(0.9), "", fail)
    assert house.budgets.ask(stefan, question(0.9), "", lambda: {"answer": 1}) == {"answer": 1}
    with pytest.raises(OverBudget, match="Nothing was charged"):
        house.budgets.ask(stefan, question(0.9, b"another"), "", lambda: {"answer": 1})


def test_the_ledgers_audit_survives_a_query_that_cannot_be_priced(house):
    house.budgets.ask(house.actor("stefan"), question(), "", lambda: {"answer": 1})

    def loss_of(query):
        raise ValueError(query)

    (fault,) = house.budgets.audit(house.actor("priya"), loss_of)
    assert "cannot be priced" in fault
