"""Where clear rows may stand for a moment: in memory where there is room, and never longer than their owner lives."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: A file system in memory: what stands there is gone when the machine is switched off.
MEMORY = Path("/dev/shm")  # noqa: S108 - our folder in it is 0700, and checked to be ours
#: Room that is left to others there, and what is asked for when nobody knows how much will come. Bytes.
MARGIN, UNKNOWN = 256 * 2**20, 4 * 2**30
_PREFIX, _LOCK = "clear-", ".lock"


@contextmanager
def clear_folder(disk: Path, size: int, memory: Path = MEMORY) -> Iterator[Path]:
    """A private folder for clear files, gone afterwards; a lock says that its owner lives, and ends with it.

    Args:
        disk: where it goes when memory has no room; closed to others.
        size: bytes that will stand in it at most.
    """
    disk.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(disk):
        place = _in_memory(disk, size, memory) or disk
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        mark = (folder / _LOCK).open("w")
        fcntl.flock(mark, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        mark.close()
        if place != disk:
            with _alone(disk), suppress(OSError):  # somebody else's folder may still be in it
                place.rmdir()


def sweep(disk: Path, *, alone: bool, memory: Path = MEMORY) -> int:
    """Removes what a killed process left; how many folders and files that were.

    Args:
        alone: nothing else of this installation runs, so that what carries no lock has no owner either.
    """
    gone = 0
    disk.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(disk):
        for place in (disk, _ours(disk, memory)):
            if not place.is_dir() or place.is_symlink() or place.stat().st_uid != os.getuid():
                continue
            for item in place.iterdir():
                if item.name != _LOCK and _left(item, alone=alone):
                    _remove(item)
                    gone += 1
    return gone


def _ours(disk: Path, memory: Path) -> Path:
    name = hashlib.sha256(os.fsencode(disk.resolve())).hexdigest()[:10]
    return memory / f"registry-enclave-{os.getuid()}-{name}"


def _in_memory(disk: Path, size: int, memory: Path) -> Path | None:
    """Our folder in memory; None where there is no room, no such file system, or somebody else has the name."""
    place = _ours(disk, memory)
    try:
        if shutil.disk_usage(memory).free < size + MARGIN:
            return None
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    return place if private and found.st_uid == os.getuid() else None


@contextmanager
def _alone(disk: Path) -> Iterator[None]:
    """One at a time makes or removes folders here, so that none is seen before it is locked."""
    with (disk / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _left(item: Path, *, alone: bool) -> bool:
    """Whether nobody owns it any more."""
    try:
        with (item / _LOCK).open("r") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # it carries no lock: a file, or a folder of another making
        return alone or item.name.startswith(_PREFIX)
    return True


def _remove(item: Path) -> None:
    if item.is_dir() and not item.is_symlink():
        shutil.rmtree(item, ignore_errors=True)
    else:
        item.unlink(missing_ok=True)
