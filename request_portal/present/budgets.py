"""Privacy budgets and charges as a member of a project reads them."""

from __future__ import annotations

from enclave.budget.model import Charge
from enclave.budget.receipts import loss_of_charge
from enclave.budget.service import Balance
from enclave.workspaces.querying import left_of


def budget_left(balance: Balance) -> str:
    """What a project may still ask, in a sentence."""
    left = {name: value for name, value in left_of(balance).items() if name != "granted"}
    parts = [f"{name} {value:.4g}" for name, value in left.items() if value or name == "epsilon"]
    return f"{', '.join(parts)} is left."


def cost(charge: Charge) -> str:
    """What an answer cost, by the names of what was spent."""
    return ", ".join(f"{name} {value:.4g}" for name, value in loss_of_charge(charge).items() if value)
