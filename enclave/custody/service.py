"""Use cases over the custody of pseudonym keys. Nobody ever sees a key; what is seen is that there is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from anonymization.custody import FileCustody, KeyDestroyed, KeyState
from anonymization.errors import AnonymizationError
from anonymization.keys import KeyRing
from enclave.audit.model import AuditEvent
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import IllegalMove, Invalid
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.projects.model import Project, ProjectState

_PROJECT, _DATASET = "project:", "dataset:"


def project_scope(slug: str) -> str:
    """The scope of a project's own pseudonyms."""
    return f"{_PROJECT}{slug}"


def dataset_scope(slug: str) -> str:
    """The scope of the pseudonyms in a dataset's releases."""
    return f"{_DATASET}{slug}"


@dataclass(frozen=True, slots=True)
class HeldKey:
    """One version of one scope's key, and what the scope belongs to.

    Args:
        owner: "active until …" or "closed" for a project, "dataset" for a dataset's releases.
        overdue: whether the project has ended or closed and the key still lives.
    """

    key: KeyState
    owner: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class Keys:
    """Use cases about pseudonym keys. It is a `Custody` too: what makes releases and cuts opens keys through it."""

    kit: Kit
    custody: FileCustody

    def open(self, scope: str, version: int | None = None) -> KeyRing:
        """The ring of a scope, for a step of the product itself.

        Raises:
            IllegalMove: the key was destroyed, or the project it belongs to is closed.
            AnonymizationError: the key file is damaged.
        """
        if scope.startswith(_PROJECT):
            with self.kit.read() as uow:
                project = uow.first(Project, slug=scope.removeprefix(_PROJECT))
            if project is not None and project.state is ProjectState.CLOSED:
                raise IllegalMove("The project is closed, so nothing more is made with its pseudonym key.")
        try:
            return self.custody.open(scope, version)
        except KeyDestroyed as error:
            raise IllegalMove(error.sentence) from None

    def held(self, actor: Actor) -> list[HeldKey]:
        """Every key and tombstone."""
        actor.must(Capability.AUDIT_READ)
        today = self.kit.clock.today()
        with self.kit.read() as uow:
            projects = {project_scope(p.slug): p for p in uow.find(Project)}
        return [_held(key, projects.get(key.scope), today) for key in self.custody.states()]

    def rotate(self, actor: Actor, scope: str, reason: str) -> int:
        """New pseudonyms for whatever is made from now on; what was made keeps its own. The new version."""
        actor.must(Capability.KEY_MANAGE)
        _say_why(reason)
        with self.kit.write() as uow:
            self._owner(uow, scope)
            try:
                version = self.custody.rotate(scope)
            except AnonymizationError as error:
                raise IllegalMove(error.sentence) from None
            uow.audit(Event.KEY_ROTATE, actor, f"key:{scope}", {"version": version, "reason": reason})
            uow.commit()
        return version

    def destroy(self, actor: Actor, scope: str, reason: str, version: int | None = None) -> bool:
        """Makes a scope's pseudonyms (or those of an older version) impossible to compute again, for everybody.

        Returns:
            False when it was destroyed before.

        Raises:
            IllegalMove: the project is still active (close it), or the version is the one in use.
        """
        actor.must(Capability.KEY_MANAGE)
        _say_why(reason)
        with self.kit.read() as uow:
            owner = self._owner(uow, scope)
        if version is None and isinstance(owner, Project) and owner.state is ProjectState.ACTIVE:
            raise IllegalMove(
                f"The project {owner.slug} is still active. Close it (enclave project close {owner.slug}): its key "
                "goes with it."
            )
        return self._destroy(actor, scope, reason, version)

    def project_key_destroyed(self, slug: str) -> bool:
        """Whether no pseudonym of this project can be computed again: its key is destroyed, or it never had one."""
        scope = project_scope(slug)
        return all(key.state == "destroyed" for key in self.custody.states() if key.scope == scope)

    def destroy_closed(self, actor: Actor) -> int:
        """Destroys the keys of every closed project that still has one; how many there were.

        The project's closing orders this in its own transaction; doing it over and over also catches keys that came
        back with a backup.
        """
        actor.must(Capability.SYSTEM_OPERATE)
        with self.kit.read() as uow:
            closed = uow.find(Project, state=ProjectState.CLOSED.value)
        scopes = [project_scope(p.slug) for p in closed]
        return sum(self._destroy(actor, s, "The project is closed.", None) for s in scopes)

    def _destroy(self, actor: Actor, scope: str, reason: str, version: int | None) -> bool:
        # First the key, then the word that it is gone: a crash between the two leaves a tombstone without an event,
        # never an event without a tombstone; whoever destroys it again (the worker does) writes the event.
        try:
            done = self.custody.destroy(scope, by=actor.name, reason=reason, version=version)
        except AnonymizationError as error:
            raise IllegalMove(error.sentence) from None
        subject, what = f"key:{scope}", version or "all"
        with self.kit.write() as uow:
            said = uow.find(AuditEvent, event=Event.KEY_DESTROY.value, subject=subject)
            if what not in {e.facts["version"] for e in said}:
                uow.audit(Event.KEY_DESTROY, actor, subject, {"version": what, "reason": reason})
                uow.commit()
        return done

    def _owner(self, uow: UnitOfWork, scope: str) -> Project | None:
        """The project of a scope, None for a dataset's; raises Invalid for a name that is neither."""
        if scope.startswith(_PROJECT):
            project = uow.first(Project, slug=scope.removeprefix(_PROJECT))
            if project is not None:
                return project
        elif any(key.scope == scope for key in self.custody.states()):
            return None
        raise Invalid(["There is no key of that scope. `enclave keys list` names them."])


def _held(key: KeyState, project: Project | None, today: date) -> HeldKey:
    living = key.state != "destroyed"
    if project is None:
        return HeldKey(key, "dataset" if key.scope.startswith(_DATASET) else "nobody", overdue=False)
    closed = project.state is ProjectState.CLOSED
    owner = "closed" if closed else f"active until {project.ends}"
    return HeldKey(key, owner, overdue=living and (closed or project.ends < today))


def _say_why(reason: str) -> None:
    if len(reason.strip()) < 10:
        raise Invalid(["Say in a sentence why; it stands in the audit log."], {"reason": "Say why"})
