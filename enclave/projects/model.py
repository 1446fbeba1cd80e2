"""A person, a project, a signed-in session. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from enclave.kernel.actors import Actor, Role
from enclave.kernel.machine import Machine


class ProjectState(StrEnum):
    ACTIVE = "active"
    CLOSED = "closed"


class ProjectVerb(StrEnum):
    CLOSE = "close"


PROJECT_MACHINE: Machine[ProjectState, ProjectVerb] = Machine(
    name="project",
    start=ProjectState.ACTIVE,
    moves={(ProjectState.ACTIVE, ProjectVerb.CLOSE): ProjectState.CLOSED},
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account.

    Args:
        username: lower case, never reused.
        uid: the numeric user under which this person's sessions run.
        agreement_signed_on, training_valid_until: parts of the passport; None means not yet.
        password_hash, totp_secret: of a local account; empty where an identity provider signs people in.
        totp_used: the time step of the last one-time code that was taken; a code works once.
    """

    id: str
    username: str
    name: str
    email: str
    organisation: str
    roles: tuple[Role, ...]
    uid: int
    password_hash: str
    totp_secret: str
    agreement_signed_on: date | None
    training_valid_until: date | None
    active: bool
    created_at: datetime
    failures: int = 0
    locked_until: datetime | None = None
    totp_used: int = 0
    version: int = 1

    def actor(self) -> Actor:
        return Actor(self.id, self.username, frozenset(self.roles), self.organisation)


@dataclass(frozen=True, slots=True)
class Project:
    """An approved piece of research.

    Args:
        slug: lower case; names the workspace and the pseudonym scope.
        members: usernames, the lead among them.
        gid: the numeric group that shares the project's workspace.
        summary: in plain words, as it stands in the public register.
    """

    id: str
    slug: str
    title: str
    summary: str
    purpose: str
    public_benefit: str
    lead: str
    members: tuple[str, ...]
    gid: int
    state: ProjectState
    starts: date
    ends: date
    created_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class SignIn:
    """A signed-in browser or API client.

    Args:
        id: SHA-256 of the secret in the cookie or token; the secret itself is kept nowhere.
        kind: "browser", "token" (API), "hub" (OAuth access for the workspace hub) or "code" (that becomes one).
    """

    id: str
    person_id: str
    kind: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    context: str = ""
    version: int = 1
