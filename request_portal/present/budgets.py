"""Privacy budgets and charges as people read them."""

from __future__ import annotations

from anonymization.dp import Limit
from enclave.budget.balance import in_words, price_in_words
from enclave.budget.model import Charge
from enclave.budget.service import Balance


def budget_left(balance: Balance) -> str:
    """What may still be asked and what that would buy, in sentences."""
    return balance.says()


def budget_spent(balance: Balance) -> str:
    """`epsilon 0.4 of epsilon 1`, in the grant's own accounting."""
    rho = bool(balance.limit.rho)
    return f"{in_words(balance.spent, rho=rho)} of {in_words(balance.limit, rho=rho)}"


def budget_share(balance: Balance) -> float:
    """How much of what was granted is spent, from 0 to 1."""
    limit, spent = balance.limit, balance.spent
    return min(1.0, spent.rho / limit.rho if limit.rho else spent.epsilon / limit.epsilon)


def amount(limit: Limit) -> str:
    """What was granted, in its own accounting: `epsilon 2 and delta 1e-06 (approx)`."""
    return f"{in_words(limit, rho=bool(limit.rho))} ({limit.accounting.value})"


def cost(charge: Charge) -> str:
    """What an answer cost, by the names of what was spent."""
    return price_in_words(charge.loss)
