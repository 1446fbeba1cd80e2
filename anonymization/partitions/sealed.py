"""Work files: partitions of an extract on disk, sealed, because they hold what the extract holds.

A file is a row of frames, each AES-256-GCM (NIST SP 800-38D) under a key of the run, bound to its place: a frame of
another run, file or position, a changed one, or a file cut off does not open. Files are 0600 and appear whole or not
at all.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anonymization.errors import AnonymizationError

_LENGTH = struct.Struct("<Q")
_NONCE = 12
_MOST = 1 << 31  # bytes; a longer frame is no frame of ours
_END = b"end"


class NotOurs(AnonymizationError):
    """A work file that is damaged, cut off, or of another run."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Opens and seals the work files of one run. Args: key: 32 bytes; run: what it is, bound to each frame."""

    key: bytes = field(repr=False)
    run: bytes

    def write(self, path: Path, frames: Iterable[bytes | memoryview]) -> list[int]:
        """Writes a whole file; returns where each frame begins."""
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        with Growing(self, part, path.name) as growing:
            starts = [growing.add(frame) for frame in frames]
        part.replace(path)
        return starts

    def read(self, path: Path) -> Iterator[bytes]:
        """Every frame in order; raises NotOurs at the first that does not open."""
        with path.open("rb") as file:
            number = 0
            while (frame := self._next(file, path.name, number)) is not None:
                yield frame
                number += 1

    def read_one(self, path: Path, number: int, start: int) -> bytes:
        """One frame, by its number and where it begins."""
        with path.open("rb") as file:
            file.seek(start)
            frame = self._next(file, path.name, number)
        if frame is None:
            raise NotOurs("A work file is shorter than it was. Delete the work directory and run again.")
        return frame

    def _next(self, file: object, name: str, number: int) -> bytes | None:
        head = file.read(_LENGTH.size)  # type: ignore[attr-defined]
        if len(head) == _LENGTH.size:
            body = file.read(min(_LENGTH.unpack(head)[0], _MOST))  # type: ignore[attr-defined]
            for last in (False, True):
                try:
                    frame = AESGCM(self.key).decrypt(
                        body[:_NONCE], body[_NONCE:], self.place(name, number, last=last)
                    )
                except (InvalidTag, ValueError):
                    continue
                return None if last else frame
        raise NotOurs("A work file is damaged or of another run. Delete the work directory and run again.")

    def place(self, name: str, number: int, *, last: bool) -> bytes:
        return b"\0".join((self.run, name.encode(), str(number).encode(), _END if last else b""))


class Growing:
    """A sealed file that is written frame by frame under another name; closing it without fault ends it."""

    def __init__(self, seal: Seal, path: Path, name: str) -> None:
        self._seal, self.path, self._name = seal, path, name
        self._number, self._at = 0, 0
        self._cipher = AESGCM(seal.key)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def add(self, frame: bytes | memoryview, *, last: bool = False) -> int:
        nonce = secrets.token_bytes(_NONCE)
        body = self._cipher.encrypt(nonce, frame, self._seal.place(self._name, self._number, last=last))
        with self.path.open("ab") as file:
            file.write(_LENGTH.pack(_NONCE + len(body)) + nonce)
            file.write(body)
            if last:
                file.flush()
                os.fsync(file.fileno())
        start, self._at = self._at, self._at + _LENGTH.size + _NONCE + len(body)
        self._number += 1
        return start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self.add(b"", last=True)
        else:
            self.path.unlink(missing_ok=True)
