"""The manifest of a release: its bytes, the recipe that made them, the policies obeyed, the evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, Self

from enclave.kernel.errors import Invalid, Missing, Tampered
from enclave.kernel.ports import ObjectRef, Objects

SCHEMA = "registry-enclave/manifest@1"
MEDIA_TYPE = "application/vnd.registry-enclave.manifest+json"


class Checks(Protocol):
    """What verifying needs of the object store."""

    def read(self, ref: ObjectRef) -> bytes: ...

    def check(self, ref: ObjectRef) -> None: ...


class ProblemKind(StrEnum):
    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as the manifest says.

    Args:
        name: the file's name in the release, or "manifest".
        sentence: what is wrong; names where, never content.
    """

    name: str
    kind: ProblemKind
    sentence: str


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of a release: its name there, and the one version of the one object that it is."""

    name: str
    ref: ObjectRef


def manifest_bytes(
    *,
    release: str,
    files: Sequence[ObjectRef],
    recipe: str,
    policies: Sequence[str],
    evidence: str,
    created_at: datetime,
) -> bytes:
    """A manifest's canonical bytes, each file under the last part of its key.

    Args:
        recipe: "name@version:digest".
    """
    name, _, rest = recipe.partition("@")
    version, _, digest = rest.partition(":")
    named = tuple(ManifestFile(ref.key.rsplit("/", 1)[-1], ref) for ref in files)
    return Manifest(release, named, name, version, digest, tuple(policies), evidence, created_at).to_bytes()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a release is made of.

    Args:
        release: the release's id.
        files: its files, names unique.
        recipe: name, version and digest of the recipe that made it.
        policies: what was obeyed, as cited by decisions ("access@1:ab12…").
        evidence: SHA-256 of the evidence pack, lower-case hex.
        created_at: when it was made, with a time zone; kept in UTC to the second.
    """

    release: str
    files: tuple[ManifestFile, ...]
    recipe_name: str
    recipe_version: str
    recipe_digest: str
    policies: tuple[str, ...]
    evidence: str
    created_at: datetime

    def __post_init__(self) -> None:
        names = [file.name for file in self.files]
        if len(set(names)) != len(names) or not all(names):
            raise Invalid(
                ["Every file of a release needs a name of its own. Rename the files that share one."]
            )
        if self.created_at.tzinfo is None:
            raise Invalid(["A manifest's time needs a time zone."])
        object.__setattr__(self, "created_at", self.created_at.astimezone(UTC).replace(microsecond=0))
        object.__setattr__(self, "files", tuple(sorted(self.files, key=lambda file: file.name)))

    def to_dict(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "release": self.release,
            "files": [
                {
                    "name": file.name,
                    "bucket": file.ref.bucket,
                    "key": file.ref.key,
                    "version_id": file.ref.version_id,
                    "sha256": file.ref.sha256,
                    "size": file.ref.size,
                    "media_type": file.ref.media_type,
                }
                for file in self.files
            ],
            "recipe": {
                "name": self.recipe_name,
                "version": self.recipe_version,
                "digest": self.recipe_digest,
            },
            "policies": list(self.policies),
            "evidence": self.evidence,
            "created_at": self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def to_bytes(self) -> bytes:
        """The canonical bytes: UTF-8 JSON, keys sorted, no spaces, a newline at the end (after RFC 8785)."""
        text = json.dumps(
            self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return f"{text}\n".encode()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads canonical bytes back.

        Raises:
            Invalid: they are not a manifest of this schema, or not canonical.
        """
        try:
            facts = json.loads(data)
            manifest = cls._from_dict(facts)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Invalid([f"This is not a manifest of schema {SCHEMA}."]) from None
        if manifest.to_bytes() != data:
            raise Invalid(["This manifest is not in its canonical form, so its digest means nothing."])
        return manifest

    @classmethod
    def _from_dict(cls, facts: Mapping[str, object]) -> Self:
        files, recipe, policies = facts["files"], facts["recipe"], facts["policies"]
        if not isinstance(files, list) or not isinstance(recipe, dict) or not isinstance(policies, list):
            raise TypeError
        return cls(
            release=str(facts["release"]),
            files=tuple(
                ManifestFile(str(file["name"]), ObjectRef(**{k: v for k, v in file.items() if k != "name"}))
                for file in files
            ),
            recipe_name=str(recipe["name"]),
            recipe_version=str(recipe["version"]),
            recipe_digest=str(recipe["digest"]),
            policies=tuple(str(cite) for cite in policies),
            evidence=str(facts["evidence"]),
            created_at=datetime.strptime(str(facts["created_at"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        )


def publish(
    objects: Objects, manifest: Manifest, bucket: str, key: str, *, retain_until: datetime | None = None
) -> ObjectRef:
    """Stores the canonical bytes; the reference's digest pins the manifest, and through it every file."""
    return objects.put(bucket, key, manifest.to_bytes(), media_type=MEDIA_TYPE, retain_until=retain_until)


def load(objects: Checks, ref: ObjectRef) -> Manifest:
    """The manifest at `ref`. Raises Tampered, Missing or Invalid when it is not what was published."""
    return Manifest.from_bytes(objects.read(ref))


def verify(objects: Checks, ref: ObjectRef) -> list[Problem]:
    """Re-reads the manifest and every byte of every file that it names.

    Args:
        objects: the store.
        ref: the manifest's own reference, as the product's database or an audit anchor holds it.

    Returns:
        Everything that is not as it was published, by file name; empty when all is well.

    Raises:
        Unavailable: the store does not answer, so nothing can be said.
    """
    try:
        manifest = load(objects, ref)
    except (Tampered, Missing, Invalid) as error:
        return [Problem("manifest", _kind(error), error.sentence)]
    problems = []
    for file in manifest.files:
        try:
            objects.check(file.ref)
        except (Tampered, Missing) as error:
            problems.append(Problem(file.name, _kind(error), error.sentence))
    return problems


def _kind(error: Exception) -> ProblemKind:
    if isinstance(error, Missing):
        return ProblemKind.MISSING
    return ProblemKind.CHANGED if isinstance(error, Tampered) else ProblemKind.UNREADABLE
