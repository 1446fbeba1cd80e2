"""Custody of pseudonym keys: random ones, one for each scope and version, kept apart from the data, destroyable.

A key that derives from a master secret lives for as long as the master does. Here the key of a scope (a dataset,
a project) is drawn at random and stands in one file alone, wrapped under the master (AES-256-GCM; envelope
encryption, NIST SP 800-57 part 1, 6.2.1.3). Who destroys that file makes the scope's pseudonyms impossible to
compute again, for everybody, the holder of the master included (cryptographic erasure, NIST SP 800-88, 2.6).
Practice after ENISA, Pseudonymisation techniques and best practices (2019): the secret apart from the data.

Layout: `<directory>/<scope, percent-encoded>/v0001.key`, then `v0002.key` after a rotation. `v0001.gone` says that
version 1 was destroyed, `all.gone` that the scope was; these tombstones stay. A file appears whole or not at all
(written aside, synced, renamed), and all changes are made under one lock, so that two processes that ask for a
new scope at the same instant get one key, and a kill at any instant loses nothing that was handed out.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from anonymization.errors import AnonymizationError
from anonymization.keys import KeyRing, must_be_long_enough

FORMAT = "registry-enclave/pseudonym-key-1"
_KEY_BYTES, _NONCE_BYTES = 32, 12
_ALL = "all.gone"


class KeyDestroyed(AnonymizationError):
    """The key was destroyed on purpose; nobody can compute these pseudonyms any more."""


class KeyDamaged(AnonymizationError):
    """A key file does not open: changed, moved, or wrapped under another master key."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """How one version of one scope's key stands. Never the key.

    Args:
        scope, version: whose.
        state: "current" (new pseudonyms use it), "kept" (an older version, still readable), "destroyed", or "damaged"
            (its file is cut short or holds something else).
        since: when it came to be, or when it was destroyed.
        by, reason: who destroyed it and why; empty otherwise.
    """

    scope: str
    version: int
    state: str
    since: datetime
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FileCustody:
    """Keys in files of a directory of their own, readable by its owner alone.

    Args:
        directory: made when it is missing (0700); refused when others may enter it.
        master: at least 16 bytes; wraps the keys and is kept elsewhere (the environment, a vault).
    """

    directory: Path
    master: bytes = field(repr=False)

    def __post_init__(self) -> None:
        must_be_long_enough(self.master)

    def open(self, scope: str, version: int | None = None) -> KeyRing:
        """The key ring of a scope, made when it is asked for the first time.

        Args:
            scope: what the pseudonyms are for.
            version: an older version; by default the current one. The ring stays with its version, so a rotation
                in the middle of a run does not give one table two kinds of pseudonyms.

        Raises:
            KeyDestroyed: the scope, or that version, was destroyed. KeyDamaged: the file does not open.
        """
        if not scope:
            raise AnonymizationError("A pseudonym key needs a scope; name the dataset or project.")
        folder = self._folder(scope)
        self._refuse_open_directory()
        self._refuse_links(folder)
        self._refuse_destroyed(folder, scope, version)
        number = version or max(_versions(folder), default=0)
        if not number:
            with self._alone():
                self._refuse_destroyed(folder, scope, None)
                number = max(_versions(folder), default=0)
                if not number:
                    number = 1
                    self._write(folder, scope, number)
        return KeyRing(self._read(folder, scope, number), version=number, only=scope)

    def rotate(self, scope: str) -> int:
        """Gives a scope a new version; older ones stay readable until they are destroyed. The new number."""
        folder = self._folder(scope)
        with self._alone():
            self._refuse_destroyed(folder, scope, None)
            known = max([*_versions(folder), *_gone(folder)], default=0)
            if not known:
                raise AnonymizationError(
                    f"There is no key of {scope} to rotate: nothing was made with it yet."
                )
            self._write(folder, scope, known + 1)
        return known + 1

    def destroy(self, scope: str, *, by: str, reason: str, version: int | None = None) -> bool:
        """Destroys a scope's keys, or one older version; False when that was done before.

        The tombstone comes first: from then on the key is refused, even when the process is killed before the file
        is gone; destroying again (or any other change) finishes it. A scope without a key gets a tombstone too, so
        that none can be made for it later.

        Raises:
            AnonymizationError: the version is the current one (rotate first), or there is none of that number.
        """
        folder = self._folder(scope)
        with self._alone():
            name = _ALL if version is None else f"v{version:04d}.gone"
            done = (folder / name).exists()
            if not done:
                there = _versions(folder)
                if version is not None and version not in there:
                    raise AnonymizationError(f"There is no version {version} of the key of {scope}.")
                if version is not None and version == max(there):
                    raise AnonymizationError(
                        f"Version {version} of the key of {scope} is the one in use. Rotate it first, or destroy "
                        "the whole scope."
                    )
                told = {"by": by, "reason": reason, "at": _now(), "versions": [version] if version else there}
                self._put(folder / name, {"format": FORMAT, "scope": scope, **told})
            self._finish(folder)
        return not done

    def destroyed(self, scope: str) -> bool:
        """Whether the whole scope was destroyed."""
        return (self._folder(scope) / _ALL).exists()

    def states(self) -> list[KeyState]:
        """Every version of every scope, by scope and number; no key is opened."""
        out: list[KeyState] = []
        for folder in sorted(p for p in self.directory.glob("*") if p.is_dir()):
            scope, versions = unquote(folder.name), _versions(folder)
            for stone in sorted(folder.glob("*.gone")):
                at, told = _told(stone)
                # A tombstone says what it stands for by its name, whatever became of its content.
                numbers = told.get("versions") or [0 if stone.name == _ALL else _number(stone)]
                by, reason = str(told.get("by", "")), str(told.get("reason", ""))
                out += [KeyState(scope, n, "destroyed", at, by, reason) for n in numbers]
                versions = [v for v in versions if v not in numbers]
            if not (folder / _ALL).exists():
                newest = max(versions, default=0)
                for v in sorted(versions):
                    at, told = _told(_key_file(folder, v))
                    state = "current" if v == newest else "kept"
                    out.append(KeyState(scope, v, state if told else "damaged", at))
        return sorted(out, key=lambda s: (s.scope, s.version))

    # How it is done.

    def _refuse_open_directory(self) -> None:
        if self.directory.exists() and self.directory.stat().st_mode & 0o077:
            raise AnonymizationError(
                f"Others may enter the key directory {self.directory}. Close it: chmod 700 {self.directory}"
            )

    def _refuse_links(self, folder: Path) -> None:
        """A key that stands elsewhere is in nobody's custody: destroying it here might not destroy it there."""
        for path in (folder, *folder.glob("*.key")):
            if path.is_symlink():
                raise AnonymizationError(
                    f"{path.relative_to(self.directory)} in the key directory {self.directory} is a link to somewhere "
                    "else. Put the file itself there."
                )

    def _folder(self, scope: str) -> Path:
        name = quote(scope, safe="")
        if not name or len(name) > 200:
            raise AnonymizationError("The scope of a pseudonym key must have 1 to 200 characters.")
        return self.directory / name.replace(".", "%2E")

    def _refuse_destroyed(self, folder: Path, scope: str, version: int | None) -> None:
        if (folder / _ALL).exists():
            raise KeyDestroyed(
                f"The pseudonym key of {scope} was destroyed, so its pseudonyms cannot be made or matched any "
                "more. Start a new project, or take the data again under a new name."
            )
        if version is not None and (folder / f"v{version:04d}.gone").exists():
            raise KeyDestroyed(
                f"Version {version} of the pseudonym key of {scope} was destroyed. Use a newer one."
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process changes keys at a time; whatever a killed one left is finished or swept away first."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._refuse_open_directory()
        lock = os.open(self.directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for part in self.directory.glob("*/.*.part"):
                _shred(part)
            for stone in self.directory.glob("*/*.gone"):
                self._finish(stone.parent)
            yield
        finally:
            os.close(lock)

    def _finish(self, folder: Path) -> None:
        """Overwrites and removes every key file that a tombstone speaks of."""
        whole, gone = (folder / _ALL).exists(), _gone(folder)
        for version in _versions(folder):
            if whole or version in gone:
                _shred(_key_file(folder, version))
        # With the scope go copies that somebody laid beside its keys under another name.
        for copy in [p for p in folder.glob("*") if whole and p.suffix != ".gone" and p.is_file()]:
            _shred(copy)

    def _write(self, folder: Path, scope: str, version: int) -> None:
        at, nonce = _now(), secrets.token_bytes(_NONCE_BYTES)
        wrapped = AESGCM(self._wrapping()).encrypt(
            nonce, secrets.token_bytes(_KEY_BYTES), _bound_to(scope, version, at)
        )
        told = {"format": FORMAT, "scope": scope, "version": version, "at": at}
        key = {"nonce": b64encode(nonce).decode(), "wrapped": b64encode(wrapped).decode()}
        self._put(_key_file(folder, version), told | key)

    def _read(self, folder: Path, scope: str, version: int) -> bytes:
        try:
            told = _load(_key_file(folder, version))
            nonce, wrapped = b64decode(told["nonce"]), b64decode(told["wrapped"])
            return AESGCM(self._wrapping()).decrypt(nonce, wrapped, _bound_to(scope, version, told["at"]))
        except FileNotFoundError:
            self._refuse_destroyed(folder, scope, version)  # it may have gone while we read
            raise KeyDamaged(
                f"Version {version} of the pseudonym key of {scope} is not in {self.directory}. Restore it from the "
                "backup of the key directory."
            ) from None
        except (InvalidTag, ValueError, KeyError, TypeError):
            self._refuse_destroyed(folder, scope, version)
            raise KeyDamaged(
                f"The pseudonym key of {scope} (version {version}) does not open: its file was changed, or the master "
                "key is not the one that it was wrapped under. Check REGISTRY_ENCLAVE_MASTER_KEY, or restore the "
                "file from the backup of the key directory."
            ) from None

    def _wrapping(self) -> bytes:
        info = b"registry-enclave/key-custody"
        return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(self.master)

    def _put(self, to: Path, content: dict[str, object]) -> None:
        """A whole file under its name, or none: written aside, synced, renamed, the folder synced."""
        if not to.parent.exists():
            to.parent.mkdir(mode=0o700)
            _sync(self.directory)
        part = to.with_name(f".{to.name}.{secrets.token_hex(6)}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(json.dumps(content, indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(to)
        _sync(to.parent)


def _bound_to(scope: str, version: int, at: str) -> bytes:
    """What a wrapped key is authenticated with, so that a file moved to another scope or version fails."""
    return "\0".join((FORMAT, scope, str(version), at)).encode()


def _key_file(folder: Path, version: int) -> Path:
    return folder / f"v{version:04d}.key"


def _versions(folder: Path) -> list[int]:
    return sorted(_number(p) for p in folder.glob("v*.key") if _number(p))


def _gone(folder: Path) -> set[int]:
    return {_number(p) for p in folder.glob("v*.gone") if _number(p)}


def _number(file: Path) -> int:
    """The version that a file's name gives; 0 where it is none of ours, such as somebody's copy beside it."""
    digits = file.stem[1:]
    return int(digits) if digits.isascii() and digits.isdigit() and file.stem == f"v{int(digits):04d}" else 0


def _told(file: Path) -> tuple[datetime, dict[str, Any]]:
    """When a file came to be and what it says; a damaged one says nothing, and only the disk knows when."""
    try:
        told = json.loads(file.read_text("utf-8"))
        return datetime.fromisoformat(told["at"]), dict(told)
    except FileNotFoundError:
        return datetime.now(UTC), {}
    except (OSError, ValueError, KeyError, TypeError):
        return datetime.fromtimestamp(file.stat().st_mtime, UTC), {}


def _load(file: Path) -> dict[str, str]:
    told: dict[str, str] = json.loads(file.read_text("utf-8"))
    return told


def _shred(file: Path) -> None:
    """Overwrites a file with noise, then removes it. What a disk remembers of it is still wrapped."""
    try:
        with file.open("r+b") as handle:
            handle.write(secrets.token_bytes(max(1, file.stat().st_size)))
            handle.flush()
            os.fsync(handle.fileno())
    finally:
        file.unlink()
        _sync(file.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _now() -> str:
    return datetime.now(UTC).isoformat()
