"""A whole enclave without servers: a real database, an object store in memory, a clock that can be set."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from memory_objects import MemoryObjects

from anonymization.custody import FileCustody
from anonymization.disclosure import ReleasedTable
from enclave.airlock.service import Airlock
from enclave.airlock.taking import CheckResult
from enclave.audit.service import Audit
from enclave.budget.receipts import Receipts
from enclave.budget.service import Budgets
from enclave.catalogue.model import Column, ColumnRole, ColumnType, Dataset, Unit
from enclave.catalogue.service import Catalogue
from enclave.custody.service import Keys
from enclave.kernel.actors import Actor, Role, service
from enclave.kernel.kit import Kit
from enclave.kernel.signing import HouseSigner
from enclave.kernel.tiers import Tier
from enclave.projects.people import People
from enclave.register.service import Register
from enclave.releases.service import Product, Releases
from enclave.requests.closing import Closing
from enclave.requests.entitlements import Entitlements
from enclave.requests.model import AccessRequest, RequestAnswers
from enclave.requests.service import Requests
from enclave.store.engine import connect
from enclave.store.migrate import upgrade
from enclave.store.uow import SqlUnitOfWork
from enclave.workspaces.provision import Provisioning
from enclave.workspaces.service import Workspaces
from enclave.workspaces.staging import Staging
from policies import PolicyBook

TODAY = date(2026, 6, 1)
PASSWORD = "correct horse battery"
#: username, role, organisation
PEOPLE = (
    ("rosa", Role.RESEARCHER, "University"),
    ("emil", Role.EVALUATOR, "Bureau"),
    ("stefan", Role.STEWARD, "Ministry"),
    ("priya", Role.PRIVACY_OFFICER, "Ministry"),
    ("chloe", Role.OUTPUT_CHECKER, "Statistics"),
    ("chidi", Role.OUTPUT_CHECKER, "Statistics"),
    ("uma", Role.OUTPUT_CHECKER, "University"),
    ("nils", Role.PROGRAMME_ADMINISTRATOR, "Agency"),
    ("olga", Role.AUDITOR, "Court"),
    ("sami", Role.SYSTEM_ADMINISTRATOR, "Agency"),
    ("pia", Role.POLICYMAKER, "Cabinet"),
)


@dataclass
class SetClock:
    """A clock that stands still until it is moved."""

    at: datetime = datetime(2026, 6, 1, 9, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def today(self) -> date:
        return self.at.date()

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


def no_findings(
    name: str,
    data: bytes,
    sidecar: bytes | None,
    threshold: int,
    earlier: Sequence[ReleasedTable] = (),
    own: object = None,
) -> CheckResult:
    """Checks for tests of the airlock itself: a file that contains SMALL shows too few households."""
    del name, sidecar, earlier, own
    small = b"SMALL" in data
    facts: dict[str, object] = {
        "media_type": "csv", "file_bytes": len(data), "rows": 3, "identifiers_found": 0, "hidden_content": 0,
        "counts_declared": True, "undeclared_columns": 0, "smallest_count": threshold - 1 if small else threshold,
        "zero_counts": 0, "full_cells": 0, "recoverable_cells": 0, "dominance_declared": True,
        "statistics_without_dominance": 0, "top2_share": 0.1, "p_ratio": 0.9,
        "endpoints_shown": 0, "quantiles_on_few": 0, "differing_cells": 0, "is_model": False,
    }  # fmt: skip
    return CheckResult("csv", facts, ())


@dataclass
class House:
    """Every use case that needs no server of its own."""

    kit: Kit
    clock: SetClock
    objects: MemoryObjects
    root: Path
    people: People = field(init=False)

    def __post_init__(self) -> None:
        self.people = People(self.kit)
        self.catalogue = Catalogue(self.kit)
        self.requests = Requests(self.kit)
        self.entitlements = Entitlements(self.kit)
        self.budgets = Budgets(self.kit)
        self.releases = Releases(self.kit, 1)
        self.keys = Keys(self.kit, FileCustody(self.root / "keys", b"a master key for tests only"))
        self.closing = Closing(self.kit)
        self.provisioning = Provisioning(self.kit, self.keys, 1)
        self.staging = Staging(self.kit, self.root / "projects", self.root / "no-notebooks")
        self.workspaces = Workspaces(self.kit, self.staging)
        self.receipts = Receipts(HouseSigner.of("a master key for tests only"))
        self.airlock = Airlock(self.kit, self.staging.work_dir, no_findings, 1, self.receipts)
        self.audit = Audit(self.kit, 1)
        self.register = Register(self.kit)

    def actor(self, username: str) -> Actor:
        person = self.people.by_username(username)
        assert person is not None
        return person.actor()

    def outputs(self, project: str) -> Path:
        folder = self.staging.work_dir(project) / "outputs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def a_house(root: Path, url: str = "") -> House:
    """An enclave with its people and one dataset. On SQLite it is a copy of one made earlier, which is quick."""
    if not url:
        (root / "enclave.sqlite").write_bytes(_template())
        return _wired(root, f"sqlite:///{root / 'enclave.sqlite'}")
    return _furnished(root, url)


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.sqlite"
        _furnished(Path(folder), f"sqlite:///{path}")
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.read_bytes()


def _wired(root: Path, url: str) -> House:
    engine, clock, objects = connect(url), SetClock(), MemoryObjects()
    kit = Kit(
        write=lambda: SqlUnitOfWork(engine, clock),
        read=lambda: SqlUnitOfWork(engine, clock, reading=True),
        policies=PolicyBook.packaged(),
        clock=clock,
        objects=objects,
    )
    return House(kit, clock, objects, root)


def _furnished(root: Path, url: str) -> House:
    upgrade(url)
    house = _wired(root, url)
    for username, role, organisation in PEOPLE:
        house.people.create(
            service("setup"),
            username=username,
            name=username.title(),
            email=f"{username}@test.invalid",
            organisation=organisation,
            roles=(role,),
            password=PASSWORD,
            agreement_signed_on=TODAY,
            training_valid_until=TODAY + timedelta(days=400),
        )
    house.catalogue.describe(house.actor("stefan"), a_dataset())
    return house


def a_dataset() -> Dataset:
    roles, types = ColumnRole, ColumnType
    return Dataset(
        id="d1",
        slug="households",
        title="Households",
        description="Households of a test.",
        unit=Unit.HOUSEHOLD,
        unit_id="household_id",
        area="region_code",
        steward="stefan",
        recipe="none",
        source="made up",
        described_on=TODAY,
        columns=(
            Column("household_id", roles.DIRECT, types.STRING, "The household.", unique=True),
            Column("head_name", roles.DIRECT, types.STRING, "The head's name."),
            Column(
                "region_code",
                roles.QUASI,
                types.STRING,
                "The region.",
                values={"R01": "North", "R02": "South"},
            ),
            Column("welfare", roles.SENSITIVE, types.NUMBER, "Consumption.", lower=0, upper=1000),
        ),
    )


def microdata(rows: int = 40) -> bytes:
    """A released table as Parquet; household_id holds tokens of the release."""
    import io

    import pandas as pd

    from anonymization.keys import KeyRing

    ids = pd.Series([f"H{i}" for i in range(rows)])
    table = pd.DataFrame(
        {
            "household_id": KeyRing(b"a master key for tests only").tokens(
                "dataset:households", "household", ids
            ),
            "region_code": ["R01" if i % 2 else "R02" for i in range(rows)],
            "welfare": [float(i) for i in range(rows)],
        }
    )
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def publish(house: House) -> None:
    """A published scientific-use release of the dataset."""
    house.releases.publish(
        house.actor("stefan"),
        Product(
            dataset="households",
            extract="e1",
            tier=Tier.SCIENTIFIC_USE,
            title="Households",
            files=[("households.parquet", microdata(), "application/vnd.apache.parquet")],
            columns=("household_id", "region_code", "welfare"),
            rows=40,
            evidence={"schema": "test"},
            summary={},
            recipe="test@1:0",
        ),
    )


ANSWERS = RequestAnswers(
    title="Who is reached",
    summary="We measure which poor households the programme reaches and which it misses, region by region, so that it can be mended.",
    purpose="targeting-evaluation",
    public_benefit="Households that are missed today can be found.",
    dataset="households",
    variables=("household_id", "region_code", "welfare"),
    areas=("R01",),
    duration_days=200,
    planned_outputs="Tables of coverage by region.",
)


def a_submitted_request(house: House, **changes: object) -> AccessRequest:
    rosa = house.actor("rosa")
    request = house.requests.create(rosa, replace(ANSWERS, **changes))  # type: ignore[arg-type]
    return house.requests.submit(rosa, request.id)


def a_project(house: House) -> str:
    """An approved project with its extract ready; its slug."""
    publish(house)
    request = a_submitted_request(house)
    request = house.requests.approve(house.actor("stefan"), request.id, "It is in the public interest.")
    for entitlement in house.entitlements.of_project(request.project):
        house.provisioning.provision(service("worker"), entitlement.id)
    return request.project
