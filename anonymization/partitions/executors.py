"""Who runs the work: this process, a pool of processes on this machine, or (dask_cluster) a cluster.

The work on one partition reads a file, writes a file and can be done twice with one result; so an executor only has
to start it for every partition, and once more where a worker died.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Protocol

from anonymization.errors import AnonymizationError

#: The work on one partition, by its number; returns its rows. It and what it holds can be pickled.
Work = Callable[[int], int]
Done = Callable[[int], None]
#: How often a partition is started again whose worker died.
TRIES = 3


class WorkersDied(AnonymizationError):
    """Workers died again and again on the same partitions: most often for want of memory."""

    def __init__(self) -> None:
        super().__init__(
            "Workers died again and again, most likely for want of memory. Take more partitions or fewer processes; "
            "with a work directory the run goes on where it stopped."
        )


class Executor(Protocol):
    """Args of `run`: done: told the rows of each partition as it ends, in any order."""

    @property
    def alone(self) -> bool:
        """Whether work runs in this process, so that a step may start processes itself."""
        ...

    def run(self, work: Work, parts: Sequence[int], done: Done) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Serial:
    """One partition after the other, here."""

    alone: bool = True

    def run(self, work: Work, parts: Sequence[int], done: Done) -> None:
        for part in parts:
            done(work(part))

    def close(self) -> None:
        pass


@dataclass(slots=True)
class Pool:
    """Processes of this machine. They are started afresh, so nothing of this process is in them but the work."""

    processes: int
    alone: bool = False
    _pool: ProcessPoolExecutor | None = None

    def run(self, work: Work, parts: Sequence[int], done: Done) -> None:
        left = set(parts)
        for _ in range(TRIES):
            try:
                futures = {self._started().submit(work, part): part for part in sorted(left)}
                for future in as_completed(futures):
                    rows = future.result()
                    left.discard(futures[future])
                    done(rows)
            except BrokenProcessPool:
                self.close()
            else:
                return
        raise WorkersDied

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.processes, mp_context=get_context("spawn"))
        return self._pool

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
