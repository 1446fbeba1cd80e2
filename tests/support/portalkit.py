"""A portal over a whole enclave without servers: real database, objects in memory, a clock that can be set."""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from argon2 import PasswordHasher
from fastapi import FastAPI
from houses import SetClock, no_findings
from memory_objects import MemoryObjects
from starlette.testclient import TestClient

from enclave.bootstrap import Enclave, build
from enclave.catalogue.model import Column, ColumnRole, ColumnType, Dataset, Unit
from enclave.kernel.actors import Actor, Role, service
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release
from enclave.releases.service import Product
from enclave.requests.model import (
    ENTITLEMENT_MACHINE,
    AccessRequest,
    Entitlement,
    EntitlementState,
    EntitlementVerb,
    RequestAnswers,
)
from enclave.settings import Settings
from enclave.store.migrate import upgrade
from request_portal.app import create_app
from request_portal.guards import RateLimit

PASSWORD = "correct horse battery"
TODAY = date(2026, 6, 1)
TRAINED_UNTIL = date(2035, 1, 1)
#: username, name, role, organisation
PEOPLE = (
    ("amina", "Amina Yusuf", Role.RESEARCHER, "Open University"),
    ("badr", "Badr Haddad", Role.EVALUATOR, "Evaluation Bureau"),
    ("sofia", "Sofia Marin", Role.STEWARD, "Ministry of Social Affairs"),
    ("petra", "Petra Novak", Role.PRIVACY_OFFICER, "Ministry of Social Affairs"),
    ("omar", "Omar Diallo", Role.OUTPUT_CHECKER, "Statistics Office"),
    ("lena", "Lena Berg", Role.OUTPUT_CHECKER, "Statistics Office"),
    ("noor", "Noor Patel", Role.PROGRAMME_ADMINISTRATOR, "Cash Transfer Agency"),
    ("aldo", "Aldo Conti", Role.AUDITOR, "Court of Auditors"),
    ("sami", "Sami Weber", Role.SYSTEM_ADMINISTRATOR, "Ministry of Social Affairs"),
    ("pia", "Pia Costa", Role.POLICYMAKER, "Cabinet Office"),
)
ROLE_OF = {username: role for username, _, role, _ in PEOPLE}

ANSWERS = RequestAnswers(
    title="Who is reached by the cash transfer",
    summary=(
        "We measure which poor households the cash transfer reaches and which it misses, region by region, so that the "
        "ministry can find the families that are left out."
    ),
    purpose="targeting-evaluation",
    public_benefit="Families that are missed today can be found and enrolled.",
    dataset="households",
    variables=("household_id", "region", "household_size", "consumption"),
    areas=("R01", "R02"),
    duration_days=365,
    members=(),
    planned_outputs="Tables of coverage by region and household size, and a working paper.",
)

TABLE = b"""region,value,value_raw,ci_low,ci_high,noise_scale,withheld
North,412,412,382,442,10,
South,291,291,261,321,10,
East,173,173,143,203,10,
West,96,96,66,126,10,
Islands,,,,,10,Too few households behind this figure for the noise.
"""


