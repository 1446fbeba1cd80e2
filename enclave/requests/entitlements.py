"""Living entitlements: the passport, revocation, expiry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from enclave.kernel.actors import Actor, Capability
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.projects.model import Person, Project
from enclave.releases.model import Release, ReleaseState
from enclave.requests.model import ENTITLEMENT_MACHINE, Entitlement, EntitlementState, EntitlementVerb

LIVE = (EntitlementState.GRANTED.value, EntitlementState.ACTIVE.value)


def passport_end(entitlement: Entitlement, project: Project, person: Person) -> date:
    """The computed end of one person's access: the earliest of approval, project and training. None is the past."""
    training = person.training_valid_until or date.min
    return min(entitlement.ends, project.ends, training)


def live(uow: UnitOfWork, project: Project, person: Person, today: date) -> list[Entitlement]:
    """What this person may use in this project today: active, begun, inside the passport, of a release in use."""
    return [
        e
        for e in uow.find(Entitlement, project=project.slug, state=EntitlementState.ACTIVE.value)
        if person.username in e.people
        and e.starts <= today <= passport_end(e, project, person)
        and uow.get(Release, e.release).state is ReleaseState.PUBLISHED
    ]


@dataclass(frozen=True, slots=True)
class Entitlements:
    """Use cases about entitlements."""

    kit: Kit

    def of_project(self, project: str) -> list[Entitlement]:
        with self.kit.read() as uow:
            return uow.find(Entitlement, project=project)

    def revoke(self, actor: Actor, id_: str, reason: str) -> Entitlement:
        """Ends access now; running sessions are stopped by the hub as soon as it hears of it."""
        actor.must(Capability.ENTITLEMENT_REVOKE)
        with self.kit.write() as uow:
            entitlement = self.end(uow, actor, uow.get(Entitlement, id_), EntitlementVerb.REVOKE, reason)
            uow.commit()
        return entitlement

    def expire_due(self, actor: Actor) -> int:
        """Ends every entitlement whose last day has passed; how many there were."""
        actor.must(Capability.SYSTEM_OPERATE)
        today, ended = self.kit.clock.today(), 0
        with self.kit.write() as uow:
            for entitlement in uow.find(Entitlement, state=LIVE):
                if entitlement.ends < today:
                    self.end(uow, actor, entitlement, EntitlementVerb.EXPIRE, "Its last day has passed.")
                    ended += 1
            uow.commit()
        return ended

    def end(
        self, uow: UnitOfWork, actor: Actor, entitlement: Entitlement, verb: EntitlementVerb, reason: str
    ) -> Entitlement:
        """Ends one inside another transaction: the event, the messages, and the job that stops sessions."""
        state = ENTITLEMENT_MACHINE.move(entitlement.state, verb)
        entitlement = uow.put(replace(entitlement, state=state))
        event = Event.ENTITLEMENT_REVOKE if verb is EntitlementVerb.REVOKE else Event.ENTITLEMENT_EXPIRE
        uow.audit(
            event, actor, f"entitlement:{entitlement.id}", {"project": entitlement.project, "reason": reason}
        )
        for person in entitlement.people:
            words = f"Access of project {entitlement.project} to {entitlement.dataset} has ended. {reason}"
            uow.notify(person, words, f"/projects/{entitlement.project}")
            uow.later(
                "stop_session",
                {"user": person, "project": entitlement.project},
                key=f"stop:{entitlement.id}:{person}",
            )
        return entitlement
