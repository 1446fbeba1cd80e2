"""Objects in an S3 store: versioned, locked, encrypted, and believed only after they were read back."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from minio.commonconfig import COMPLIANCE
from minio.error import S3Error
from minio.retention import Retention
from minio.sse import SseS3

from enclave.kernel.errors import Invalid, Unavailable
from enclave.kernel.ports import ObjectRef, TemporaryCredentials
from enclave.objects.client import connect, patiently
from enclave.objects.errors import Forbidden, Locked, Missing, Tampered
from enclave.objects.sts import assume
from enclave.settings import Settings

#: quarantine: sealed extracts; releases: built data; outputs: what wants to leave; released: what may be read
#: outside; anchors: heads of the audit log.
BUCKETS = ("quarantine", "releases", "outputs", "released", "anchors")

_CHUNK = 1 << 20
_PART = 16 << 20
_LONGEST_KEY = 900


@dataclass(frozen=True, slots=True)
class Listed:
    """One version of one object, as the store lists it. Listings carry no digest: keep `ObjectRef`s for that.

    Args:
        deleted: this version is a delete marker; `size` is then 0.
    """

    bucket: str
    key: str
    version_id: str
    size: int
    modified: datetime
    latest: bool
    deleted: bool


class _Hashing:
    """A file that remembers the digest and the length of what was read from it, once, from start to end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        self.size += len(data)
        return data

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class S3Objects:
    """`enclave.kernel.ports.Objects` on any S3 server, through the MinIO client.

    The server does not check a body against its signed digest, so nothing here relies on that: every write
    is read back in full before it is acknowledged, every read is checked against the recorded digest.

    Args:
        settings: where the store is, and the product's own credentials.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = connect(settings)
        self._seen: set[str] = set()

    def prepare(self) -> None:
        """Makes the product's buckets, versioned and with object lock, where they are missing."""
        for bucket in BUCKETS:
            self._ensure(bucket)

    def put(
        self,
        bucket: str,
        key: str,
        source: bytes | Path,
        *,
        media_type: str,
        retain_until: datetime | None = None,
    ) -> ObjectRef:
        """Stores, reads back, compares, locks; only then returns.

        Args:
            bucket: where; made when it is missing, with versions and object lock.
            key: the object's name there.
            source: the bytes, or a file that is streamed.
            media_type: content type, kept with the object.
            retain_until: when given, nobody, administrators included, can delete this version before then.

        Raises:
            Invalid: the key or the date cannot be used, or the bucket keeps no versions.
            Tampered: what came back is not what was sent.
            Unavailable: the store does not answer; nothing was acknowledged.
        """
        _check_key(key)
        if retain_until is not None and (retain_until.tzinfo is None or retain_until <= datetime.now(UTC)):
            raise Invalid(["The date of retention must lie in the future and carry a time zone."])
        self._ensure(bucket)
        file: BinaryIO = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
        with closing(file):
            ref = patiently(f"{bucket}/{key}", lambda: self._send(bucket, key, file, media_type))
        try:
            self.check(ref)
        except Tampered:
            with suppress(Forbidden, Unavailable):
                self.delete(ref)
            raise
        if retain_until is not None:
            self._retain(ref, retain_until)
        return ref

    def read(self, ref: ObjectRef) -> bytes:
        """The bytes of that version.

        Raises:
            Tampered: they do not hash to `ref.sha256`.
            Missing: there is no such version.
            Unavailable: the store does not answer.
        """
        into = io.BytesIO()
        self._copy(ref, into)
        return into.getvalue()

    def fetch(self, ref: ObjectRef, to: Path) -> Path:
        """Streams that version to a file, which appears whole and verified or not at all; else as `read`."""
        to.parent.mkdir(parents=True, exist_ok=True)
        part = to.with_name(f".{to.name}.{secrets.token_hex(6)}.part")
        try:
            with part.open("xb") as file:
                self._copy(ref, file)
                file.flush()
                os.fsync(file.fileno())
            return part.replace(to)
        finally:
            part.unlink(missing_ok=True)

    def check(self, ref: ObjectRef) -> None:
        """Reads that version and throws it away. Errors as `read`."""
        self._copy(ref, None)

    def exists(self, ref: ObjectRef) -> bool:
        try:
            patiently(
                _name(ref), lambda: self._client.stat_object(ref.bucket, ref.key, version_id=ref.version_id)
            )
        except Missing:
            return False
        return True

    def delete(self, ref: ObjectRef) -> None:
        """Deletes that one version, and makes sure that it is gone. Deleting what is gone is not an error.

        Raises:
            Locked: its retention has not ended.
            Unavailable: the store does not answer, or says yes and keeps it.
        """
        try:
            patiently(
                _name(ref), lambda: self._client.remove_object(ref.bucket, ref.key, version_id=ref.version_id)
            )
        except Forbidden:
            raise Locked(
                f"{_name(ref)} is locked against deletion. It can be deleted when its retention has ended."
            ) from None
        except Missing:
            return
        if self.exists(ref):
            raise Unavailable(f"The object store still holds {_name(ref)} after deleting it. Try again.")

    def list(self, bucket: str, prefix: str = "") -> tuple[Listed, ...]:
        """Every version under a prefix, each once, by key and from new to old.

        Raises:
            Missing: there is no such bucket.
        """

        def listing() -> Iterator[Listed]:
            found = self._client.list_objects(
                bucket, prefix=prefix or None, recursive=True, include_version=True
            )
            for item in found:
                modified = item.last_modified or datetime.fromtimestamp(0, UTC)
                latest = str(item.is_latest).lower() == "true"
                deleted, size = bool(item.is_delete_marker), item.size or 0
                yield Listed(bucket, item.object_name, item.version_id, size, modified, latest, deleted)

        rows = patiently(f"bucket {bucket}", lambda: {(row.key, row.version_id): row for row in listing()})
        newest_first = sorted(rows.values(), key=lambda row: (row.latest, row.modified), reverse=True)
        return tuple(sorted(newest_first, key=lambda row: row.key))

    def temporary_credentials(self, bucket: str, prefix: str, seconds: int) -> TemporaryCredentials:
        """Credentials that can GET what lies under `prefix` in `bucket`, nothing else; see `sts.assume`."""
        return assume(self._settings, bucket, prefix, seconds)

    def _ensure(self, bucket: str) -> None:
        if bucket in self._seen:
            return

        def made() -> str:
            if not self._client.bucket_exists(bucket):
                try:
                    self._client.make_bucket(bucket, object_lock=True)
                except S3Error as error:  # somebody else made it between the two requests
                    if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                        raise
            return str(self._client.get_bucket_versioning(bucket).status)

        if patiently(f"bucket {bucket}", made) != "Enabled":
            raise Invalid(
                [f"Bucket {bucket} keeps no versions. Switch on versioning and object lock, and try again."]
            )
        self._seen.add(bucket)

    def _send(self, bucket: str, key: str, file: BinaryIO, media_type: str) -> ObjectRef:
        length = file.seek(0, os.SEEK_END)
        file.seek(0)
        body = _Hashing(file)
        result = self._client.put_object(
            bucket,
            key,
            body,
            length,
            content_type=media_type,
            sse=SseS3(),
            part_size=_PART,
            num_parallel_uploads=1,
        )
        if not result.version_id:
            raise Invalid(
                [f"Bucket {bucket} keeps no versions. Switch on versioning and object lock, and try again."]
            )
        return ObjectRef(bucket, key, str(result.version_id), body.sha256, body.size, media_type)

    def _retain(self, ref: ObjectRef, until: datetime) -> None:
        """Locks after verifying, so that no damaged write is locked in; then asks whether the lock holds."""
        wanted = until.astimezone(UTC).replace(microsecond=0)
        retention = Retention(COMPLIANCE, wanted)
        where = (ref.bucket, ref.key)
        patiently(
            _name(ref),
            lambda: self._client.set_object_retention(*where, retention, version_id=ref.version_id),
        )
        held = patiently(
            _name(ref), lambda: self._client.get_object_retention(*where, version_id=ref.version_id)
        )
        if held is None or held.mode != COMPLIANCE or held.retain_until_date < wanted:
            raise Unavailable(f"The object store did not lock {_name(ref)} as asked. Switch on object lock.")

    def _copy(self, ref: ObjectRef, into: BinaryIO | None) -> None:
        def once() -> _Hashing:
            if into is not None:
                into.seek(0)
                into.truncate()
            reply = self._client.get_object(ref.bucket, ref.key, version_id=ref.version_id)
            try:
                body = _Hashing(reply)
                while data := body.read(_CHUNK):
                    if into is not None:
                        into.write(data)
                    if body.size > ref.size:
                        break
            finally:
                reply.close()
                reply.release_conn()
            return body

        try:
            body = patiently(_name(ref), once)
        except Unavailable:
            if self._listed_but_unreadable(ref):
                raise Tampered(
                    f"{_name(ref)} is listed but its bytes cannot be read: they were damaged or changed in "
                    "the store. Try once more in a minute; if it stays so, restore it from a backup."
                ) from None
            raise
        if body.size != ref.size or body.sha256 != ref.sha256:
            raise Tampered(
                f"{_name(ref)} is not what was recorded: it was damaged or changed in the store. "
                "Restore it from a backup."
            )

    def _listed_but_unreadable(self, ref: ObjectRef) -> bool:
        """A store that answers for a version and fails on its bytes has lost them; that is not an outage."""
        try:
            return self.exists(ref)
        except (Unavailable, Forbidden):
            return False


def _name(ref: ObjectRef) -> str:
    return f"{ref.bucket}/{ref.key} (version {ref.version_id})"


def _check_key(key: str) -> None:
    parts = key.split("/")
    if not key or len(key.encode()) > _LONGEST_KEY or any(part in {"", ".", ".."} for part in parts):
        raise Invalid(
            [f"A key is 1 to {_LONGEST_KEY} bytes, names joined by single slashes. Choose another key."]
        )
