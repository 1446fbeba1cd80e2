"""Changing one byte of what the object store keeps on disk, as a thief with the disk could, and putting it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The head of a volume file, and of the first object in it; what lies in the middle is an object's bytes.
_HEAD = 64


@contextmanager
def change_a_byte(state: Path, bucket: str) -> Iterator[None]:
    """Flips the middle byte of every volume of a bucket while the block runs.

    Raises:
        FileNotFoundError: when the store keeps no volume of that bucket here.
    """
    volumes = [p for p in (state / "objects").rglob(f"{bucket}_*.dat") if p.stat().st_size > 2 * _HEAD]
    if not volumes:
        raise FileNotFoundError("The object store keeps nothing of that bucket on this disk.")
    for volume in volumes:
        _flip(volume)
    try:
        yield
    finally:
        for volume in volumes:
            _flip(volume)


def _flip(volume: Path) -> None:
    with volume.open("r+b") as file:
        place = volume.stat().st_size // 2
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 0xFF]))
