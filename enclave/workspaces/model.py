"""A project's workspace and its state machine. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from enclave.kernel.machine import Machine


class WorkspaceState(StrEnum):
    PENDING = "pending"
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    DESTROYED = "destroyed"


class WorkspaceVerb(StrEnum):
    OPEN = "open"
    SUSPEND = "suspend"
    RESUME = "resume"
    CLOSE = "close"
    DESTROY = "destroy"


_S, _V = WorkspaceState, WorkspaceVerb
WORKSPACE_MACHINE: Machine[WorkspaceState, WorkspaceVerb] = Machine(
    name="workspace",
    start=_S.PENDING,
    moves={
        (_S.PENDING, _V.OPEN): _S.OPEN,
        (_S.OPEN, _V.SUSPEND): _S.SUSPENDED,
        (_S.SUSPENDED, _V.RESUME): _S.OPEN,
        (_S.OPEN, _V.CLOSE): _S.CLOSED,
        (_S.SUSPENDED, _V.CLOSE): _S.CLOSED,
        (_S.CLOSED, _V.DESTROY): _S.DESTROYED,
    },
)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a project works: one shared folder, and one session per member."""

    id: str
    project: str
    state: WorkspaceState
    created_at: datetime
    opened_at: datetime | None = None
    version: int = 1
