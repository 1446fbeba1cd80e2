"""An extract and its state machine. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from enclave.kernel.machine import Machine
from enclave.kernel.ports import ObjectRef


class ExtractState(StrEnum):
    QUARANTINED = "quarantined"
    PROCESSED = "processed"
    DESTROYED = "destroyed"


class ExtractVerb(StrEnum):
    PROCESS = "process"
    DESTROY = "destroy"


EXTRACT_MACHINE: Machine[ExtractState, ExtractVerb] = Machine(
    name="extract",
    start=ExtractState.QUARANTINED,
    moves={
        (ExtractState.QUARANTINED, ExtractVerb.PROCESS): ExtractState.PROCESSED,
        (ExtractState.PROCESSED, ExtractVerb.PROCESS): ExtractState.PROCESSED,
        (ExtractState.QUARANTINED, ExtractVerb.DESTROY): ExtractState.DESTROYED,
        (ExtractState.PROCESSED, ExtractVerb.DESTROY): ExtractState.DESTROYED,
    },
)


@dataclass(frozen=True, slots=True)
class Extract:
    """A dated snapshot taken from a registry.

    Args:
        dataset: slug.
        as_of: the day that the snapshot shows.
        source: where it was taken from, in words; never an address with a password.
        sha256: digest of the clear parquet file.
        sealed: the sealed (client-side encrypted) file in quarantine.
        digests: keyed digests of the names, numbers and codes in it, for the airlock (see `own_values`).
        wrapped_key: opens it, together with a key derived from the master key; emptied when it is destroyed.
    """

    id: str
    reference: str
    dataset: str
    as_of: date
    source: str
    rows: int
    sha256: str
    sealed: ObjectRef
    wrapped_key: str
    state: ExtractState
    registered_by: str
    registered_at: datetime
    digests: ObjectRef | None = None
    version: int = 1
