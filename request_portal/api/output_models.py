"""What the API takes and gives about outputs and releases."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from enclave.airlock.model import OutputFile, OutputRequest, OutputState, Review
from enclave.airlock.quality import Quality
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.ports import ObjectRef
from enclave.releases.model import Release
from request_portal.api.models import Model, Name, Text


class FileOut(Model):
    name: str
    sha256: str
    size: int
    media_type: str

    @classmethod
    def of(cls, ref: ObjectRef) -> Self:
        return cls(
            name=ref.key.rsplit("/", 1)[-1], sha256=ref.sha256, size=ref.size, media_type=ref.media_type
        )


class CheckedFileOut(FileOut):
    passed: bool
    refusals: list[str]
    findings: list[dict[str, str]]
    policy: str

    @classmethod
    def checked(cls, file: OutputFile) -> Self:
        return cls(
            name=file.name,
            sha256=file.sha256,
            size=file.size,
            media_type=file.media_type,
            passed=file.passed,
            refusals=list(file.refusals),
            findings=[dict(f) for f in file.findings],
            policy=file.cites,
        )


class OutputBody(Model):
    project: Name
    title: Text
    context: Text
    controls: Text
    files: Annotated[list[Name], Field(max_length=50)]
    #: Files that both checkers approve may leave before the others.
    partial: bool = False


class FilesBody(Model):
    files: Annotated[list[Name], Field(max_length=50)]


class ReviewBody(Model):
    verdict: Literal["approve", "return", "refuse"] = "return"
    comment: Text = ""
    #: A verdict on each file, by name; without it `verdict` is on all of them.
    files: Annotated[dict[Name, Literal["approve", "return", "refuse"]], Field(max_length=50)] = Field(
        default_factory=dict
    )
    #: For the other checkers; the author never reads them.
    notes: Text = ""
    #: The digests that were seen; a verdict on files that have changed since is refused.
    seen: Annotated[list[Name], Field(max_length=200)]


class QualityOut(Model):
    days: int
    decided: int
    outcomes: dict[str, int]
    median_hours: float | None
    slowest_hours: float | None
    waiting: int
    oldest_hours: float | None
    pairs: int
    agreement: float | None
    kappa: float | None
    seeded: int
    caught: int
    caught_by_each: float | None
    causes: dict[str, int]

    @classmethod
    def of(cls, q: Quality) -> Self:
        return cls(**(asdict(q) | {"causes": dict(q.causes)}))


class RecallBody(Model):
    reference: Name
    reason: Text


class OutputOut(Model):
    id: str
    reference: str
    project: str
    author: str
    title: str
    context: str
    controls: str
    state: str
    round: int
    files: list[CheckedFileOut]
    digests: list[str]
    created_at: datetime
    submitted_at: datetime | None
    decided_at: datetime | None
    released: list[FileOut]
    partial: bool
    split_from: str

    @classmethod
    def of(cls, o: OutputRequest, reader: Actor) -> Self:
        """A checker is not told whether another one has been there before."""
        blind = o.state is OutputState.HALF_REVIEWED and reader.may(Capability.AIRLOCK_CHECK)
        return cls(
            id=o.id,
            reference=o.reference,
            project=o.project,
            author=o.author,
            title=o.title,
            context=o.context,
            controls=o.controls,
            state=(OutputState.SUBMITTED if blind else o.state).value,
            round=o.round,
            files=[CheckedFileOut.checked(f) for f in o.files],
            digests=list(o.digests),
            created_at=o.created_at,
            submitted_at=o.submitted_at,
            decided_at=o.decided_at,
            released=[FileOut.of(r) for r in o.released],
            partial=o.partial,
            split_from=o.split_from,
        )


class ReviewOut(Model):
    round: int
    checker: str
    verdict: str
    comment: str
    files: dict[str, str]
    notes: str
    digests: list[str]
    policy: str
    at: datetime

    @classmethod
    def of(cls, r: Review) -> Self:
        return cls(
            round=r.round,
            checker=r.checker,
            verdict=r.verdict.value,
            comment=r.comment,
            files=dict(r.files),
            notes=r.notes,
            digests=list(r.digests),
            policy=r.cites,
            at=r.at,
        )


class CredentialsOut(Model):
    endpoint: str
    bucket: str
    prefix: str
    access_key: str
    secret_key: str
    session_token: str
    expires_at: datetime


class ReleaseOut(Model):
    id: str
    reference: str
    dataset: str
    tier: str
    title: str
    state: str
    columns: list[str]
    files: list[FileOut]
    summary: dict[str, Any]
    reasons: list[str]
    recipe: str
    policies: list[str]
    created_at: datetime

    @classmethod
    def of(cls, r: Release, *, inside: bool = False) -> Self:
        """`inside` adds what only those who read evidence are shown: the summary and the reasons."""
        return cls(
            id=r.id,
            reference=r.reference,
            dataset=r.dataset,
            tier=r.tier.value,
            title=r.title,
            state=r.state.value,
            columns=list(r.columns),
            files=[FileOut.of(f) for f in r.files],
            summary=dict(r.summary) if inside else {},
            reasons=list(r.reasons) if inside else [],
            recipe=r.recipe,
            policies=list(r.cites),
            created_at=r.created_at,
        )
