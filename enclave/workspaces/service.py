"""Who may be inside, and with what: every mount is made from live entitlements and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from enclave.kernel.actors import Actor, Capability, service
from enclave.kernel.errors import NotAllowed, NotFound, Refused
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.kernel.ports import Admission, Limits
from enclave.kernel.tiers import Tier
from enclave.projects.model import Person, Project, ProjectState
from enclave.requests.entitlements import live, passport_end
from enclave.requests.model import Entitlement
from enclave.workspaces.model import WORKSPACE_MACHINE, Workspace, WorkspaceState, WorkspaceVerb
from enclave.workspaces.staging import Staging
from policies import Decision

_HUB = service("hub")


@dataclass(frozen=True, slots=True)
class Standing:
    """One person in one project, now."""

    person: Person
    project: Project
    entitlements: list[Entitlement]
    decision: Decision

    @property
    def until(self) -> date:
        """The last day of the passport; the longest of the live entitlements' own passports."""
        return max(passport_end(e, self.project, self.person) for e in self.entitlements)


@dataclass(frozen=True, slots=True)
class Workspaces:
    """Use cases about workspaces; implements `enclave.kernel.ports.EntitlementAuthority`."""

    kit: Kit
    staging: Staging

    def projects_of(self, actor: Actor) -> list[Project]:
        with self.kit.read() as uow:
            return [p for p in uow.find(Project) if actor.name in p.members]

    def project(self, actor: Actor, slug: str) -> Project:
        """A project of this member; stewards and privacy officers see all."""
        with self.kit.read() as uow:
            project = uow.first(Project, slug=slug)
        if project is None or not (
            actor.name in project.members or actor.may(Capability.ACCESS_REQUEST_READ_ANY)
        ):
            raise NotFound("There is no such project among yours.")
        return project

    def standing(self, actor: Actor, slug: str) -> Decision:
        """Whether this member could open a session now, and why not."""
        with self.kit.read() as uow:
            return self._standing(uow, actor.name, slug).decision

    def standing_of(self, user: str, project: str) -> Standing:
        """One person in one project now, with the live entitlements; raises NotFound or NotAllowed for strangers."""
        with self.kit.read() as uow:
            return self._standing(uow, user, project)

    def admit(self, user: str, project: str) -> Admission:
        """Leave to open one session: decides, stages the data, writes it down. Raises EnclaveError with a sentence."""
        with self.kit.read() as uow:
            standing = self._standing(uow, user, project)
        if not standing.decision.allowed:
            self.record(Event.SESSION_REFUSE.value, user, project, {"rules": _rules(standing.decision)})
            raise Refused(standing.decision)
        mounts = self.staging.stage(standing.project, standing.entitlements)
        limits = self._limits({e.tier for e in standing.entitlements})
        now = self.kit.clock.now()
        last_moment = datetime.combine(standing.until + timedelta(days=1), time(), UTC)
        with self.kit.write() as uow:
            self._opened(uow, project, now)
            facts = {"user": user, "entitlements": [e.id for e in standing.entitlements]}
            uow.audit(Event.SESSION_ADMIT, _HUB, f"workspace:{project}", facts, [standing.decision.cites])
            uow.commit()
        return Admission(
            user=user,
            project=project,
            uid=standing.person.uid,
            gid=standing.project.gid,
            mounts=mounts,
            expires_at=min(last_moment, now + timedelta(seconds=limits.max_seconds)),
            limits=limits,
        )

    def still_admitted(self, user: str, project: str) -> bool:
        """False as soon as the passport has ended or access was revoked, and for unknown people and projects."""
        try:
            with self.kit.read() as uow:
                return self._standing(uow, user, project).decision.allowed
        except (NotFound, NotAllowed):
            return False

    def record(self, event: str, user: str, project: str, facts: Mapping[str, object]) -> None:
        """Writes what the hub or the gateway saw into the audit log."""
        with self.kit.write() as uow:
            uow.audit(Event(event), _HUB, f"workspace:{project}", {"user": user, **facts})
            uow.commit()

    def clear_ended(self) -> int:
        """Removes the staged data of every project that nobody may use any more; how many there were."""
        today, cleared = self.kit.clock.today(), 0
        with self.kit.read() as uow:
            for project in uow.find(Project):
                people = (uow.first(Person, username=name) for name in project.members)
                if not any(live(uow, project, person, today) for person in people if person is not None):
                    cleared += self.staging.clear(project)
        return cleared

    def _standing(self, uow: UnitOfWork, user: str, slug: str) -> Standing:
        person = uow.first(Person, username=user)
        project = uow.first(Project, slug=slug)
        if person is None or project is None or user not in project.members:
            raise NotFound("There is no such project among yours.")
        if not person.active or not person.actor().may(Capability.WORKSPACE_OPEN):
            raise NotAllowed("Your account may not open a workspace.")
        found = live(uow, project, person, self.kit.clock.today())
        workspace = uow.first(Workspace, project=slug)
        may_open = workspace is None or workspace.state in (WorkspaceState.PENDING, WorkspaceState.OPEN)
        facts = {
            "workspace_open": may_open,
            "entitlement_active": bool(found),
            "agreement_valid": person.agreement_signed_on is not None,
            "training_valid_until": person.training_valid_until or date.min,
            "project_active": project.state is ProjectState.ACTIVE,
        }
        return Standing(person, project, found, self.kit.decide("workspace-admission", facts))

    def _opened(self, uow: UnitOfWork, project: str, now: datetime) -> None:
        workspace = uow.first(Workspace, project=project)
        if workspace is None:
            workspace = Workspace(new_id(), project, WORKSPACE_MACHINE.start, now)
            uow.add(workspace)
        if workspace.state is WorkspaceState.PENDING:
            state = WORKSPACE_MACHINE.move(workspace.state, WorkspaceVerb.OPEN)
            uow.put(replace(workspace, state=state, opened_at=now))
        elif workspace.state is not WorkspaceState.OPEN:
            raise NotAllowed(f"This workspace is {workspace.state.value}. Ask a steward to resume it.")

    def _limits(self, tiers: set[Tier]) -> Limits:
        """The strictest limits of the tiers that are mounted, from the policy "workspaces"."""
        on, book = self.kit.clock.today(), self.kit.policies

        def least(name: str) -> int:
            values = [
                book.parameter("workspaces", tier.value.replace("_", "-"), name, on) for tier in sorted(tiers)
            ]
            return min(int(str(value)) for value in values)

        return Limits(
            memory=least("memory_bytes"),
            message=least("message_bytes"),
            session_out=least("session_out_bytes"),
            idle_seconds=least("idle_seconds"),
            max_seconds=least("max_seconds"),
        )


def _rules(decision: Decision) -> list[str]:
    return [f.rule for f in decision.findings if f.sentence in decision.refusals]
