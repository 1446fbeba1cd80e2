"""What the use cases need from outside, as narrow protocols. Adapters live in store, objects and hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One immutable version of one object, and what its bytes must hash to.

    Args:
        bucket, key, version_id: where it is; `version_id` pins the bytes.
        sha256: lower-case hex digest of the whole object.
        size: bytes.
    """

    bucket: str
    key: str
    version_id: str
    sha256: str
    size: int
    media_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class TemporaryCredentials:
    """S3 credentials that can read one prefix of one bucket and nothing else, until `expires_at` (UTC)."""

    endpoint: str
    bucket: str
    prefix: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime


class HasKey(Protocol):
    """Something in a listing."""

    @property
    def key(self) -> str: ...


class Objects(Protocol):
    """The object store. Every write is re-read and verified before it is acknowledged."""

    def put(
        self,
        bucket: str,
        key: str,
        source: bytes | Path,
        *,
        media_type: str,
        retain_until: datetime | None = None,
    ) -> ObjectRef: ...

    def read(self, ref: ObjectRef) -> bytes:
        """The bytes; raises `Tampered` when they do not hash to `ref.sha256`."""
        ...

    def fetch(self, ref: ObjectRef, to: Path) -> Path:
        """Streams to a file by atomic rename, verified as `read`."""
        ...

    def check(self, ref: ObjectRef) -> None:
        """Reads that version and throws it away; raises as `read`."""
        ...

    def exists(self, ref: ObjectRef) -> bool: ...

    def list(self, bucket: str, prefix: str = "") -> Sequence[HasKey]:
        """Every version under a prefix, by key."""
        ...

    def delete(self, ref: ObjectRef) -> None:
        """Deletes that one version; refused by the store while it is locked."""
        ...

    def temporary_credentials(self, bucket: str, prefix: str, seconds: int) -> TemporaryCredentials: ...


@dataclass(frozen=True, slots=True)
class Mount:
    """One directory inside a sandbox."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one session may use. Sizes in bytes."""

    memory: int = 2 * 2**30
    processes: int = 200
    file_size: int = 1 * 2**30
    tmp: int = 256 * 2**20
    cpu_percent: int = 100
    message: int = 4 * 2**20  # one websocket message or API reply out of the sandbox
    session_out: int = 64 * 2**20  # everything out of the sandbox in one session
    idle_seconds: int = 3600
    max_seconds: int = 12 * 3600


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to open one session: made from live entitlements and from nothing else."""

    user: str
    project: str
    uid: int
    gid: int
    mounts: tuple[Mount, ...]
    expires_at: datetime
    limits: Limits


class EntitlementAuthority(Protocol):
    """Who may be inside, asked at every spawn and poll. `enclave.workspaces.service.Workspaces` is the real one."""

    def admit(self, user: str, project: str) -> Admission:
        """Stages the entitled data and returns the mounts; raises `EnclaveError` with a sentence when refused."""
        ...

    def still_admitted(self, user: str, project: str) -> bool:
        """False as soon as the passport has ended or access was revoked."""
        ...

    def record(self, event: str, user: str, project: str, facts: Mapping[str, object]) -> None:
        """Writes a session event (`session:cell`, `session:deny`, `session:end` …) into the audit log."""
        ...
