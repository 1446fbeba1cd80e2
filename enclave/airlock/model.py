"""An output request, its files, its reviews and its state machine. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from enclave.kernel.machine import Machine
from enclave.kernel.ports import ObjectRef


class OutputState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    HALF_REVIEWED = "half_reviewed"
    REVIEWED = "reviewed"
    CLEARED = "cleared"
    RELEASED = "released"
    RECALLED = "recalled"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class OutputVerb(StrEnum):
    SUBMIT = "submit"
    FIRST_REVIEW = "first_review"
    SECOND_REVIEW = "second_review"
    CLEAR = "clear"
    RELEASE = "release"
    RECALL = "recall"
    REFUSE = "refuse"
    RETURN = "return"
    WITHDRAW = "withdraw"


_S, _V = OutputState, OutputVerb
OUTPUT_MACHINE: Machine[OutputState, OutputVerb] = Machine(
    name="output request",
    start=_S.DRAFT,
    moves={
        (_S.DRAFT, _V.SUBMIT): _S.SUBMITTED,
        (_S.DRAFT, _V.CLEAR): _S.CLEARED,
        (_S.DRAFT, _V.WITHDRAW): _S.WITHDRAWN,
        (_S.SUBMITTED, _V.FIRST_REVIEW): _S.HALF_REVIEWED,
        (_S.SUBMITTED, _V.WITHDRAW): _S.WITHDRAWN,
        (_S.HALF_REVIEWED, _V.SECOND_REVIEW): _S.REVIEWED,
        (_S.HALF_REVIEWED, _V.WITHDRAW): _S.WITHDRAWN,
        (_S.REVIEWED, _V.RELEASE): _S.RELEASED,
        (_S.RELEASED, _V.RECALL): _S.RECALLED,
        (_S.REVIEWED, _V.REFUSE): _S.REFUSED,
        (_S.REVIEWED, _V.RETURN): _S.DRAFT,
        (_S.CLEARED, _V.RELEASE): _S.RELEASED,
        (_S.CLEARED, _V.RETURN): _S.DRAFT,
        (_S.CLEARED, _V.WITHDRAW): _S.WITHDRAWN,
    },
)


class Verdict(StrEnum):
    APPROVE = "approve"
    RETURN = "return"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file as it was copied out of the workspace: its bytes are pinned by digest and never change.

    Args:
        findings: what the automatic checks found; each {rule, place, severity, sentence}.
        facts: what the policy "output-file" weighs.
        passed: whether that policy lets it go on to the checkers.
        cites: the policy version that said so.
        charge: the ledger's charge that this file is the answer to; empty for a file that people check. Then `sidecar`
            is its receipt.
    """

    name: str
    sha256: str
    size: int
    media_type: str
    stored: ObjectRef
    sidecar: ObjectRef | None
    findings: tuple[Mapping[str, str], ...]
    facts: Mapping[str, object]
    passed: bool
    refusals: tuple[str, ...]
    cites: str
    charge: str = ""


@dataclass(frozen=True, slots=True)
class OutputRequest:
    """Files that want to leave, with their context and the controls that were applied.

    Args:
        round: counts submissions; a vote counts only in its own round.
        released: the objects that the researcher may fetch, once two checkers have approved.
        partial: whether files that both checkers approve may leave before the others.
        seeded: name of the house's test output that this is; empty for everything else.
        split_from: reference of the output of which this is what did not leave.
    """

    id: str
    reference: str
    project: str
    author: str
    title: str
    context: str
    controls: str
    state: OutputState
    round: int
    files: tuple[OutputFile, ...]
    created_at: datetime
    submitted_at: datetime | None = None
    decided_at: datetime | None = None
    released: tuple[ObjectRef, ...] = ()
    partial: bool = False
    split_from: str = ""
    seeded: str = ""
    manifest: ObjectRef | None = None
    version: int = 1

    @property
    def digests(self) -> tuple[str, ...]:
        """Of every file and every description: what a verdict is bound to."""
        described = (f.sidecar.sha256 for f in self.files if f.sidecar is not None)
        return tuple(sorted([*(f.sha256 for f in self.files), *described]))


@dataclass(frozen=True, slots=True)
class Review:
    """One checker's verdict on exactly these bytes in this round; never changed.

    Args:
        verdict: on the output, the strictest of those on its files.
        comment: for the author and everybody who may see the verdict.
        files: name of a file to the verdict on it, where the checker gave one for each.
        notes: for checkers only.
    """

    id: str
    output_id: str
    round: int
    checker: str
    verdict: Verdict
    comment: str
    digests: tuple[str, ...]
    cites: str
    at: datetime
    files: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""

    def of(self, file: OutputFile) -> Verdict:
        """The verdict on one file."""
        return Verdict(self.files.get(file.name, self.verdict.value))

    def approves(self, file: OutputFile) -> bool:
        """Whether it approves exactly this file's bytes, with this description."""
        pinned = {file.sha256} | ({file.sidecar.sha256} if file.sidecar is not None else set())
        return self.of(file) is Verdict.APPROVE and pinned <= set(self.digests)


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """Refuse over return over approve."""
    given = set(verdicts)
    return next(v for v in (Verdict.REFUSE, Verdict.RETURN, Verdict.APPROVE) if v in given)
