"""Taking extracts in, and ordering what is to be made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow.parquet as pq

from enclave.catalogue.model import Dataset
from enclave.extracts.identifiers import identifier_digests
from enclave.extracts.model import EXTRACT_MACHINE, Extract, ExtractState, ExtractVerb
from enclave.extracts.reading import read_extract
from enclave.extracts.scratch import clear_folder, sweep
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import EnclaveError, IllegalMove, Invalid, NotFound, Unavailable
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.kernel.work import Job

QUARANTINE = "quarantine"
#: Between the name of a step and the number of its run, from the second on.
_RUN = "#"
#: What can be ordered, and what the person who orders it must be able to do.
ORDERS: dict[str, Capability] = {
    "take_extract": Capability.EXTRACT_REGISTER,
    "process": Capability.EXTRACT_PROCESS,
    "aggregate": Capability.EXTRACT_PROCESS,
    "synthesise": Capability.EXTRACT_PROCESS,
}


class Sealer(Protocol):
    """Client-side encryption of quarantined files (see `enclave.objects.sealed`)."""

    def seal(self, source: Path, to: Path, *, dataset: str, context: str) -> str:
        """Writes the sealed file; returns the wrapped key that opens it."""
        ...

    def unseal(self, source: Path, to: Path, *, dataset: str, wrapped: str, context: str) -> Path: ...


@dataclass(frozen=True, slots=True)
class Extracts:
    """Use cases about extracts.

    Args:
        sealer: encrypts what is in quarantine, under a key of its own for each file.
        scratch: where clear files may stand for a moment when memory has no room; closed to others.
        values_key: the key of a dataset's identifier digests; without it the airlock knows none of its values.
    """

    kit: Kit
    sealer: Sealer
    scratch: Path
    values_key: Callable[[str], bytes] | None = None

    def register(self, actor: Actor, *, dataset: str, path: Path, as_of: date, source: str) -> Extract:
        """Checks a file against the data dictionary, seals it and puts it into quarantine.

        Raises:
            Invalid: one sentence that says what is wrong with the file; nothing of it is kept.
        """
        actor.must(Capability.EXTRACT_REGISTER)
        described = self._dataset(dataset)
        if as_of > self.kit.clock.today() + timedelta(days=1):  # the day may have begun where the registry is
            raise Invalid(
                ["The day that the extract shows lies in the future. Give the day on which it was taken."],
                {"as_of": "Give a day that has been"},
            )
        try:
            taken = read_extract(path, described)
        except EnclaveError as error:
            with self.kit.write() as uow:
                uow.audit(Event.EXTRACT_REFUSE, actor, f"dataset:{dataset}", {"reason": type(error).__name__})
                uow.commit()
            raise
        id_ = new_id()
        with self.room(3 * taken.table.nbytes) as folder:
            clear, sealed = folder / "extract.parquet", folder / "extract.sealed"
            pq.write_table(taken.table, clear)
            wrapped = self.sealer.seal(clear, sealed, dataset=dataset, context=id_)
            ref = self.kit.objects.put(
                QUARANTINE, f"{dataset}/{id_}.sealed", sealed, media_type="application/octet-stream"
            )
        own = None
        if self.values_key is not None:
            held = identifier_digests(taken.table, described, self.values_key(dataset))
            own = self.kit.objects.put(
                QUARANTINE, f"{dataset}/{id_}.digests", held, media_type="application/octet-stream"
            )
        with self.kit.write() as uow:
            year = self.kit.clock.today().year
            number = uow.number(f"extract-{year}")
            extract = Extract(
                id=id_,
                reference=f"EX-{year}-{number:04d}",
                dataset=dataset,
                as_of=as_of,
                source=source,
                rows=taken.rows,
                sha256=taken.sha256,
                sealed=ref,
                wrapped_key=wrapped,
                state=EXTRACT_MACHINE.start,
                registered_by=actor.name,
                registered_at=self.kit.clock.now(),
                digests=own,
            )
            uow.add(extract)
            facts = {"rows": extract.rows, "as_of": as_of.isoformat(), "sealed": ref.sha256}
            uow.audit(Event.EXTRACT_REGISTER, actor, f"extract:{extract.reference}", facts)
            uow.commit()
        return extract

    def table(self, actor: Actor, id_: str) -> tuple[Extract, Dataset, pd.DataFrame]:
        """The clear rows, in memory, for a step of the product itself; no person ever gets them.

        Raises:
            IllegalMove: when the extract was destroyed.
        """
        actor.must(Capability.EXTRACT_PROCESS)
        with self.kit.read() as uow:
            extract = uow.get(Extract, id_)
        if extract.state is ExtractState.DESTROYED:
            raise IllegalMove("This extract was destroyed. Take a new one from the registry.")
        with self.room(3 * extract.sealed.size) as folder:
            sealed = self.kit.objects.fetch(extract.sealed, folder / "extract.sealed")
            clear = self.sealer.unseal(
                sealed,
                folder / "extract.parquet",
                dataset=extract.dataset,
                wrapped=extract.wrapped_key,
                context=extract.id,
            )
            rows = pd.read_parquet(clear)
        return extract, self._dataset(extract.dataset), rows

    def processed(self, actor: Actor, id_: str) -> Extract:
        """Marks it as turned into a release."""
        actor.must(Capability.EXTRACT_PROCESS)
        with self.kit.write() as uow:
            extract = uow.get(Extract, id_)
            extract = uow.put(
                replace(extract, state=EXTRACT_MACHINE.move(extract.state, ExtractVerb.PROCESS))
            )
            uow.commit()
        return extract

    def destroy(self, actor: Actor, id_: str) -> Extract:
        """Deletes the sealed file; what was made of it stays."""
        actor.must(Capability.EXTRACT_PROCESS)
        with self.kit.write() as uow:
            extract = uow.get(Extract, id_)
            gone = EXTRACT_MACHINE.move(extract.state, ExtractVerb.DESTROY)
            # Without its wrapped key not even a forgotten copy of the sealed file can be opened.
            digests, extract = extract.digests, replace(extract, digests=None)
            extract = uow.put(replace(extract, state=gone, wrapped_key=""))
            uow.audit(
                Event.EXTRACT_DESTROY,
                actor,
                f"extract:{extract.reference}",
                {"sealed": extract.sealed.sha256},
            )
            self.kit.objects.delete(extract.sealed)
            if digests is not None:
                self.kit.objects.delete(digests)
            uow.commit()
        return extract

    def all(self, actor: Actor) -> list[Extract]:
        """Every extract: what was received, from where, how many rows; never a row."""
        actor.must(Capability.EXTRACT_REGISTER)
        with self.kit.read() as uow:
            return uow.find(Extract)

    def destroy_due(self, actor: Actor) -> int:
        """Destroys what has been kept for as long as the retention policy lets it; how many that were.

        Raises:
            Unavailable: when some could not be destroyed; the others are.
        """
        actor.must(Capability.EXTRACT_PROCESS)
        today = self.kit.clock.today()
        days = int(str(self.kit.policies.parameter("retention", "quarantine", "days", today)))
        before = self.kit.clock.now() - timedelta(days=days)
        with self.kit.read() as uow:
            kept = uow.find(Extract, state=[s.value for s in ExtractState if s is not ExtractState.DESTROYED])
        due = [extract for extract in kept if extract.registered_at < before]
        left: list[str] = []
        for extract in due:
            try:
                self.destroy(actor, extract.id)
            except EnclaveError as error:
                left.append(f"{extract.reference}: {error.sentence}")
        if left:
            raise Unavailable(f"Of {len(due)} extracts that are due, {len(left)} remain. {' '.join(left)}")
        return len(due)

    def order(
        self, actor: Actor, kind: str, payload: Mapping[str, object], *, key: str, again: bool = False
    ) -> Job:
        """Queues a step for the worker, in the name of this person; ordering it twice orders it once.

        A step that failed or was called off is tried anew, from the beginning.

        Args:
            again: do it once more although it was done: a new extract, or a new run after a held release.
        """
        if kind not in ORDERS:
            raise NotFound(f"There is no such step. There are: {', '.join(sorted(ORDERS))}.")
        actor.must(ORDERS[kind])
        now = self.kit.clock.now()
        order = {**payload, "ordered_by": actor.name, "ordered_at": now.isoformat()}
        with self.kit.write() as uow:
            runs = _runs(uow, kind, key)
            if not runs:
                uow.later(kind, order, key=f"{kind}:{key}")
            elif runs[-1].state in {"failed", "cancelled"}:
                old = {k: v for k, v in runs[-1].payload.items() if k not in {"progress", "called_off"}}
                order = {**old, **order}
                uow.put(replace(runs[-1], state="queued", attempts=0, error="", run_after=now, payload=order))
            elif runs[-1].state == "done" and again:
                uow.later(kind, {**order, "again": True}, key=f"{kind}:{key}{_RUN}{len(runs) + 1}")
            uow.commit()
        return self.ordered(actor, kind, key=key)

    def ordered(self, actor: Actor, kind: str, *, key: str) -> Job:
        """How an ordered step stands: its newest run."""
        actor.must(ORDERS.get(kind, Capability.EXTRACT_PROCESS))
        with self.kit.read() as uow:
            runs = _runs(uow, kind, key)
        if not runs:
            raise NotFound("Nothing of that name was ordered.")
        return runs[-1]

    def room(self, size: int) -> AbstractContextManager[Path]:
        """A private folder for clear files of at most `size` bytes, gone afterwards; in memory where they fit."""
        return clear_folder(self.scratch, size)

    def sweep(self, *, alone: bool = False) -> int:
        """Removes clear files that a killed process left behind; see `enclave.extracts.scratch.sweep`."""
        return sweep(self.scratch, alone=alone)

    def _dataset(self, slug: str) -> Dataset:
        with self.kit.read() as uow:
            found = uow.first(Dataset, slug=slug)
        if found is None:
            raise NotFound("There is no such dataset. Describe it first (enclave dataset describe FILE).")
        return found


def _runs(uow: UnitOfWork, kind: str, key: str) -> list[Job]:
    """Every run of a step that was ordered, the newest last."""
    first = f"{kind}:{key}"
    return [
        job for job in uow.find(Job, kind=kind) if job.key == first or job.key.rpartition(_RUN)[0] == first
    ]
