"""What a grant has left, in numbers and in words, and what it would buy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from anonymization.dp import Accounting, Limit, Loss, total
from anonymization.dp.grants import Room, counts, room, together
from enclave.budget.model import BudgetGrant, BudgetRaise, Charge
from enclave.kernel.errors import NotFound
from enclave.kernel.kit import UnitOfWork

#: The delta at which a dataset's total is stated, so that grants in epsilon and in rho can be told as one number.
STATED_AT = 1e-6


@dataclass(frozen=True)
class Balance:
    """What a grant allows, what was charged to it, what is left.

    Args:
        limit: as granted, or as last raised.
        charged: the loss of every charge, as the measurements' maps said.
        most: what the policy lets one question cost, for the sentence on what is left.
    """

    grant: BudgetGrant
    limit: Limit
    charged: tuple[Loss, ...]
    most: Room

    @cached_property
    def spent(self) -> Loss:
        """All charges together, in the grant's accounting."""
        return total(self.charged, self.limit)

    @cached_property
    def room(self) -> Room:
        """The largest further question of each kind."""
        return room(self.charged, self.limit)

    @property
    def spent_epsilon(self) -> float:
        return self.spent.epsilon

    @property
    def spent_delta(self) -> float:
        return self.spent.delta

    @property
    def left(self) -> float:
        """The epsilon that one more question with Laplace noise may cost."""
        return self.room.epsilon

    def says(self) -> str:
        """What is left and what it would buy, in two sentences."""
        return f"{left_in_words(self)} {buys_in_words(self)}"


def in_words(loss: Loss | Limit, *, rho: bool) -> str:
    """An amount, as people write it: `epsilon 0.5`, `rho 0.1`, with its delta."""
    amount = f"rho {loss.rho:.4g}" if rho else f"epsilon {loss.epsilon:.4g}"
    return amount + (f" and delta {loss.delta:.2g}" if loss.delta else "")


def amounts(loss: Loss | Limit) -> dict[str, object]:
    """The same for the audit log."""
    named: dict[str, object] = {"epsilon": loss.epsilon, "delta": loss.delta, "rho": loss.rho}
    return named | ({"accounting": loss.accounting.value} if isinstance(loss, Limit) else {})


def price_in_words(loss: Loss) -> str:
    """What one question costs, in its own currency."""
    return in_words(loss, rho=bool(loss.rho))


def left_in_words(balance: Balance) -> str:
    """`Epsilon 0.4 of 1 is left.`, and for a grant in zCDP what that is for a question with Laplace noise."""
    limit, left = balance.limit, balance.room
    if limit.accounting is Accounting.ZCDP:
        also = f", or one with Laplace noise of epsilon {left.epsilon:.4g}" if left.epsilon else ""
        return (
            f"Rho {left.rho:.4g} of {limit.rho:.4g} is left (zCDP): one question with Gaussian noise of rho "
            f"{left.rho:.4g}{also}."
        )
    if limit.accounting is Accounting.PURE:
        return f"Epsilon {left.epsilon:.4g} of {limit.epsilon:.4g} is left."
    also = f", or with Gaussian noise of rho {left.rho:.4g}" if left.rho else ""
    return (
        f"Epsilon {balance.spent.epsilon:.4g} of {limit.epsilon:.4g} at delta {limit.delta:.2g} is spent; one more "
        f"question may cost epsilon {left.epsilon:.4g}{also}. Keys found in the data may spend a delta of "
        f"{left.delta:.2g}; half of what was granted is set aside."
    )


def buys_in_words(balance: Balance) -> str:
    """What is left as counts of households: the error of one, and of each of ten."""
    one = counts(balance.room, balance.limit, 1, balance.most)
    ten = counts(balance.room, balance.limit, 10, balance.most)
    if one is None:
        return "It buys nothing more."
    said = (
        f"That buys one more table of counts, each count within {one.within:,} households of the truth in 19 cases "
        "of 20"
    )
    return said + (f", or ten tables within {ten.within:,}." if ten else ".")


def left_of(balance: Balance) -> dict[str, Any]:
    """What a grant has left, as numbers and as a sentence.

    Returns:
        {accounting, epsilon, rho, delta: the largest further question of each kind, granted: the epsilon granted,
        granted_rho, granted_delta, says}.
    """
    left, limit = balance.room, balance.limit
    return {
        "accounting": limit.accounting.value,
        "epsilon": left.epsilon,
        "rho": left.rho,
        "delta": left.delta,
        "granted": limit.epsilon,
        "granted_rho": limit.rho,
        "granted_delta": limit.delta,
        "says": balance.says(),
    }


def balance_of(uow: UnitOfWork, grant: BudgetGrant, most: Room) -> Balance:
    """The balance as of this transaction; only the losses of the charges are read."""
    raises = uow.find(BudgetRaise, grant_id=grant.id)
    return Balance(grant, limit_of(grant, raises), losses(uow, grant_id=grant.id), most)


def losses(uow: UnitOfWork, **where: object) -> tuple[Loss, ...]:
    """The loss of each charge."""
    return tuple(Loss(*row) for row in uow.pick(Charge, ("epsilon", "delta", "rho"), **where))


def limit_of(grant: BudgetGrant, raises: Iterable[BudgetRaise]) -> Limit:
    """What a grant allows now: its newest raise, or what was granted at first."""
    newest = max(raises, key=lambda r: r.number, default=None)
    return newest.limit if newest else grant.limit


@dataclass(frozen=True, slots=True)
class DatasetTotal:
    """What all grants of a dataset amount to if everybody who asked puts their answers together.

    Args:
        loss: of every charge of every project and of the dataset's own tables, at about delta `STATED_AT`.
        granted: the same if every grant were spent to the end.
        grants, charges: how many there are.
    """

    dataset: str
    loss: Loss
    granted: Loss
    grants: int
    charges: int

    def says(self) -> str:
        """In a sentence."""
        return (
            f"{self.dataset}: everybody who asked, together, has spent {in_words(self.loss, rho=False)} (charges: "
            f"{self.charges}; grants: {self.grants}). Spent to the end, the grants would come to "
            f"{in_words(self.granted, rho=False)}."
        )


def dataset_spent(uow: UnitOfWork, dataset: str, more: Iterable[Loss] = ()) -> Loss:
    """Everybody's charges on a dataset together, with losses that are not charged yet."""
    return together([*losses(uow, dataset=dataset), *more], STATED_AT)


def dataset_total(uow: UnitOfWork, dataset: str) -> DatasetTotal:
    """Everybody's grants and charges on a dataset together."""
    grants = uow.find(BudgetGrant, dataset=dataset)
    if not grants:
        raise NotFound("No privacy budget was granted on that dataset yet.")
    charged = losses(uow, dataset=dataset)
    limits = [limit_of(g, uow.find(BudgetRaise, grant_id=g.id)).loss for g in grants]
    granted, spent = together(limits, STATED_AT), together(charged, STATED_AT)
    return DatasetTotal(dataset, spent, granted, len(grants), len(charged))
