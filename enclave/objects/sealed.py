"""Extracts sealed before they leave the process: AES-256-GCM in chunks, one random key per file.

The key of a file is random and is kept, wrapped under its dataset's key, outside the file (in the product's
database). Destroying that one wrapped key makes every copy of the file unreadable, backups and locked
versions included.

Layout: 8 bytes of magic, 4 bytes of chunk size (big-endian), then the chunks, each followed by its 16-byte
tag. Chunk i is sealed under the nonce (i as 11 bytes, then 1 for the last chunk and 0 before it), which is
the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár (CRYPTO 2015): a chunk that is changed,
moved, dropped or added fails, and so does a file that was cut short. Header and context are authenticated
with every chunk.
"""

from __future__ import annotations

import io
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from enclave.kernel.errors import NotFound
from enclave.objects.errors import Tampered
from enclave.objects.keys import derive
from enclave.settings import Settings

MAGIC = b"RESEAL1\n"
CHUNK = 1 << 20

_HEADER = len(MAGIC) + 4
_TAG = 16
_NONCE = 12
_LARGEST_CHUNK = 64 << 20


def dataset_key(settings: Settings, dataset: str) -> bytes:
    """The 32-byte key that wraps the keys of one dataset's files; derived, so it is stored nowhere."""
    return derive(settings, f"quarantine:{dataset}")


def seal(source: bytes | Path, to: Path, *, key: bytes, context: str, chunk: int = CHUNK) -> str:
    """Writes a sealed copy of `source` to `to`, by atomic rename, readable by its owner alone.

    Args:
        source: the bytes, or a file that is streamed.
        to: where the sealed file goes.
        key: the dataset's key, from `dataset_key`.
        context: what the file is, for example the extract's id; the same words are needed to open it.
        chunk: bytes of each chunk but the last.

    Returns:
        The file's own key, wrapped. Keep it; destroying it destroys the file.
    """
    data_key = AESGCM.generate_key(256)
    header = MAGIC + chunk.to_bytes(4, "big")
    aead, associated = AESGCM(data_key), _associated(header, context)
    reading: BinaryIO = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
    with reading, _whole(to) as writing:
        writing.write(header)
        for number, piece, last in _pieces(reading, chunk):
            writing.write(aead.encrypt(_nonce(number, last=last), piece, associated))
    return _wrap(data_key, key, context)


def unseal(source: bytes | Path, to: Path, *, key: bytes, wrapped: str, context: str) -> Path:
    """Opens a sealed file into `to`, which appears whole and verified or not at all.

    Raises:
        Tampered: the file, the wrapped key or the context is not the one that was sealed.
        NotFound: the file's key was destroyed.
    """
    with _whole(to) as writing:
        for piece in _open(source, key, wrapped, context):
            writing.write(piece)
    return to


def unseal_bytes(source: bytes | Path, *, key: bytes, wrapped: str, context: str) -> bytes:
    """As `unseal`, into memory."""
    return b"".join(_open(source, key, wrapped, context))


def _open(source: bytes | Path, key: bytes, wrapped: str, context: str) -> Iterator[bytes]:
    data_key = _unwrap(wrapped, key, context)
    reading: BinaryIO = source.open("rb") if isinstance(source, Path) else io.BytesIO(source)
    with reading:
        header = reading.read(_HEADER)
        chunk = int.from_bytes(header[len(MAGIC) :], "big")
        if len(header) != _HEADER or header[: len(MAGIC)] != MAGIC or not 0 < chunk <= _LARGEST_CHUNK:
            raise Tampered(
                "This is not a sealed file, or its start was damaged. Fetch it again from the store."
            )
        aead, associated = AESGCM(data_key), _associated(header, context)
        for number, piece, last in _pieces(reading, chunk + _TAG):
            try:
                yield aead.decrypt(_nonce(number, last=last), piece, associated)
            except InvalidTag:
                raise Tampered(
                    f"Chunk {number + 1} of a sealed file does not verify: it was changed or cut short, or "
                    "belongs to something else. Fetch it again from the store."
                ) from None


def _pieces(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """The file in pieces of `size` bytes: number, bytes, whether it is the last. No bytes are one piece."""
    number, piece = 0, file.read(size)
    while True:
        following = file.read(size) if len(piece) == size else b""
        yield number, piece, not following
        if not following:
            return
        number, piece = number + 1, following


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NONCE - 1, "big") + (b"\x01" if last else b"\x00")


def _associated(header: bytes, context: str) -> bytes:
    return header + context.encode()


def _wrap(data_key: bytes, key: bytes, context: str) -> str:
    nonce = secrets.token_bytes(_NONCE)
    return urlsafe_b64encode(
        nonce + AESGCM(key).encrypt(nonce, data_key, b"wrap:" + context.encode())
    ).decode()


def _unwrap(wrapped: str, key: bytes, context: str) -> bytes:
    if not wrapped:
        raise NotFound("The key of this sealed file was destroyed, so nobody can open the file any more.")
    try:
        raw = urlsafe_b64decode(wrapped.encode())
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], b"wrap:" + context.encode())
    except (ValueError, InvalidTag):
        raise Tampered(
            "The key of this sealed file does not open: it was changed, belongs to another file, or the "
            "master key is not the one it was sealed under. Check REGISTRY_ENCLAVE_MASTER_KEY."
        ) from None


@contextmanager
def _whole(to: Path) -> Iterator[BinaryIO]:
    """A file that takes its name only when everything was written, and leaves nothing behind otherwise."""
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.{secrets.token_hex(6)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
