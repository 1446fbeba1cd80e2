"""Spending privacy loss: the charge is committed before noise is drawn; nothing is ever refunded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from enclave.audit.model import AuditEvent
from enclave.budget.model import CHARGE_MACHINE, BudgetGrant, Charge, ChargeState, ChargeVerb, plus, spent
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, Invalid, OverBudget
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork


@dataclass(frozen=True, slots=True)
class Question:
    """A private query as the ledger sees it.

    Args:
        canonical: the query's canonical bytes; with the extract's id they are its identity.
        query: the same as data, so that the loss can be recomputed.
        epsilon, delta: from the measurement's own map, known before any data are read.
    """

    dataset: str
    extract: str
    canonical: bytes
    query: Mapping[str, object]
    epsilon: float
    delta: float
    unit: str
    mechanism: str
    software: str

    @property
    def key(self) -> str:
        return hashlib.sha256(self.extract.encode() + b"\0" + self.canonical).hexdigest()


@dataclass(frozen=True, slots=True)
class Balance:
    """What a grant has left."""

    grant: BudgetGrant
    spent_epsilon: float
    spent_delta: float

    @property
    def left(self) -> float:
        return max(0.0, plus(self.grant.epsilon, -self.spent_epsilon))


@dataclass(frozen=True, slots=True)
class Budgets:
    """Use cases about the privacy ledger."""

    kit: Kit

    def grant(
        self, actor: Actor, *, dataset: str, project: str, epsilon: float, delta: float = 0.0
    ) -> BudgetGrant:
        """Gives a project (or with project "" the dataset's own tables) a budget; raises Conflict when it has one."""
        actor.must(Capability.BUDGET_GRANT)
        if not 0 < epsilon <= 100 or not 0 <= delta < 1:
            raise Invalid(["An epsilon is above 0 and at most 100; a delta is at least 0 and below 1."])
        with self.kit.write() as uow:
            grant = BudgetGrant(
                new_id(), dataset, project, epsilon, delta, "household", actor.name, self.kit.clock.now()
            )
            uow.add(grant)
            facts = {"project": project, "epsilon": epsilon, "delta": delta}
            uow.audit(Event.BUDGET_GRANT, actor, f"dataset:{dataset}", facts)
            uow.commit()
        return grant

    def balance(self, dataset: str, project: str = "") -> Balance | None:
        with self.kit.read() as uow:
            grant = uow.first(BudgetGrant, dataset=dataset, project=project)
            return _balance(uow, grant) if grant else None

    def balances(self, actor: Actor) -> list[Balance]:
        actor.must(Capability.BUDGET_READ)
        with self.kit.read() as uow:
            return [_balance(uow, grant) for grant in uow.find(BudgetGrant)]

    def charges(self, actor: Actor, grant_id: str) -> list[Charge]:
        actor.must(Capability.BUDGET_READ)
        with self.kit.read() as uow:
            return uow.find(Charge, grant_id=grant_id)

    def ask(
        self, actor: Actor, question: Question, project: str, draw: Callable[[], Mapping[str, object]]
    ) -> Mapping[str, object]:
        """The answer to a private query, charged exactly once.

        A charge without an answer is one whose first draw was never stored, so never seen by anybody: noise is
        drawn anew for it, and whoever stores first decides what everybody gets. One answer for each charge is
        ever visible, whatever crashes; unseen draws spend nothing (Dwork and Roth 2014, proposition 2.1).

        Args:
            draw: draws the noise; called only after the charge is committed, and never under a transaction.

        Raises:
            OverBudget: with what is left; nothing was charged.
        """
        actor.must(Capability.BUDGET_SPEND)
        charge, fresh = self._charge(actor, question, project)
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
                facts = {"key": charge.key, "drawn_again": again}
                uow.audit(Event.BUDGET_ANSWER, actor, f"charge:{charge.id}", facts)
                uow.commit()
        except Conflict:
            pass  # somebody stored theirs first; ours is forgotten
        with self.kit.read() as uow:
            kept = uow.get(Charge, charge.id).answer
        if kept is None:
            raise Conflict("The answer could not be stored. Ask again; it is paid for.")
        return kept

    def _charge(self, actor: Actor, question: Question, project: str) -> tuple[Charge, bool]:
        with self.kit.write() as uow:
            # One writer at a time from here to commit: concurrent spends cannot both see the same money.
            uow.number(f"ledger:{question.dataset}")
            grant = uow.first(BudgetGrant, dataset=question.dataset, project=project)
            if grant is None:
                raise OverBudget(
                    "There is no privacy budget for this yet. Ask the privacy officer to grant one "
                    f"(enclave budget grant {question.dataset} --epsilon …)."
                )
            known = uow.first(Charge, grant_id=grant.id, key=question.key)
            if known is not None:
                return known, False
            balance = _balance(uow, grant)
            after = plus(balance.spent_epsilon, question.epsilon)
            facts: dict[str, object] = {
                "epsilon_requested": question.epsilon,
                "epsilon_after": after,
                "epsilon_granted": grant.epsilon,
                "privacy_unit": question.unit,
                "bounds_are_public": True,
            }
            decision = self.kit.decide("privacy-budget", facts)
            if not decision.allowed or plus(balance.spent_delta, question.delta) > grant.delta:
                subject = f"dataset:{question.dataset}"
                uow.audit(
                    Event.BUDGET_REFUSE, actor, subject, {"epsilon": question.epsilon}, [decision.cites]
                )
                uow.commit()
                raise OverBudget(_too_much(question, balance, decision.refusals))
            charge = Charge(
                id=new_id(),
                grant_id=grant.id,
                dataset=question.dataset,
                extract=question.extract,
                key=question.key,
                query=dict(question.query),
                epsilon=question.epsilon,
                delta=question.delta,
                mechanism=question.mechanism,
                software=question.software,
                state=ChargeState.CHARGED,
                charged_by=actor.name,
                charged_at=self.kit.clock.now(),
            )
            uow.add(charge)
            facts = {"epsilon": charge.epsilon, "delta": charge.delta, "left": plus(grant.epsilon, -after)}
            uow.audit(Event.BUDGET_CHARGE, actor, f"charge:{charge.id}", facts, [decision.cites])
            uow.commit()
        return charge, True

    def audit(
        self, actor: Actor, loss_of: Callable[[Mapping[str, object]], tuple[float, float]]
    ) -> list[str]:
        """Recomputes every charge from its stored query alone, and compares the ledger with the audit log.

        Args:
            loss_of: (epsilon, delta) of a query's description, from the mechanism's own map.

        Returns:
            What does not agree, in sentences; nothing when the ledger holds.
        """
        actor.must(Capability.BUDGET_READ)
        with self.kit.read() as uow:
            grants, charges = uow.find(BudgetGrant), uow.find(Charge)
            granted = uow.find(AuditEvent, event=Event.BUDGET_GRANT.value)
            charged = uow.find(AuditEvent, event=Event.BUDGET_CHARGE.value)
        faults = [fault for charge in charges for fault in _covered(charge, loss_of)]
        for grant in grants:
            epsilon, delta = spent(c for c in charges if c.grant_id == grant.id)
            if epsilon > grant.epsilon * (1 + 1e-9) or delta > grant.delta * (1 + 1e-9):
                faults.append(f"The grant {grant.id} of dataset {grant.dataset} is overspent.")
        known = {grant.id for grant in grants}
        faults += [f"Charge {c.id} belongs to no grant." for c in charges if c.grant_id not in known]
        faults += _differences(
            "Charge", {f"charge:{c.id}": [(c.epsilon, c.delta)] for c in charges}, _recorded(charged)
        )
        given: dict[str, list[tuple[float, float]]] = {}
        for grant in grants:
            given.setdefault(f"dataset:{grant.dataset}", []).append((grant.epsilon, grant.delta))
        return faults + _differences("The grants of", given, _recorded(granted))


def _covered(charge: Charge, loss_of: Callable[[Mapping[str, object]], tuple[float, float]]) -> Iterator[str]:
    try:
        epsilon, delta = loss_of(charge.query)
    except (ValueError, KeyError, TypeError):
        yield f"Charge {charge.id} holds a query that cannot be priced."
        return
    if epsilon > charge.epsilon * (1 + 1e-9) or delta > charge.delta * (1 + 1e-9):
        yield f"Charge {charge.id} records less loss than its query costs."


def _recorded(events: Iterable[AuditEvent]) -> dict[str, list[tuple[float, float]]]:
    """(epsilon, delta) as the audit log has them, by subject."""
    found: dict[str, list[tuple[float, float]]] = {}
    for event in events:
        loss = (float(str(event.facts["epsilon"])), float(str(event.facts["delta"])))
        found.setdefault(event.subject, []).append(loss)
    return found


def _differences(
    what: str, ledger: Mapping[str, list[tuple[float, float]]], log: Mapping[str, list[tuple[float, float]]]
) -> list[str]:
    """One sentence for each subject on which the ledger and the audit log differ."""
    faults: list[str] = []
    for subject in sorted(ledger.keys() | log.keys()):
        name = f"{what} {subject.partition(':')[2]}"
        if subject not in ledger:
            faults.append(f"{name}: the audit log has it, the ledger does not; it was removed.")
        elif subject not in log:
            faults.append(
                f"{name}: the ledger has it, the audit log does not; it was not made by the product."
            )
        elif sorted(ledger[subject]) != sorted(log[subject]):
            faults.append(f"{name}: the ledger and the audit log differ in epsilon, delta or number.")
    return faults


def _balance(uow: UnitOfWork, grant: BudgetGrant) -> Balance:
    return Balance(grant, *spent(uow.find(Charge, grant_id=grant.id)))


def _too_much(question: Question, balance: Balance, refusals: tuple[str, ...]) -> str:
    left = balance.left
    amounts = f"It asks for epsilon {question.epsilon:g}; {left:g} of {balance.grant.epsilon:g} is left."
    advice = (
        "Ask for a smaller epsilon (and accept a wider error)"
        if left > 0
        else "Nothing more can be asked from this grant"
    )
    # A policy's refusal says itself what can be done.
    said = (
        [*refusals, amounts]
        if refusals
        else [amounts, f"{advice}, or ask the privacy officer for a larger budget."]
    )
    return " ".join([*said, "Nothing was charged."])