@dataclass
class Portal:
    """An enclave with people and data, and the portal over it."""

    enclave: Enclave
    clock: SetClock
    objects: MemoryObjects
    app: FastAPI

    def actor(self, username: str) -> Actor:
        person = self.enclave.people.by_username(username)
        assert person is not None
        return person.actor()

    def client(self, username: str = "", *, follow: bool = False) -> TestClient:
        """A browser, signed in as `username` unless that is empty. Server errors come back as pages."""
        client = TestClient(self.app, raise_server_exceptions=False, follow_redirects=follow)
        if username:
            answer = client.post("/sign-in", data={"username": username, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        return client

    def token(self, username: str) -> dict[str, str]:
        """Headers of a signed-in program."""
        answer = TestClient(self.app).post(
            "/api/v1/sign-in", json={"username": username, "password": PASSWORD}
        )
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def draft(self, **changes: object) -> AccessRequest:
        return self.enclave.requests.create(self.actor("amina"), replace(ANSWERS, **changes))  # type: ignore[arg-type]

    def submitted(self, **changes: object) -> AccessRequest:
        return self.enclave.requests.submit(self.actor("amina"), self.draft(**changes).id)

    def project(self, **changes: object) -> str:
        """An approved project whose data are ready; its slug."""
        request = self.submitted(**changes)
        request = self.enclave.requests.approve(
            self.actor("sofia"), request.id, "It is in the public interest."
        )
        with self.enclave.kit.write() as uow:
            for entitlement in uow.find(
                Entitlement, project=request.project, state=EntitlementState.GRANTED.value
            ):
                state = ENTITLEMENT_MACHINE.move(entitlement.state, EntitlementVerb.PROVISION)
                uow.put(replace(entitlement, state=state, rows=40))
            uow.commit()
        return request.project

    def output_page_state(self, client: TestClient, output: str) -> str:
        """The state tag at the top of an output's page."""
        import re

        found = re.search(r"govuk-tag[^>]*>\s*([^<]+?)\s*<", client.get(f"/airlock/{output}").text)
        assert found is not None
        return found.group(1)

    def write_output(self, project: str, name: str, data: bytes) -> None:
        """A file in the workspace's outputs folder, as a session would leave it."""
        folder = self.enclave.airlock.work_dir(project) / "outputs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    def output(
        self, project: str, *, submit: bool = True, data: bytes = b"region,households\nNorth,120\nSouth,95\n"
    ):
        """An output request of amina's; submitted unless told otherwise."""
        self.write_output(project, "coverage.csv", data)
        made = self.enclave.airlock.create(
            self.actor("amina"),
            project=project,
            title="Coverage by region",
            context="Households reached by the cash transfer in each region, for the working paper.",
            controls="Cells below ten are merged with their neighbour.",
            files=("coverage.csv",),
        )
        return self.enclave.airlock.submit(self.actor("amina"), made.id) if submit else made


def a_portal(
    root: Path, *, real_checks: bool = False, tries: int = 10_000, clock: Any = None, **settings: object
) -> Portal:
    """A portal of its own below `root`; its clock stands still unless another one is given."""
    (root / "enclave.sqlite").write_bytes(_template())
    chosen = Settings(_env_file=None, demo=True, state_dir=root, **settings)  # type: ignore[arg-type]
    clock, objects = clock or SetClock(), MemoryObjects()
    enclave = build(chosen, clock=clock, objects=objects)
    if not real_checks:
        enclave = replace(enclave, airlock=replace(enclave.airlock, check=no_findings))
    portal = Portal(enclave, clock, objects, create_app(enclave, sign_in_limit=RateLimit(most=tries)))
    publish_all(portal)
    return portal


@cache
def _template() -> bytes:
    """A database with the people and the dataset in it; hashing ten passwords once is enough."""
    # Tests sign in hundreds of times: their passwords are hashed at a cost that no installation would use.
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("enclave.projects.signing_in._HASHER", PasswordHasher(time_cost=1, memory_cost=64)),
    ):
        root = Path(folder)
        settings = Settings(_env_file=None, demo=True, state_dir=root)  # type: ignore[call-arg]
        upgrade(settings.database)
        enclave = build(settings, clock=SetClock(), objects=MemoryObjects())
        for username, name, role, organisation in PEOPLE:
            enclave.people.create(
                service("setup"),
                username=username,
                name=name,
                email=f"{username}@test.invalid",
                organisation=organisation,
                roles=(role,),
                password=PASSWORD,
                agreement_signed_on=TODAY,
                training_valid_until=TRAINED_UNTIL,
            )
        steward = enclave.people.by_username("sofia")
        officer = enclave.people.by_username("petra")
        assert steward is not None
        assert officer is not None
        enclave.catalogue.describe(steward.actor(), a_dataset())
        enclave.budgets.grant(officer.actor(), dataset="households", project="", epsilon=3.0)
        path = root / "enclave.sqlite"
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.read_bytes()


