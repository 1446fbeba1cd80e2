"""The public register, composed from projects, requests and outputs. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from enclave.airlock.model import OutputRequest, OutputState
from enclave.audit.model import AuditEvent
from enclave.catalogue.model import Dataset
from enclave.kernel.errors import NotFound
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.projects.model import Person, Project
from enclave.requests.model import AccessRequest, Entitlement


@dataclass(frozen=True, slots=True)
class RegisteredOutput:
    """One thing that left, by title and digest; the bytes are the project's to publish.

    Args:
        private: it left by its receipts, unread.
        recalled_on, recalled_because: its tombstone, where it was taken back.
    """

    reference: str
    title: str
    released_on: date
    files: tuple[tuple[str, str, int], ...]  # name, SHA-256, bytes
    private: bool = False
    recalled_on: date | None = None
    recalled_because: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One project as the public sees it."""

    slug: str
    title: str
    summary: str
    purpose: str
    public_benefit: str
    organisation: str
    datasets: tuple[str, ...]
    tiers: tuple[str, ...]
    variables: int
    areas: tuple[str, ...]
    approved_on: date
    approved_by: str
    approval_reason: str
    ends: date
    state: str
    outputs: tuple[RegisteredOutput, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """Use cases of the public: no account, no capability, no rows."""

    kit: Kit

    def entries(self) -> list[Entry]:
        """Every project that was ever approved, newest first."""
        with self.kit.read() as uow:
            return [self._entry(uow, project) for project in reversed(uow.find(Project))]

    def entry(self, slug: str) -> Entry:
        with self.kit.read() as uow:
            project = uow.first(Project, slug=slug)
            if project is None:
                raise NotFound("There is no such project in the register.")
            return self._entry(uow, project)

    def _entry(self, uow: UnitOfWork, project: Project) -> Entry:
        request = uow.first(AccessRequest, project=project.slug)
        if request is None or request.decided_at is None:
            raise NotFound("There is no such project in the register.")
        entitlements = uow.find(Entitlement, project=project.slug)
        lead = uow.first(Person, username=project.lead)
        steward = uow.first(Person, username=request.decided_by)
        titles = {d.slug: d.title for d in uow.find(Dataset)}
        left = [OutputState.RELEASED.value, OutputState.RECALLED.value]
        outputs = uow.find(OutputRequest, project=project.slug, state=left)
        return Entry(
            slug=project.slug,
            title=project.title,
            summary=project.summary,
            purpose=project.purpose,
            public_benefit=project.public_benefit,
            organisation=lead.organisation if lead else "",
            datasets=tuple(dict.fromkeys(titles.get(e.dataset, e.dataset) for e in entitlements)),
            tiers=tuple(dict.fromkeys(e.tier.value for e in entitlements)),
            variables=len({v for e in entitlements for v in e.variables}),
            areas=tuple(dict.fromkeys(a for e in entitlements for a in e.areas)),
            approved_on=request.decided_at.date(),
            # An office approves, not a private person: the register names the office.
            approved_by=steward.organisation if steward else "",
            approval_reason=request.reason,
            ends=project.ends,
            state=project.state.value,
            outputs=tuple(_output(uow, o) for o in outputs),
        )


def _output(uow: UnitOfWork, output: OutputRequest) -> RegisteredOutput:
    files = tuple((r.key.rsplit("/", 1)[-1], r.sha256, r.size) for r in output.released)
    day = output.decided_at.date() if output.decided_at else output.created_at.date()
    recall = None
    if output.state is OutputState.RECALLED:
        event = Event.OUTPUT_RECALL.value
        recall = uow.first(AuditEvent, event=event, subject=f"output:{output.reference}")
    return RegisteredOutput(
        output.reference,
        output.title,
        day,
        files,
        private=bool(output.files) and all(f.charge for f in output.files),
        recalled_on=recall.at.date() if recall else None,
        recalled_because=str(recall.facts.get("reason", "")) if recall else "",
    )
