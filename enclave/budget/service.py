"""Spending privacy loss: the charge is committed before noise is drawn; nothing is ever refunded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from anonymization.dp import Accounting, Loss, total
from anonymization.dp.accountant import Inadmissible
from anonymization.dp.grants import Room, room
from enclave.budget.auditing import audited
from enclave.budget.balance import (
    Balance,
    DatasetTotal,
    amounts,
    balance_of,
    dataset_spent,
    dataset_total,
    price_in_words,
)
from enclave.budget.digests import answer_digest, charge_digest
from enclave.budget.granting import Granting
from enclave.budget.model import CHARGE_MACHINE, BudgetGrant, BudgetRaise, Charge, ChargeState, ChargeVerb
from enclave.budget.questions import Priced, Question
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, OverBudget
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork
from policies import Decision
from policies.errors import PolicyError

__all__ = ["Balance", "Budgets", "Priced", "Question", "Within"]

_UNREADABLE = (
    "A row of the ledger or of the audit log cannot be read; it was not written by the product. Keep the database as "
    "it is, and compare with the audit log (enclave audit verify)."
)
#: A further limit, asked under the ledger's lock: a sentence when the spend goes beyond it, nothing otherwise.
Within = Callable[[UnitOfWork, BudgetGrant], str]


@dataclass(frozen=True, slots=True)
class Budgets:
    """Use cases about the privacy ledger."""

    kit: Kit

    def grant(
        self,
        actor: Actor,
        *,
        dataset: str,
        project: str,
        epsilon: float = 0.0,
        delta: float = 0.0,
        rho: float = 0.0,
        accounting: Accounting | None = None,
    ) -> BudgetGrant:
        """Gives a project, or a dataset's own tables, a budget; see `Granting.grant`."""
        return Granting(self.kit).grant(
            actor,
            dataset=dataset,
            project=project,
            epsilon=epsilon,
            delta=delta,
            rho=rho,
            accounting=accounting,
        )

    def raise_grant(
        self,
        actor: Actor,
        *,
        dataset: str,
        project: str,
        epsilon: float = 0.0,
        delta: float = 0.0,
        rho: float = 0.0,
        accounting: Accounting | None = None,
        reason: str,
    ) -> Balance:
        """Gives a grant a larger limit; see `Granting.raise_grant`. What it has left afterwards."""
        Granting(self.kit).raise_grant(
            actor, dataset=dataset, project=project, epsilon=epsilon, delta=delta, rho=rho, accounting=accounting,
            reason=reason,
        )  # fmt: skip
        with self.kit.read() as uow:
            return balance_of(uow, _grant(uow, dataset, project), self._most())

    def _most(self) -> Room:
        """What one question may cost by policy; for the sentence on what a balance buys."""
        on, policies = self.kit.clock.today(), self.kit.policies
        most = []
        for rule in ("epsilon-per-query", "rho-per-query"):
            try:
                most.append(float(str(policies.parameter("privacy-budget", rule, "threshold", on))))
            except PolicyError:  # a version that does not limit this
                most.append(math.inf)
        return Room(*most)

    def balance(self, dataset: str, project: str = "") -> Balance | None:
        with self.kit.read() as uow:
            grant = uow.first(BudgetGrant, dataset=dataset, project=project)
            return balance_of(uow, grant, self._most()) if grant else None

    def balances(self, actor: Actor) -> list[Balance]:
        actor.must(Capability.BUDGET_READ)
        with self.kit.read() as uow:
            return [balance_of(uow, grant, self._most()) for grant in uow.find(BudgetGrant)]

    def datasets(self, actor: Actor) -> list[DatasetTotal]:
        """For each dataset what all its grants amount to together, as if everybody who asked shared the answers."""
        actor.must(Capability.BUDGET_READ)
        with self.kit.read() as uow:
            names = sorted({grant.dataset for grant in uow.find(BudgetGrant)})
            return [dataset_total(uow, name) for name in names]

    def charges(self, actor: Actor, grant_id: str) -> list[Charge]:
        actor.must(Capability.BUDGET_READ)
        with self.kit.read() as uow:
            return uow.find(Charge, grant_id=grant_id)

    def raises(self, actor: Actor, grant_id: str) -> list[BudgetRaise]:
        """Every raise of a grant, first to last."""
        actor.must(Capability.BUDGET_READ)
        with self.kit.read() as uow:
            return sorted(uow.find(BudgetRaise, grant_id=grant_id), key=lambda r: r.number)

    def quote(self, question: Question, project: str) -> Priced:
        """What asking would cost and leave; spends nothing, reads no row.

        Raises:
            OverBudget: there is no grant.
        """
        with self.kit.read() as uow:
            grant = _grant(uow, question.dataset, project)
            paid = bool(uow.pick(Charge, ("id",), grant_id=grant.id, key=question.key))
            balance = balance_of(uow, grant, self._most())
            decision, _, problem = self._weighed(uow, question, balance)
        because = tuple(decision.refusals) if decision else ()
        because = (*because, problem) if problem else because
        fits = paid or not because
        after = balance.room if paid or because else room([*balance.charged, question.loss], balance.limit)
        return Priced(question.loss, paid, fits, () if fits else because, balance, after)

    def ask(
        self,
        actor: Actor,
        question: Question,
        project: str,
        draw: Callable[[], Mapping[str, object]],
        *,
        within: Within | None = None,
    ) -> Mapping[str, object]:
        """The answer to a private query, charged exactly once.

        A charge without an answer is one whose first draw was never stored, so never seen by anybody: noise is
        drawn anew for it, and whoever stores first decides what everybody gets. One answer for each charge is
        ever visible, whatever crashes; unseen draws spend nothing (Dwork and Roth 2014, proposition 2.1).

        Args:
            draw: draws the noise; called only after the charge is committed, and never under a transaction.
            within: a further limit on a question that is not paid yet.

        Raises:
            OverBudget: with what is left; nothing was charged.
        """
        actor.must(Capability.BUDGET_SPEND)
        charge, fresh = self._charge(actor, question, project, within)
        if charge.answer is not None:
            return charge.answer
        return self._stored(actor, charge, draw(), again=not fresh)

    def _stored(
        self, actor: Actor, charge: Charge, answer: Mapping[str, object], *, again: bool
    ) -> Mapping[str, object]:
        """Keeps the answer unless another one is kept already; the one that is kept."""
        try:
            with self.kit.write() as uow:
                state = CHARGE_MACHINE.move(charge.state, ChargeVerb.ANSWER)
                uow.put(replace(charge, state=state, answer=dict(answer)))
                answered = answer_digest(uow.get(Charge, charge.id))
                facts = {"key": charge.key, "drawn_again": again, "answer": answered}
                uow.audit(Event.BUDGET_ANSWER, actor, f"charge:{charge.id}", facts)
                uow.commit()
        except Conflict:
            pass  # somebody stored theirs first; ours is forgotten
        with self.kit.read() as uow:
            kept = uow.get(Charge, charge.id).answer
        if kept is None:
            raise Conflict("The answer could not be stored. Ask again; it is paid for.")
        return kept

    def _charge(
        self, actor: Actor, question: Question, project: str, within: Within | None
    ) -> tuple[Charge, bool]:
        with self.kit.write() as uow:
            # One writer at a time from here to commit: concurrent spends cannot both see the same money.
            uow.number(f"ledger:{question.dataset}")
            grant = _grant(uow, question.dataset, project)
            known = uow.first(Charge, grant_id=grant.id, key=question.key)
            if known is not None:
                return known, False
            balance = balance_of(uow, grant, self._most())
            decision, after, problem = self._weighed(uow, question, balance)
            cites = [decision.cites] if decision else []
            further = within(uow, grant) if within else ""
            if further or problem or decision is None or not decision.allowed:
                subject = f"dataset:{question.dataset}"
                uow.audit(Event.BUDGET_REFUSE, actor, subject, amounts(question.loss), cites)
                uow.commit()
                if further:
                    raise OverBudget(f"{further} Nothing was charged.")
                raise OverBudget(_too_much(question, balance, decision, problem))
            charge = Charge(
                id=new_id(),
                grant_id=grant.id,
                dataset=question.dataset,
                extract=question.extract,
                key=question.key,
                query=dict(question.query),
                epsilon=question.epsilon,
                delta=question.delta,
                rho=question.rho,
                accounting=balance.limit.accounting,
                mechanism=question.mechanism,
                software=question.software,
                state=ChargeState.CHARGED,
                charged_by=actor.name,
                charged_at=self.kit.clock.now(),
            )
            uow.add(charge)
            facts: dict[str, object] = {
                **amounts(question.loss),
                "accounting": balance.limit.accounting.value,
                **{f"spent_{name}": amount for name, amount in amounts(after).items()},
                "charge": charge_digest(uow.get(Charge, charge.id)),
            }
            uow.audit(Event.BUDGET_CHARGE, actor, f"charge:{charge.id}", facts, cites)
            uow.commit()
        return charge, True

    def _weighed(
        self, uow: UnitOfWork, question: Question, balance: Balance
    ) -> tuple[Decision | None, Loss, str]:
        """The policy's decision, what would be spent afterwards, what stands against it whatever the policy says."""
        limit = balance.limit
        try:
            after = total([*balance.charged, question.loss], limit)
        except Inadmissible as error:
            return None, balance.spent, error.sentence
        in_rho = limit.accounting is Accounting.ZCDP
        facts: dict[str, object] = {
            "accounting": limit.accounting.value,
            "epsilon_requested": question.epsilon,
            "delta_requested": question.delta,
            "rho_requested": question.rho,
            "epsilon_after": None if in_rho else after.epsilon,
            "delta_after": after.delta,
            "rho_after": after.rho,
            "epsilon_granted": None if in_rho else limit.epsilon,
            "delta_granted": limit.delta,
            "rho_granted": limit.rho,
            "dataset_epsilon_after": dataset_spent(uow, question.dataset, [question.loss]).epsilon,
            "privacy_unit": question.unit,
            "bounds_are_public": True,
        }
        over = "" if after.within(limit.loss) else "It costs more than this budget has left."
        return self.kit.decide("privacy-budget", facts), after, over

    def audit(self, actor: Actor, loss_of: Callable[[Mapping[str, object]], Loss]) -> list[str]:
        """Recomputes every charge from its stored query alone, and compares the ledger with the audit log.

        Args:
            loss_of: the loss of a query's description, from the mechanism's own map.

        Returns:
            What does not agree, in sentences; nothing when the ledger holds.
        """
        actor.must(Capability.BUDGET_READ)
        try:
            with self.kit.read() as uow:
                return audited(uow, loss_of)
        except (TypeError, ValueError):  # a column that holds what the product never writes there
            return [_UNREADABLE]


def _grant(uow: UnitOfWork, dataset: str, project: str) -> BudgetGrant:
    grant = uow.first(BudgetGrant, dataset=dataset, project=project)
    if grant is None:
        raise OverBudget(
            "There is no privacy budget for this yet. Ask the privacy officer to grant one "
            f"(enclave budget grant {dataset} --epsilon …)."
        )
    return grant


def _too_much(question: Question, balance: Balance, decision: Decision | None, problem: str) -> str:
    """What it asks for, what is left, what that would buy, and what can be done."""
    refusals = decision.refusals if decision is not None else ()
    said = [*refusals]  # a policy's refusal says itself what can be done
    if problem and not refusals:
        said.append(problem)
    said += [f"It asks for {price_in_words(question.loss)}.", balance.says()]
    if decision is None:  # the budget cannot pay for such a question at any price
        said.append(
            "Ask the privacy officer to raise the budget into an accounting that takes such questions."
        )
    elif not refusals:
        said.append(
            "Ask for a wider error at a smaller price, or ask the privacy officer for a larger budget."
        )
    return " ".join([*said, "Nothing was charged."])
