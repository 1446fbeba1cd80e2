"""The worker: takes a job, does it, marks it; and looks after what comes round by itself.

A job is done at least once. A worker that dies in the middle leaves a lease that runs out, and the job is taken
again; every handler therefore does nothing when its work is done already.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from anonymization.errors import AnonymizationError
from anonymization.synth.protocol import BoundReached
from enclave.bootstrap import Enclave
from enclave.extracts.orders import CALLED_OFF
from enclave.kernel.actors import service
from enclave.kernel.errors import Conflict, EnclaveError
from enclave.kernel.work import Job
from enclave.log import logger
from enclave.store.uow import SqlUnitOfWork

LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 8
#: Seconds that a chore may go on after the worker was told to stop.
_PATIENCE = 5.0
WORKER = service("worker")
Handler = Callable[[Enclave, Mapping[str, object]], None]


@dataclass(slots=True)
class Worker:
    """One loop over the jobs table.

    Args:
        enclave: what the handlers call.
        handlers: kind of job to what does it.
        chores: what is done every so many seconds, whether or not there is a job.
    """

    enclave: Enclave
    handlers: Mapping[str, Handler]
    chores: Mapping[str, tuple[float, Callable[[Enclave], None]]]

    def run(self, stop: threading.Event, idle: float = 0.5, pause: float = 5.0) -> None:
        """Works until `stop` is set; chores come round in threads of their own, however long a job takes.

        Args:
            idle: seconds between two looks when there is nothing to do.
            pause: seconds to wait when the database does not answer.
        """
        chores = [
            threading.Thread(target=self._round, args=(stop, name, every, chore), name=name, daemon=True)
            for name, (every, chore) in self.chores.items()
        ]
        for thread in chores:
            thread.start()
        while not stop.is_set():
            try:
                done = self.once()
            except Exception as error:  # noqa: BLE001 - an outage passes; the worker waits for it
                said = error.sentence if isinstance(error, EnclaveError) else type(error).__name__
                logger().warning("worker_waits", reason=said)
                stop.wait(pause)
                continue
            if not done:
                stop.wait(idle)
        for thread in chores:
            thread.join(_PATIENCE)

    def _round(
        self, stop: threading.Event, name: str, every: float, chore: Callable[[Enclave], None]
    ) -> None:
        while not stop.is_set():
            self._chore(name, chore)
            stop.wait(max(every, 0.001))

    def once(self) -> bool:
        """Does one job; False when there was none."""
        with self.enclave.kit.write() as uow:
            assert isinstance(uow, SqlUnitOfWork)  # noqa: S101 - only the store leases
            job = uow.lease(list(self.handlers), self.enclave.kit.clock.now() + LEASE, MOST_ATTEMPTS)
            uow.commit()
        if job is None:
            return False
        if job.called_off:  # while its worker was dead
            self._mark(job, CALLED_OFF)
            return True
        with _Heartbeat(self.enclave, job):
            error, final = self._do(job)
        self._mark(job, error, final=final)
        return True

    def _do(self, job: Job) -> tuple[str, bool]:
        """What went wrong, in a sentence, and whether trying again would be in vain."""
        try:
            self.handlers[job.kind](self.enclave, {**job.payload, "job": job.id, "attempt": job.attempts})
        except (EnclaveError, AnonymizationError) as error:  # both are sentences without a data value
            return error.sentence, isinstance(error, BoundReached)
        except Exception as error:  # noqa: BLE001 - a job that breaks must not take the worker with it
            logger().exception("job_failed", job=job.kind, job_id=job.id)
            return (
                f"It failed in a way that nobody foresaw ({type(error).__name__}); see the worker's log.",
                False,
            )
        return "", False

    def _mark(self, job: Job, error: str, *, final: bool = False) -> None:
        try:
            now = self._marked(job, error, final=final)
        except Conflict:  # somebody called it off at this very moment
            now = self._marked(job, error, final=final)
        if now is not None:
            logger().info(
                "job_done" if not error else "job_put_off", job=job.kind, job_id=job.id, attempt=now.attempts
            )

    def _marked(self, job: Job, error: str, *, final: bool) -> Job | None:
        with self.enclave.kit.write() as uow:
            now = uow.get(Job, job.id)
            if _lost(job, now):
                return None
            if not error:
                now = replace(now, state="done", leased_until=None, error="")
            elif now.called_off:
                now = replace(now, state="cancelled", leased_until=None, error=CALLED_OFF)
            elif final or now.attempts >= MOST_ATTEMPTS:
                now = replace(now, state="failed", leased_until=None, error=error)
            else:
                wait = timedelta(seconds=min(300, 2**now.attempts))
                now = replace(
                    now, leased_until=None, error=error, run_after=self.enclave.kit.clock.now() + wait
                )
            uow.put(now)
            uow.commit()
        return now

    def _chore(self, name: str, chore: Callable[[Enclave], None]) -> None:
        try:
            chore(self.enclave)
        except Exception:  # noqa: BLE001 - as in _do
            logger().exception("chore_failed", chore=name)


def _lost(mine: Job, now: Job) -> bool:
    """Whether another worker has taken the job since: how it ends is that one's to say."""
    return now.state != "queued" or now.attempts != mine.attempts


class _Heartbeat:
    """Renews a job's lease while it is being done."""

    def __init__(self, enclave: Enclave, job: Job) -> None:
        self._enclave, self._job, self._stop = enclave, job, threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(LEASE.total_seconds() / 3):
            try:
                with self._enclave.kit.write() as uow:
                    job = uow.get(Job, self._job.id)
                    if _lost(self._job, job):
                        return
                    uow.put(replace(job, leased_until=self._enclave.kit.clock.now() + LEASE))
                    uow.commit()
            except Exception:  # noqa: BLE001 - the next beat may get through; two may miss
                logger().warning("heartbeat_missed", job_id=self._job.id)
