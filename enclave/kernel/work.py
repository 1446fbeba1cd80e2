"""A job and a message, as rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done after a transaction committed. Done at least once; every job is idempotent.

    Args:
        key: unique; queueing the same key twice queues once.
        payload: what was ordered; the worker adds `progress` (how far it is), a person `called_off` (who and when).
        state: queued, done, failed or cancelled.
        leased_until: a worker that is alive renews it; a dead worker's job is free again after it.
    """

    id: str
    kind: str
    key: str
    payload: Mapping[str, object]
    state: str
    attempts: int
    created_at: datetime
    run_after: datetime
    leased_until: datetime | None = None
    error: str = ""
    version: int = 1

    @property
    def progress(self) -> Mapping[str, object]:
        """How far it is: stage, done, of, seconds, and the plan's bounds; empty before it began."""
        found = self.payload.get("progress")
        return found if isinstance(found, Mapping) else {}

    @property
    def called_off(self) -> bool:
        """Whether somebody wants it stopped."""
        return bool(self.payload.get("called_off"))


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence left for a person."""

    id: str
    username: str
    sentence: str
    link: str
    created_at: datetime
    read_at: datetime | None = None
    version: int = 1
