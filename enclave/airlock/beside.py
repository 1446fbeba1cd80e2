"""What was released before from the same datasets, whoever asked: what a new table must not be subtracted from."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from anonymization.disclosure import ReleasedTable, counted_cells
from enclave.airlock.model import OutputFile, OutputRequest, OutputState
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.requests.model import Entitlement

#: Tables kept at hand; the bytes under a digest never change.
_MOST = 2_000


@dataclass(slots=True)
class _Known:
    """The tables that were read, by digest."""

    tables: OrderedDict[str, ReleasedTable | None] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class Beside:
    """Reads the released tables that a project's outputs are compared with."""

    kit: Kit
    _known: _Known = field(default_factory=_Known)

    def of(self, project: str, *, but: str = "") -> tuple[ReleasedTable, ...]:
        """Every released table of every project that was ever granted one of this project's datasets.

        Args:
            but: id of an output request that is left out (itself).
        """
        with self.kit.read() as uow:
            near = _near(uow, project)
            # What was recalled has been seen all the same.
            left = [OutputState.RELEASED.value, OutputState.RECALLED.value]
            released = uow.find(OutputRequest, state=left)
        files = [(o.reference, f) for o in released if o.project in near and o.id != but for f in o.files]
        # Private answers carry noise: subtracting them is what the privacy budget is for.
        found = (self._table(reference, f) for reference, f in files if not f.charge)
        return tuple(table for table in found if table is not None)

    def _table(self, reference: str, file: OutputFile) -> ReleasedTable | None:
        if file.media_type not in ("csv", "json") or file.sidecar is None:
            return None
        key = f"{reference} {file.sha256} {file.sidecar.sha256}"
        with self._known.lock:
            if key in self._known.tables:
                self._known.tables.move_to_end(key)
                return self._known.tables[key]
        objects = self.kit.objects
        table = counted_cells(reference, objects.read(file.stored), objects.read(file.sidecar))
        with self._known.lock:
            self._known.tables[key] = table
            while len(self._known.tables) > _MOST:
                self._known.tables.popitem(last=False)
        return table


def _near(uow: UnitOfWork, project: str) -> set[str]:
    """Projects that were granted a dataset that this one was granted, whether the grant still runs or not."""
    grants = uow.find(Entitlement)
    datasets = {e.dataset for e in grants if e.project == project}
    return {project} | {e.project for e in grants if e.dataset in datasets}