def a_dataset() -> Dataset:
    roles, types = ColumnRole, ColumnType
    regions = {"R01": "North", "R02": "South", "R03": "East", "R04": "West", "R05": "Islands"}
    return Dataset(
        id="0190-households",
        slug="households",
        title="Registered households",
        description="One row for each household in the beneficiary registry, with its size, dwelling and welfare.",
        unit=Unit.HOUSEHOLD,
        unit_id="household_id",
        area="region",
        steward="sofia",
        recipe="none",
        source="Integrated Beneficiary Registry, Social Protection Act, section 12",
        described_on=TODAY,
        columns=(
            Column("household_id", roles.DIRECT, types.STRING, "Number of the household.", unique=True),
            Column("head_name", roles.DIRECT, types.STRING, "Name of the head of the household."),
            Column("phone", roles.DIRECT, types.STRING, "Telephone number."),
            Column("region", roles.QUASI, types.STRING, "Region where the household lives.", values=regions),
            Column("household_size", roles.QUASI, types.INTEGER, "Number of members.", lower=1, upper=20),
            Column("head_age", roles.QUASI, types.INTEGER, "Age of the head, in years.", lower=15, upper=110),
            Column(
                "consumption",
                roles.SENSITIVE,
                types.NUMBER,
                "Monthly consumption for each member.",
                lower=0,
                upper=900,
            ),
            Column(
                "employment_status_of_the_head",
                roles.QUASI,
                types.INTEGER,
                "Employment of the head (DCI codes).",
            ),
            Column("enrolled", roles.PLAIN, types.BOOLEAN, "Whether the household gets the cash transfer."),
            Column(
                "case_note", roles.FREE_TEXT, types.STRING, "What the social worker wrote.", required=False
            ),
        ),
    )


def publish_all(portal: Portal) -> dict[str, Release]:
    """One published release of each tier that can be seen."""
    steward = portal.actor("sofia")
    publish = portal.enclave.releases.publish
    columns = ("household_id", "region", "household_size", "head_age", "consumption", "enrolled")
    columns = (*columns, "employment_status_of_the_head")
    micro = Product(
        dataset="households",
        extract="extract-1",
        tier=Tier.SCIENTIFIC_USE,
        title="Registered households, May 2026: anonymized microdata",
        files=[("households.parquet", b"PAR1 not read here", "application/vnd.apache.parquet")],
        columns=columns,
        rows=20_000,
        evidence={
            "schema": "registry-enclave/evidence/1",
            "risk": {
                "before": {"uniques": 0.412, "k": 1, "expected_reidentifications": 8240},
                "after": {"uniques": 0.0, "k": 10, "expected_reidentifications": 61.4},
            },
            "utility": {"mean_absolute_difference": 0.012, "correlation_kept": 0.97},
        },
        summary={
            "risk_before": {"uniques": 0.412, "smallest_class": 1},
            "risk_after": {"uniques": 0.0, "smallest_class": 10},
            "utility": {"correlation_kept": 0.97},
        },
        recipe="households@1:ab12cd34ef56",
    )
    table = Product(
        dataset="households",
        extract="extract-1",
        tier=Tier.OPEN,
        title="Households enrolled in the cash transfer by region, May 2026",
        files=[("enrolled-by-region.csv", TABLE, "text/csv")],
        columns=("region", "value", "ci_low", "ci_high"),
        rows=5,
        evidence={"schema": "registry-enclave/evidence/dp-1", "epsilon": 0.1},
        summary={"epsilon": 0.1, "delta": 0.0, "unit": "household", "mechanism": "discrete Laplace"},
        recipe="standing-table:enrolled-by-region",
    )
    synthetic = Product(
        dataset="households",
        extract="extract-1",
        tier=Tier.PUBLIC_USE,
        title="Registered households: synthetic public-use table",
        files=[("households-synthetic.csv", b"region,household_size\nNorth,4\n", "text/csv")],
        columns=("region", "household_size"),
        rows=1,
        evidence={"schema": "registry-enclave/evidence/1"},
        summary={"quality": 0.93},
        recipe="synthesis:gaussian-copula",
    )
    return {
        "micro": publish(steward, micro),
        "open": publish(steward, table),
        "synthetic": publish(steward, synthetic),
    }
