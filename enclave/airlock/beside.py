"""What an output is held against: what left before from the same datasets, and the registry's own identifiers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from threading import Lock

from anonymization.disclosure import ReleasedTable, counted_cells
from anonymization.disclosure.own_values import Digests, OwnValues
from enclave.airlock.model import OutputFile, OutputRequest, OutputState
from enclave.extracts.identifiers import from_bytes
from enclave.extracts.model import Extract
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.kernel.ports import ObjectRef
from enclave.requests.model import Entitlement

#: Tables kept at hand; the bytes under a digest never change.
_MOST = 2_000
#: Sets of digests kept at hand; one of a million households takes some tens of megabytes.
_MOST_SETS = 4

#: Finds identifiers in a text: one item for each.
Own = Callable[[str], Collection[object]]


@dataclass(slots=True)
class _Known:
    """What was read, by digest."""

    tables: OrderedDict[str, ReleasedTable | None] = field(default_factory=OrderedDict)
    digests: dict[str, Digests] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class Beside:
    """Reads what a project's outputs are compared with: released tables, and the registry's own identifiers.

    Args:
        values_key: the key of a dataset's identifier digests; without it none of its values is known.
    """

    kit: Kit
    values_key: Callable[[str], bytes] | None = None
    _known: _Known = field(default_factory=_Known)

    def own_values(self, project: str) -> Own | None:
        """Finds identifiers of the newest extract of each of the project's datasets in a text."""
        if self.values_key is None:
            return None
        with self.kit.read() as uow:
            datasets = {e.dataset for e in uow.find(Entitlement, project=project)}
            refs = [
                (dataset, taken[-1].digests)
                for dataset in sorted(datasets)
                if (taken := [x for x in uow.find(Extract, dataset=dataset) if x.digests is not None])
            ]
        finders = [self._finder(dataset, ref) for dataset, ref in refs if ref is not None]
        return lambda text: [found for finder in finders for found in finder(text)]

    def _finder(self, dataset: str, ref: ObjectRef) -> OwnValues:
        with self._known.lock:
            held = self._known.digests.get(ref.sha256)
        if held is None:
            held = from_bytes(self.kit.objects.read(ref))
            with self._known.lock:
                while len(self._known.digests) >= _MOST_SETS:
                    self._known.digests.pop(next(iter(self._known.digests)))
                self._known.digests[ref.sha256] = held
        return OwnValues(held, self.values_key(dataset) if self.values_key else b"")

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
