"""An enclave made to be audited: every answer is asked for, charged, kept and asked for again.

The database, the ledger, the sealing of extracts and the reading of them are the product's own; only the object store
is a folder in memory.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from anonymization import dp
from anonymization.dp.audit import SHAPES, Shape
from anonymization.dp.audit.neighbours import WORLD
from anonymization.dp.audit.registry import PROGRAMMES, REGIONS
from enclave.bootstrap import Enclave, build
from enclave.catalogue.model import Column, ColumnRole, ColumnType, Dataset, Unit
from enclave.kernel.actors import Actor, Role
from enclave.kernel.ports import ObjectRef
from enclave.settings import Settings
from enclave.store.migrate import upgrade

#: Shapes whose keys the data dictionary lists; keys that are found are other keys in every world.
LEDGER_SHAPES = frozenset(s.name for s in SHAPES if not s.query.unknown_keys)
#: Worlds of a crowd that the data dictionary lists.
WORLDS = 1_000
#: The most that one grant may hold.
_MOST_EPSILON = 100.0
_STEWARD = Actor("audit", "audit", frozenset(Role))


@dataclass
class HeldObjects:
    """The part of the object store that extracts need, in memory."""

    blobs: dict[str, bytes] = field(default_factory=dict)

    def put(self, bucket: str, key: str, source: bytes | Path, *, media_type: str, **_: Any) -> ObjectRef:
        data = source.read_bytes() if isinstance(source, Path) else source
        version = secrets.token_hex(8)
        self.blobs[version] = data
        return ObjectRef(bucket, key, version, hashlib.sha256(data).hexdigest(), len(data), media_type)

    def fetch(self, ref: ObjectRef, to: Path) -> Path:
        to.write_bytes(self.blobs[ref.version_id])
        return to


@dataclass
class AuditedEnclave:
    """A whole enclave with one dataset, whose budget is as large as one may be."""

    enclave: Enclave
    folder: Path
    _files: Any = field(default_factory=count)

    @classmethod
    def at(cls, folder: Path) -> AuditedEnclave:
        settings = Settings(
            _env_file=None,
            state_dir=folder,
            master_key=secrets.token_hex(32),
            objects_secret_key=secrets.token_hex(32),
        )
        upgrade(settings.database)
        enclave = build(settings, objects=HeldObjects())  # type: ignore[arg-type]
        enclave.catalogue.describe(_STEWARD, _dataset())
        enclave.budgets.grant(_STEWARD, dataset="audited", project="", epsilon=_MOST_EPSILON)
        return cls(enclave, folder)

    def most_runs(self, shape: Shape) -> int:
        """Answers from each registry that the budget pays for."""
        return int(_MOST_EPSILON / 2 / dp.cost(shape.query).epsilon) * WORLDS

    def release(self, query: dp.DpQuery, table: pd.DataFrame) -> list[pd.DataFrame]:
        """Everything that is shown for one charge: the answer, and what asking again gives."""
        file = self.folder / f"extract-{next(self._files)}.parquet"
        table.assign(**{WORLD: table.get(WORLD, "w0")}).infer_objects().to_parquet(file)
        self.enclave.extracts.register(
            _STEWARD, dataset="audited", path=file, as_of=datetime.now(UTC).date(), source="an audit"
        )
        file.unlink()
        shown = [self.enclave.asking.ask(_STEWARD, "audited", query.to_dict()) for _ in range(2)]
        return [pd.read_csv(io.StringIO(str(answer["csv"]))) for answer in shown]


def _dataset() -> Dataset:
    def column(name: str, kind: ColumnType, role: ColumnRole = ColumnRole.PLAIN, **parts: Any) -> Column:
        return Column(name, role, kind, f"The {name}.", required=False, **parts)

    regions = {r: r for r in REGIONS}
    worlds = {f"w{i}": f"World {i}" for i in range(WORLDS)}
    return Dataset(
        id="audited",
        slug="audited",
        title="Audited",
        description="Neighbouring registries of an audit.",
        unit=Unit.PERSON,
        unit_id="household_id",
        area="region",
        steward="audit",
        recipe="none",
        source="made up",
        described_on=datetime.now(UTC).date(),
        columns=(
            column("household_id", ColumnType.STRING, ColumnRole.DIRECT),
            column("region", ColumnType.STRING, values=regions),
            column("pay", ColumnType.NUMBER),
            column("age", ColumnType.INTEGER),
            *(column(programme, ColumnType.BOOLEAN) for programme in PROGRAMMES),
            column(WORLD, ColumnType.STRING, values=worlds),
        ),
    )
