"""Looking into archives and compressed parts without being filled up by them (CWE-409)."""

from __future__ import annotations

import io
import zipfile
import zlib

from anonymization.errors import AnonymizationError

#: Bytes that are unpacked of one file, all its parts together.
MOST = 64 * 2**20
#: Parts of one archive that are looked at.
MOST_PARTS = 5_000


class TooMuch(AnonymizationError):
    """The file unpacks to more than is looked at."""


class Archive:
    """A zip whose parts can be read until `MOST` bytes are unpacked.

    Raises:
        TooMuch: when it holds more than is looked at.
        BadZipFile: when it cannot be read at all.
    """

    def __init__(self, data: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        self.names = tuple(info.filename for info in self._zip.infolist())
        if len(self.names) > MOST_PARTS:
            raise TooMuch("The file has more parts than can be looked at. Send in its tables as csv.")
        self._left = MOST

    def read(self, name: str) -> bytes:
        """One part; empty where it cannot be read (encrypted, damaged, an unknown compression)."""
        try:
            with self._zip.open(name) as part:
                content = part.read(self._left + 1)
        except (
            RuntimeError,
            NotImplementedError,
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            KeyError,
        ):
            return b""
        if len(content) > self._left:
            raise TooMuch("The file unpacks to more than can be looked at. Send in its tables as csv.")
        self._left -= len(content)
        return content


def inflated(data: bytes, most: int = MOST) -> bytes:
    """What a zlib stream holds, up to `most` bytes; empty when it is none."""
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error:
        return b""
