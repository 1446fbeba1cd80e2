"""A release and its state machine. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from enclave.kernel.machine import Machine
from enclave.kernel.ports import ObjectRef
from enclave.kernel.tiers import Tier


class ReleaseState(StrEnum):
    BUILT = "built"
    HELD = "held"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class ReleaseVerb(StrEnum):
    HOLD = "hold"
    PUBLISH = "publish"
    WITHDRAW = "withdraw"


_S, _V = ReleaseState, ReleaseVerb
RELEASE_MACHINE: Machine[ReleaseState, ReleaseVerb] = Machine(
    name="release",
    start=_S.BUILT,
    moves={
        (_S.BUILT, _V.HOLD): _S.HELD,
        (_S.BUILT, _V.PUBLISH): _S.PUBLISHED,
        (_S.HELD, _V.WITHDRAW): _S.WITHDRAWN,
        (_S.PUBLISHED, _V.WITHDRAW): _S.WITHDRAWN,
    },
)


@dataclass(frozen=True, slots=True)
class Release:
    """One immutable, versioned product of one extract.

    Args:
        files: the objects, each pinned by version and digest; the last one is the evidence pack.
        manifest: the object that names them all, with recipe, policies and digests.
        summary: the figures of the evidence pack that pages show; aggregates only.
        recipe: "name@version:digest".
        cites: policy versions that the gate decided on.
        reasons: why it is held, in sentences; empty when it passed.
    """

    id: str
    reference: str
    dataset: str
    extract: str
    tier: Tier
    title: str
    state: ReleaseState
    files: tuple[ObjectRef, ...]
    manifest: ObjectRef
    columns: tuple[str, ...]
    rows: int
    summary: Mapping[str, object]
    recipe: str
    cites: tuple[str, ...]
    reasons: tuple[str, ...]
    created_by: str
    created_at: datetime
    version: int = 1
