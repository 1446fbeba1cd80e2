"""Granting a privacy budget and raising it: rows that are added, never changed, each weighed by policy first."""

from __future__ import annotations

from dataclasses import dataclass

from anonymization.dp import Accounting, Limit, total
from anonymization.errors import AnonymizationError
from enclave.budget.balance import amounts, dataset_total, in_words, limit_of, losses
from enclave.budget.digests import grant_digest
from enclave.budget.model import BudgetGrant, BudgetRaise
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, Invalid, NotFound
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork

#: Shorter than this a reason says nothing.
_SHORTEST_REASON = 5


@dataclass(frozen=True, slots=True)
class Granting:
    """What the privacy officer does."""

    kit: Kit

    def grant(
        self,
        actor: Actor,
        *,
        dataset: str,
        project: str,
        epsilon: float,
        delta: float,
        rho: float,
        accounting: Accounting | None,
    ) -> BudgetGrant:
        """Gives a project (or with project "" the dataset's own tables) a budget.

        Args:
            epsilon, delta, rho: epsilon alone is pure, with a delta approximate; rho is zCDP.
            accounting: how charges add up, where the amounts leave it open or must agree.

        Raises:
            Invalid: the amounts do not go together, or a policy does not allow so much.
            Conflict: it has one already; raise that.
        """
        actor.must(Capability.BUDGET_GRANT)
        limit = limit_from(accounting, epsilon, delta, rho)
        with self.kit.write() as uow:
            uow.number(f"ledger:{dataset}")
            grant = BudgetGrant(
                new_id(), dataset, project, limit.epsilon, limit.delta, "household", actor.name,
                self.kit.clock.now(), accounting=limit.accounting, rho=limit.rho,
            )  # fmt: skip
            if uow.first(BudgetGrant, dataset=dataset, project=project) is not None:
                raise Conflict("There is such a privacy budget already. Raise it instead.")
            uow.add(grant)
            cites = self._granted(uow, dataset, limit)
            digest = grant_digest(uow.get(BudgetGrant, grant.id))
            facts = {"project": project, **amounts(limit), "grant": digest}
            uow.audit(Event.BUDGET_GRANT, actor, f"dataset:{dataset}", facts, cites)
            uow.commit()
        return grant

    def raise_grant(
        self,
        actor: Actor,
        *,
        dataset: str,
        project: str,
        epsilon: float,
        delta: float,
        rho: float,
        accounting: Accounting | None,
        reason: str,
    ) -> None:
        """Gives a grant a larger limit, as a row of its own; what was granted before stays on record.

        Args:
            epsilon, delta, rho: the whole new limit, not what is added. An epsilon alone raises a grant in epsilon
                and leaves its delta.
            reason: why, for the audit log.

        Raises:
            NotFound: there is no grant to raise.
            Invalid: the limit is not larger, the accounting would change in a way that charges do not survive, there
                is no reason, or a policy does not allow so much.
        """
        actor.must(Capability.BUDGET_GRANT)
        if len(reason.strip()) < _SHORTEST_REASON:
            raise Invalid(["Say in a few words why the budget is raised."])
        with self.kit.write() as uow:
            uow.number(f"ledger:{dataset}")
            grant = uow.first(BudgetGrant, dataset=dataset, project=project)
            if grant is None:
                raise NotFound("There is no privacy budget to raise yet. Grant one first.")
            raises = uow.find(BudgetRaise, grant_id=grant.id)
            before = limit_of(grant, raises)
            limit = limit_from(accounting, epsilon, delta or (before.delta if not rho else 0.0), rho)
            _must_be_more(before, limit)
            made = BudgetRaise(
                new_id(), grant.id, len(raises) + 1, limit.accounting, limit.epsilon, limit.delta, limit.rho,
                reason.strip(), actor.name, self.kit.clock.now(),
            )  # fmt: skip
            uow.add(made)
            cites = self._granted(uow, dataset, limit)
            digest = grant_digest(uow.get(BudgetRaise, made.id))
            facts = {"project": project, "number": made.number, "reason": made.reason}
            facts |= {**amounts(limit), "grant": digest}
            uow.audit(Event.BUDGET_RAISE, actor, f"grant:{grant.id}", facts, cites)
            if not total(losses(uow, grant_id=grant.id), limit).within(limit.loss):
                raise Invalid(["What was charged already does not fit that limit; choose a larger one."])
            uow.commit()

    def _granted(self, uow: UnitOfWork, dataset: str, limit: Limit) -> list[str]:
        """The policy's word on a grant that was just written; raises Invalid and so undoes it."""
        facts = {
            "accounting": limit.accounting.value,
            "epsilon_granted": limit.epsilon,
            "delta_granted": limit.delta,
            "rho_granted": limit.rho,
            "dataset_epsilon_granted": dataset_total(uow, dataset).granted.epsilon,
        }
        decision = self.kit.decide("privacy-grant", facts)
        if not decision.allowed:
            raise Invalid(list(decision.refusals))
        return [decision.cites]


def limit_from(accounting: Accounting | None, epsilon: float, delta: float, rho: float) -> Limit:
    """The limit that these amounts say; raises Invalid."""
    if accounting is None:
        accounting = Accounting.ZCDP if rho else Accounting.APPROX if delta else Accounting.PURE
    try:
        return Limit(accounting, epsilon, delta, rho)
    except AnonymizationError as error:
        raise Invalid([error.sentence]) from None


def _must_be_more(before: Limit, after: Limit) -> None:
    """Raises Invalid unless the new limit allows everything that the old one allowed, and more."""
    pure = before.accounting is Accounting.PURE
    if before.accounting is not after.accounting and not pure:
        raise Invalid(
            [
                "A budget stays in its accounting once it is not pure: charges were decided by it. Raise it there."
            ]
        )
    if before.accounting is after.accounting:
        more = before.loss.within(after.loss) and before.loss != after.loss
    else:
        more = total([before.loss], after).within(after.loss)
    if not more:
        raise Invalid(
            [f"The budget is {in_words(before, rho=bool(before.rho))}; a raise allows all of that and more."]
        )
