"""The audit event and the hash chain. Pure, and short enough to be re-implemented by an auditor."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

#: What the first event says came before it.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that happened.

    Args:
        sequence: 1, 2, 3 … without a hole.
        at: UTC, to the microsecond.
        actor: username, or "service:name".
        event: noun:verb, of `enclave.kernel.events.Event`.
        subject: "noun:id" of what it happened to.
        facts: what was known; never a data value of the registry.
        cites: policy versions that were decided on, "id@version:digest".
        previous, digest: SHA-256 hex; `digest` covers everything else and `previous`.
    """

    sequence: int
    at: datetime
    actor: str
    event: str
    subject: str
    facts: Mapping[str, object] = field(default_factory=dict)
    cites: tuple[str, ...] = ()
    previous: str = GENESIS
    digest: str = ""


def canonical(event: AuditEvent) -> bytes:
    """The bytes that are hashed: JSON, sorted keys, no spaces, UTF-8, everything but the digest itself."""
    body = {
        "sequence": event.sequence,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "event": event.event,
        "subject": event.subject,
        "facts": dict(event.facts),
        "cites": list(event.cites),
        "previous": event.previous,
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(event: AuditEvent) -> str:
    """SHA-256 of the canonical bytes, as lower-case hex."""
    return hashlib.sha256(canonical(event)).hexdigest()


def verify_chain(events: Iterable[AuditEvent], *, after: tuple[int, str] = (0, GENESIS)) -> list[str]:
    """What is wrong with the chain, one sentence a fault; an empty list means that it holds.

    Args:
        events: in order.
        after: sequence and digest of the last event before them.
    """
    faults: list[str] = []
    number, previous = after
    for event in events:
        if event.sequence != number + 1:
            faults.append(
                f"After event {number} comes event {event.sequence}: events are missing or repeated."
            )
        if event.previous != previous:
            faults.append(f"Event {event.sequence} does not follow from the event before it.")
        if digest_of(event) != event.digest:
            faults.append(f"Event {event.sequence} was changed after it was written.")
        number, previous = event.sequence, event.digest
    return faults
