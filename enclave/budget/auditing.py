"""Whether the ledger holds: charges against their stored queries and their grants, all against the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from anonymization.dp import Accounting, Loss, total
from anonymization.errors import AnonymizationError
from enclave.audit.model import AuditEvent
from enclave.budget.balance import limit_of
from enclave.budget.digests import answer_digest, charge_digest, grant_digest
from enclave.budget.model import BudgetGrant, BudgetRaise, Charge, ChargeState
from enclave.kernel.events import Event
from enclave.kernel.kit import UnitOfWork

#: (accounting, epsilon, delta, rho), as the ledger or the audit log has it; accounting is empty for a charge.
_Amounts = tuple[str, float, float, float]


def audited(uow: UnitOfWork, loss_of: Callable[[Mapping[str, object]], Loss]) -> list[str]:
    """What does not agree, in sentences; nothing when the ledger holds."""
    grants, raises, charges = uow.find(BudgetGrant), uow.find(BudgetRaise), uow.find(Charge)
    faults = [fault for charge in charges for fault in _covered(charge, loss_of)]
    for grant in grants:
        mine = [r for r in raises if r.grant_id == grant.id]
        faults += _unbroken(grant, mine)
        faults += _overspent(grant, mine, [c for c in charges if c.grant_id == grant.id])
    known = {grant.id: grant for grant in grants}
    faults += [f"Charge {c.id} belongs to no grant." for c in charges if c.grant_id not in known]
    faults += [
        f"Charge {c.id} is of another dataset than its grant."
        for c in charges
        if c.grant_id in known and known[c.grant_id].dataset != c.dataset
    ]
    faults += [f"A raise belongs to no grant ({r.id})." for r in raises if r.grant_id not in known]
    logged = {event: uow.find(AuditEvent, event=event.value) for event in _EVENTS}
    ledger = {f"charge:{c.id}": [("", c.epsilon, c.delta, c.rho)] for c in charges}
    faults += _differences("Charge", ledger, _recorded(logged[Event.BUDGET_CHARGE], accounting=False))
    charged = _digests(logged[Event.BUDGET_CHARGE], "charge")
    answered = _digests(logged[Event.BUDGET_ANSWER], "answer")
    for charge in charges:
        faults += _as_logged(charge, charged, answered)
    granted = (*logged[Event.BUDGET_GRANT], *logged[Event.BUDGET_RAISE])
    faults += _not_there(granted, {*(grant_digest(g) for g in grants), *(grant_digest(r) for r in raises)})
    given: dict[str, list[_Amounts]] = {}
    for grant in grants:
        given.setdefault(f"dataset:{grant.dataset}", []).append(_of(grant))
    faults += _differences("The grants of", given, _recorded(logged[Event.BUDGET_GRANT]))
    raised: dict[str, list[_Amounts]] = {}
    for made in raises:
        raised.setdefault(f"grant:{made.grant_id}", []).append(_of(made))
    return faults + _differences("The raises of grant", raised, _recorded(logged[Event.BUDGET_RAISE]))


def _not_there(granted: Iterable[AuditEvent], there: set[str]) -> Iterator[str]:
    """Grants and raises of the audit log that no row is; an event from before digests were kept says nothing here."""
    for event in granted:
        if event.facts.get("grant") and event.facts["grant"] not in there:
            yield (
                f"{event.subject.partition(':')[2]}: what was granted on {event.at:%Y-%m-%d} (event {event.sequence} "
                "of the audit log) does not stand in the ledger as it was written."
            )


def _digests(events: Iterable[AuditEvent], name: str) -> dict[str, str]:
    """By subject; empty for an event from before digests were kept."""
    return {event.subject: str(event.facts.get(name, "")) for event in events}


def _as_logged(charge: Charge, charged: Mapping[str, str], answered: Mapping[str, str]) -> Iterator[str]:
    """A charge and its answer are, in every field, what they were when they were written."""
    subject = f"charge:{charge.id}"
    if charged.get(subject) and charged[subject] != charge_digest(charge):
        yield f"Charge {charge.id} is not what was charged; it was changed afterwards."
    if (charge.state is ChargeState.ANSWERED) != (charge.answer is not None):
        yield f"Charge {charge.id}: its state and its answer do not go together."
    if (charge.state is ChargeState.ANSWERED) != (subject in answered):
        yield f"Charge {charge.id}: the audit log and the ledger differ on whether it was answered."
    elif answered.get(subject) and answered[subject] != answer_digest(charge):
        yield f"Charge {charge.id}: the answer is not the one that was given; it was changed afterwards."


_EVENTS = (Event.BUDGET_ANSWER, Event.BUDGET_CHARGE, Event.BUDGET_GRANT, Event.BUDGET_RAISE)


def _of(row: BudgetGrant | BudgetRaise) -> _Amounts:
    return row.accounting.value, row.epsilon, row.delta, row.rho


def _covered(charge: Charge, loss_of: Callable[[Mapping[str, object]], Loss]) -> Iterator[str]:
    """A charge's query, priced anew from its description, costs what was charged."""
    try:
        loss = loss_of(charge.query)
    except (ValueError, KeyError, TypeError):
        yield f"Charge {charge.id} holds a query that cannot be priced."
        return
    if not all(
        cost <= charged * (1 + 1e-9)
        for cost, charged in (
            (loss.epsilon, charge.epsilon), (loss.delta, charge.delta), (loss.rho, charge.rho),
        )
    ):  # fmt: skip
        yield f"Charge {charge.id} records less loss than its query costs."


def _unbroken(grant: BudgetGrant, raises: Iterable[BudgetRaise]) -> Iterator[str]:
    numbers = sorted(r.number for r in raises)
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"The raises of grant {grant.id} are not numbered without a hole; one was removed."


def _overspent(grant: BudgetGrant, raises: Iterable[BudgetRaise], charges: Iterable[Charge]) -> Iterator[str]:
    try:
        limit = limit_of(grant, raises)
        if not total([c.loss for c in charges], limit).within(limit.loss):
            yield f"The grant {grant.id} of dataset {grant.dataset} is overspent."
    except (AnonymizationError, ValueError):
        yield f"The grant {grant.id} of dataset {grant.dataset} holds amounts that do not go together."


def _recorded(events: Iterable[AuditEvent], *, accounting: bool = True) -> dict[str, list[_Amounts]]:
    """Amounts as the audit log has them, by subject. Events from before rho was known say epsilon and delta alone."""
    found: dict[str, list[_Amounts]] = {}
    for event in events:
        epsilon, delta, rho = (float(str(event.facts.get(name, 0.0))) for name in ("epsilon", "delta", "rho"))
        before = Accounting.APPROX if delta else Accounting.PURE
        kept = str(event.facts.get("accounting", before.value)) if accounting else ""
        found.setdefault(event.subject, []).append((kept, epsilon, delta, rho))
    return found


def _differences(
    what: str, ledger: Mapping[str, list[_Amounts]], log: Mapping[str, list[_Amounts]]
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
            faults.append(f"{name}: the ledger and the audit log differ in an amount or in number.")
    return faults
