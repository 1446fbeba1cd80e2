"""The yearly budget of a steward's list: weighed inside the ledger's charge, under its lock."""

from __future__ import annotations

from dataclasses import dataclass

from anonymization.dp import Accounting, Limit, Loss, total
from anonymization.dp.conversion import epsilon_of_rho
from enclave.budget.balance import STATED_AT
from enclave.budget.model import BudgetGrant, Charge
from enclave.budget.service import Question
from enclave.extracts.model import Extract
from enclave.extracts.tables import StandingList
from enclave.kernel.kit import UnitOfWork


def charged_in(uow: UnitOfWork, grant: BudgetGrant, year: int) -> dict[str, Loss]:
    """What the grant spent on the extracts that show a day of that year, by the charge's key.

    A steward's own questions on the dataset's budget are among them. What was charged in rho counts as the epsilon
    that it is at the delta at which totals are stated.
    """
    theirs = {e.id for e in uow.find(Extract, dataset=grant.dataset) if e.as_of.year == year}
    picked = uow.pick(Charge, ("extract", "key", "epsilon", "rho"), grant_id=grant.id)
    return {
        str(key): Loss(float(epsilon) + epsilon_of_rho(float(rho), STATED_AT))
        for extract, key, epsilon, rho in picked
        if extract in theirs
    }


@dataclass(frozen=True, slots=True)
class Year:
    """What the dataset's own budget may spend on the extracts of one calendar year.

    Args:
        year: of the day that the extract shows, not of the day on which it is drawn.
        draw: every question of this draw, so that a draw is paid as a whole or not begun.
    """

    listed: StandingList
    year: int
    draw: tuple[Question, ...] = ()

    @property
    def limit(self) -> Limit:
        return Limit(Accounting.PURE, epsilon=self.listed.epsilon)

    def spent(self, uow: UnitOfWork, grant: BudgetGrant) -> float:
        """Epsilon."""
        return total(charged_in(uow, grant, self.year).values(), self.limit).epsilon

    def __call__(self, uow: UnitOfWork, grant: BudgetGrant) -> str:
        """A sentence when what was spent and the unpaid rest of the draw go beyond the year; else nothing.

        Called by the ledger, which holds its lock: two draws cannot both see the same money.
        """
        paid, limit = charged_in(uow, grant, self.year), self.limit
        rest = [question.loss for question in self.draw if question.key not in paid]
        if total([*paid.values(), *rest], limit).within(limit.loss):
            return ""
        left = max(self.listed.epsilon - total(paid.values(), limit).epsilon, 0.0)
        return (
            f"The standing tables of {self.listed.dataset} may spend epsilon {self.listed.epsilon:g} on the extracts "
            f"of {self.year}. {left:.4g} is left, and the rest of this draw needs {total(rest, limit).epsilon:.4g}. "
            f"A new budget begins with the first extract of {self.year + 1}; to draw more before, ask the steward for "
            "a larger year in the list of standing tables."
        )
