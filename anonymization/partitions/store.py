"""Where partitions lie between two passes: in memory, or sealed in a work directory from which a run resumes."""

from __future__ import annotations

import pickle
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from anonymization.errors import Unusable
from anonymization.partitions.memory import lean
from anonymization.partitions.sealed import Growing, NotOurs, Seal

_IPC = pa.ipc.IpcWriteOptions(compression="lz4")
_ROWS = 1 << 15  # rows of a frame


class Sink(Protocol):
    """One partition while it grows."""

    def add(self, table: pa.Table) -> None: ...

    def close(self, told: Any) -> None:
        """Ends it: only now it is there, with what its maker has to tell."""
        ...


class Store(Protocol):
    """Partitions by pass and number, and what each pass had to tell about each."""

    def begin(self) -> None:
        """Called before each piece of work, when little is held."""
        ...

    def sink(self, of: str, part: int) -> Sink: ...

    def tables(self, of: str, part: int) -> Iterator[pa.Table]: ...

    def one_table(self, of: str, part: int, number: int) -> pa.Table:
        """The number-th table that was added."""
        ...

    def told(self, of: str, part: int) -> Any:
        """What was told; None when the partition is not (wholly) there."""
        ...

    def keep(self, name: str, what: Any) -> None: ...

    def kept(self, name: str) -> Any: ...

    def drop(self, of: str) -> None:
        """Removes the rows of a pass; what was told stays."""
        ...


@dataclass(slots=True)
class MemoryStore:
    """For one process."""

    rows: dict[tuple[str, int], list[pa.Table]] = field(default_factory=dict)
    said: dict[tuple[str, int], Any] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)

    def begin(self) -> None:
        pass

    def sink(self, of: str, part: int) -> Sink:
        return _MemorySink(self, (of, part), [])

    def tables(self, of: str, part: int) -> Iterator[pa.Table]:
        return iter(self.rows[of, part])

    def one_table(self, of: str, part: int, number: int) -> pa.Table:
        return self.rows[of, part][number]

    def told(self, of: str, part: int) -> Any:
        return self.said.get((of, part))

    def keep(self, name: str, what: Any) -> None:
        self.things[name] = what

    def kept(self, name: str) -> Any:
        return self.things.get(name)

    def drop(self, of: str) -> None:
        for key in [k for k in self.rows if k[0] == of]:
            del self.rows[key]


@dataclass(slots=True)
class _MemorySink:
    store: MemoryStore
    key: tuple[str, int]
    held: list[pa.Table]

    def add(self, table: pa.Table) -> None:
        self.held.append(table)

    def close(self, told: Any) -> None:
        self.store.rows[self.key] = self.held
        self.store.said[self.key] = told


@dataclass(frozen=True, slots=True)
class DirectoryStore:
    """Sealed files in one directory that only their owner may enter.

    A partition's rows come first, then the file that tells of them, each by atomic rename: whoever is killed between
    the two does that partition again. Files of another run do not open, so they count as not there.
    """

    folder: Path
    seal: Seal

    def begin(self) -> None:
        lean()

    def sink(self, of: str, part: int) -> Sink:
        return _DirectorySink(self, of, part)

    def tables(self, of: str, part: int) -> Iterator[pa.Table]:
        for frame in self.seal.read(self._file(of, part)):
            yield _table(frame)

    def one_table(self, of: str, part: int, number: int) -> pa.Table:
        starts = self._entry(f"{of}-{part:05d}.told")[0]
        return _table(self.seal.read_one(self._file(of, part), number, starts[number]))

    def told(self, of: str, part: int) -> Any:
        entry = self._entry(f"{of}-{part:05d}.told")
        return None if entry is None else entry[1]

    def keep(self, name: str, what: Any) -> None:
        self._put(f"{name}.kept", what)

    def kept(self, name: str) -> Any:
        return self._entry(f"{name}.kept")

    def drop(self, of: str) -> None:
        for path in self.folder.glob(f"{of}-*.rows"):
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Removes what a killed process left half-written."""
        for path in self.folder.glob(".*.part"):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Removes everything, and the directory."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, of: str, part: int) -> Path:
        return self.folder / f"{of}-{part:05d}.rows"

    def _put(self, name: str, what: Any) -> None:
        self.seal.write(self.folder / name, [pickle.dumps(what, protocol=5)])

    def _entry(self, name: str) -> Any:
        try:
            frames = list(self.seal.read(self.folder / name))
        except (FileNotFoundError, NotOurs):
            return None
        return pickle.loads(frames[0]) if frames else None  # noqa: S301 - it opened under this run's own key


class _DirectorySink:
    def __init__(self, store: DirectoryStore, of: str, part: int) -> None:
        self._store, self._of, self._part = store, of, part
        self._path = store._file(of, part)  # noqa: SLF001 - its own store
        # Its own name: a worker that was given up may still be writing the same partition.
        half = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.part")
        self._growing = Growing(store.seal, half, self._path.name)
        self._starts: list[int] = []

    def add(self, table: pa.Table) -> None:
        self._starts.append(self._growing.add(_bytes(table)))

    def close(self, told: Any) -> None:
        self._growing.add(b"", last=True)
        self._growing.path.replace(self._path)
        self._store._put(f"{self._of}-{self._part:05d}.told", (self._starts, told))  # noqa: SLF001 - its own store


def in_frames(table: pa.Table) -> Iterable[pa.Table]:
    """A large table in pieces that fit a frame; one piece when there are no rows."""
    return (table.slice(start, _ROWS) for start in range(0, max(1, table.num_rows), _ROWS))


def open_directory(folder: Path, seal: Seal) -> DirectoryStore:
    """The work directory, made when it is absent.

    Raises:
        Unusable: others may enter it, or it holds something else than work files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Unusable(
            f"The work directory cannot be made: {error.strerror}. Name another with --work."
        ) from None
    if folder.stat().st_mode & 0o077:
        raise Unusable(f"Others may enter the work directory. Close it (chmod 700 {folder}) or name another.")
    if any(p.suffix not in {".rows", ".told", ".kept", ".part"} for p in folder.iterdir()):
        raise Unusable("The work directory holds other files. Name an empty or a new one.")
    store = DirectoryStore(folder, seal)
    store.sweep()
    return store


def _bytes(table: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_IPC) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue()).cast("B")


def _table(frame: bytes) -> pa.Table:
    return pa.ipc.open_stream(pa.py_buffer(frame)).read_all()
