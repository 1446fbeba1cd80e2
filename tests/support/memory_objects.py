"""An object store in memory that keeps the real one's promises: versions, locks, verified digests."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from enclave.kernel.errors import EnclaveError, NotAllowed, NotFound
from enclave.kernel.ports import ObjectRef, TemporaryCredentials


@dataclass
class MemoryObjects:
    """Implements `enclave.kernel.ports.Objects`. `blobs` may be tampered with by a test."""

    blobs: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    locks: dict[tuple[str, str, str], datetime] = field(default_factory=dict)

    def put(
        self,
        bucket: str,
        key: str,
        source: bytes | Path,
        *,
        media_type: str,
        retain_until: datetime | None = None,
    ) -> ObjectRef:
        data = source.read_bytes() if isinstance(source, Path) else source
        version = secrets.token_hex(8)
        self.blobs[bucket, key, version] = data
        if retain_until is not None:
            self.locks[bucket, key, version] = retain_until
        return ObjectRef(bucket, key, version, hashlib.sha256(data).hexdigest(), len(data), media_type)

    def read(self, ref: ObjectRef) -> bytes:
        data = self.blobs.get((ref.bucket, ref.key, ref.version_id))
        if data is None:
            raise NotFound("The object is gone.")
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise EnclaveError(f"The object {ref.bucket}/{ref.key} was changed.")
        return data

    def fetch(self, ref: ObjectRef, to: Path) -> Path:
        data = self.read(ref)
        part = to.with_name(to.name + ".part")
        part.write_bytes(data)
        return part.rename(to)

    def check(self, ref: ObjectRef) -> None:
        self.read(ref)

    def exists(self, ref: ObjectRef) -> bool:
        return (ref.bucket, ref.key, ref.version_id) in self.blobs

    def list(self, bucket: str, prefix: str = "") -> list[ObjectRef]:
        return [
            ObjectRef(b, k, v, hashlib.sha256(data).hexdigest(), len(data))
            for (b, k, v), data in sorted(self.blobs.items())
            if b == bucket and k.startswith(prefix)
        ]

    def delete(self, ref: ObjectRef) -> None:
        if (ref.bucket, ref.key, ref.version_id) in self.locks:
            raise NotAllowed("The object is locked.")
        self.blobs.pop((ref.bucket, ref.key, ref.version_id), None)

    def temporary_credentials(self, bucket: str, prefix: str, seconds: int) -> TemporaryCredentials:
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        return TemporaryCredentials(
            "http://memory.invalid",
            bucket,
            prefix,
            "key",
            secrets.token_hex(8),
            secrets.token_hex(8),
            expires,
        )
