"""An enclave made to be audited: every answer is asked for, charged, kept and asked for again.

The database, the ledger, the sealing of extracts and the reading of them are the product's own; only the object store
is a folder in memory.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from anonymization import dp
from anonymization.dp.audit import SHAPES, Shape
from anonymization.dp.audit.neighbours import WORLD
from anonymization.dp.audit.registry import HIGH, LOW, PROGRAMMES, REGIONS
from enclave.bootstrap import Enclave, build
from enclave.catalogue.model import Column, ColumnRole, ColumnType, Dataset, Unit
from enclave.kernel.actors import Actor, Role
from enclave.kernel.ports import ObjectRef
from enclave.settings import Settings
from enclave.store.migrate import upgrade

#: Worlds of a crowd that the data dictionary lists.
WORLDS = 1_000
#: What one question may cost by policy (privacy-budget); with less delta than shows, keys are not found here.
_EPSILON, _RHO = 1.0, 0.1
STEWARD = Actor("audit", "audit", frozenset(Role))


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
    """A whole enclave, in a folder of its own."""

    enclave: Enclave
    folder: Path
    _numbers: Any = field(default_factory=count)

    @classmethod
    def at(cls, folder: Path) -> AuditedEnclave:
        settings = Settings(
            _env_file=None,
            state_dir=folder,
            master_key=secrets.token_hex(32),
            objects_secret_key=secrets.token_hex(32),
        )
        upgrade(settings.database)
        return cls(build(settings, objects=HeldObjects()), folder)  # type: ignore[arg-type]

    def release(self, query: dp.DpQuery, table: pd.DataFrame) -> list[pd.DataFrame]:
        """Everything that is shown for one charge: the answer, and what asking again gives.

        Each time is another dataset with a budget for one question, as a policy limits what one may spend in all.
        """
        slug = f"audited-{next(self._numbers)}"
        file = self.folder / f"{slug}.parquet"
        table.assign(**{WORLD: table.get(WORLD, "w0")}).infer_objects().to_parquet(file)
        enclave, today = self.enclave, datetime.now(UTC).date()
        enclave.catalogue.describe(STEWARD, _dataset(slug))
        enclave.budgets.grant(STEWARD, dataset=slug, project="", epsilon=query.epsilon, rho=query.rho)
        enclave.extracts.register(STEWARD, dataset=slug, path=file, as_of=today, source="an audit")
        file.unlink()
        shown = [enclave.asking.ask(STEWARD, slug, query.to_dict()) for _ in range(2)]
        return [pd.read_csv(io.StringIO(str(answer["csv"]))) for answer in shown]


def ledger_shapes() -> list[Shape]:
    """The shapes at a price that the policy allows for one question, where an answer still shows something."""
    kept = []
    for shape in SHAPES:
        query = shape.query
        if query.unknown_keys or query.base in (dp.Measure.MEAN, dp.Measure.RATIO, dp.Measure.QUANTILE):
            continue
        price: dict[str, Any] = {"rho": _RHO} if query.rho else {"epsilon": min(query.epsilon, _EPSILON)}
        kept.append(replace(shape, query=replace(query, **price)))
    return kept


def _dataset(slug: str) -> Dataset:
    def column(name: str, kind: ColumnType, role: ColumnRole = ColumnRole.PLAIN, **parts: Any) -> Column:
        return Column(name, role, kind, f"The {name}.", required=False, **parts)

    regions = {r: r for r in REGIONS}
    worlds = {f"w{i}": f"World {i}" for i in range(WORLDS)}
    return Dataset(
        id=slug,
        slug=slug,
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
            column("pay", ColumnType.NUMBER, lower=LOW, upper=HIGH),
            column("age", ColumnType.INTEGER),
            *(column(programme, ColumnType.BOOLEAN) for programme in PROGRAMMES),
            column(WORLD, ColumnType.STRING, values=worlds),
        ),
    )
