"""Closing a project: every access ends, nothing more is made for it, and its pseudonyms become unlinkable."""

from __future__ import annotations

from dataclasses import dataclass, replace

from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Invalid, NotFound
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit
from enclave.projects.model import PROJECT_MACHINE, Project, ProjectVerb
from enclave.requests.entitlements import LIVE, Entitlements
from enclave.requests.model import Entitlement, EntitlementVerb


@dataclass(frozen=True, slots=True)
class Closing:
    """Use cases about the end of a project."""

    kit: Kit

    def all(self, actor: Actor) -> list[Project]:
        """Every project, oldest first."""
        actor.must(Capability.ACCESS_REQUEST_READ_ANY)
        with self.kit.read() as uow:
            return uow.find(Project)

    def close(self, actor: Actor, slug: str, reason: str) -> Project:
        """Ends a project for good. Its key is destroyed by a job that exists exactly when this is committed.

        Raises:
            NotFound: there is no such project. IllegalMove: it is closed already. Invalid: no reason was given.
        """
        actor.must(Capability.PROJECT_CLOSE)
        if len(reason.strip()) < 10:
            raise Invalid(["Say in a sentence why the project is closed."], {"reason": "Say why"})
        with self.kit.write() as uow:
            project = uow.first(Project, slug=slug)
            if project is None:
                raise NotFound("There is no such project.")
            project = uow.put(replace(project, state=PROJECT_MACHINE.move(project.state, ProjectVerb.CLOSE)))
            living = uow.find(Entitlement, project=slug, state=LIVE)
            for entitlement in living:
                Entitlements(self.kit).end(uow, actor, entitlement, EntitlementVerb.REVOKE, reason)
            facts = {"reason": reason, "entitlements_ended": len(living)}
            uow.audit(Event.PROJECT_CLOSE, actor, f"project:{slug}", facts)
            for person in project.members:
                uow.notify(person, f"The project {slug} is closed. {reason}", f"/projects/{slug}")
            uow.later("destroy_keys", {"project": slug}, key=f"destroy_keys:{slug}")
            uow.commit()
        return project
