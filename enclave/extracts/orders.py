"""What was ordered: how far it is, and calling it off."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from anonymization.synth.protocol import UNWATCHED, Watch
from enclave.extracts.service import ORDERS
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, EnclaveError, IllegalMove, NotFound
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit
from enclave.kernel.work import Job

#: Seconds between two looks at the order, and between two notes of how far it is.
_OFTEN = 1.0
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Orders:
    """Use cases about what the worker was asked to do with extracts."""

    kit: Kit

    def all(self, actor: Actor) -> list[Job]:
        """Every order that this person could have given, oldest first."""
        actor.must(Capability.EXTRACT_REGISTER)
        mine = [kind for kind, needed in ORDERS.items() if actor.may(needed)]
        with self.kit.read() as uow:
            return uow.find(Job, kind=mine)

    def cancel(self, actor: Actor, id_: str) -> Job:
        """Calls an order off: at once when nobody has begun, else at the next step, within seconds.

        What was paid for privacy before that stays paid. A release that was made before that stands.

        Raises:
            NotFound: there is no such order.
            IllegalMove: it is over already.
        """
        for _ in range(_TRIES):
            try:
                return self._cancel(actor, id_)
            except Conflict:  # the worker's heartbeat wrote first
                continue
        return self._cancel(actor, id_)

    def _cancel(self, actor: Actor, id_: str) -> Job:
        with self.kit.write() as uow:
            job = next((j for j in uow.find(Job, id=id_) if j.kind in ORDERS), None)
            if job is None:
                raise NotFound("There is no such order. List them: enclave jobs list.")
            actor.must(ORDERS[job.kind])
            if job.state != "queued":
                raise IllegalMove(f"This order is {job.state}; there is nothing to call off.")
            if job.called_off:
                return job
            now = self.kit.clock.now()
            job = replace(
                job, payload={**job.payload, "called_off": {"by": actor.name, "at": now.isoformat()}}
            )
            if job.leased_until is None or job.leased_until < now:
                job = replace(job, state="cancelled", leased_until=None, error=CALLED_OFF)
            job = uow.put(job)
            uow.audit(
                Event.ORDER_CANCEL,
                actor,
                f"order:{job.id}",
                {"kind": job.kind, "at_once": job.state != "queued"},
            )
            uow.commit()
        return job


CALLED_OFF = "It was called off; nothing was kept of it, and it can be ordered again."


def synthesis_key(extract: str, recipe: str) -> str:
    """What an order of a synthesis is known by; the usual recipe has the extract's own name."""
    return f"{extract}:{recipe}" if recipe else extract


@dataclass(slots=True)
class OrderWatch:
    """Writes how far an order is to its job, and sees whether it was called off or taken over by another worker.

    Args:
        job, attempt: the job, and the attempt that this is.
        bound: what the plan allows, shown beside what has passed.
    """

    kit: Kit
    job: str
    attempt: int
    bound: Mapping[str, object] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _told: float = -1e9
    _looked: float = -1e9
    _stop: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def watch(self) -> Watch:
        if not self.job:  # done in no worker's name
            return UNWATCHED
        return Watch(progress=self.tell, cancelled=self.cancelled)

    def tell(self, done: int, of: int, stage: str) -> None:
        """Notes it at most once a second; the first and the last of a stage may be left out."""
        now = time.monotonic()
        if now - self._told < _OFTEN:
            return
        self._told = now
        progress = {
            "stage": stage,
            "done": done,
            "of": of,
            "seconds": round(now - self._began, 1),
            "attempt": self.attempt,
            **self.bound,
        }
        try:
            with self.kit.write() as uow:
                job = uow.get(Job, self.job)
                if job.state == "queued" and job.attempts == self.attempt:
                    uow.put(replace(job, payload={**job.payload, "progress": progress}))
                    uow.commit()
        except EnclaveError:  # a note that is not written is written the next time
            return

    def cancelled(self) -> bool:
        """Whether to stop; the answer of an unreachable database is the last one that it gave."""
        with self._lock:
            now = time.monotonic()
            if self._stop or now - self._looked < _OFTEN:
                return self._stop
            self._looked = now
            try:
                with self.kit.read() as uow:
                    job = uow.get(Job, self.job)
            except EnclaveError:
                return self._stop
            self._stop = bool(job.called_off) or job.state != "queued" or job.attempts != self.attempt
            return self._stop
