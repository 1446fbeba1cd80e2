"""The composition root: settings in, the whole enclave out. The only place that knows every part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anonymization.custody import FileCustody
from enclave.airlock.checks import check_output
from enclave.airlock.service import Airlock
from enclave.audit.service import Audit
from enclave.budget.receipts import Receipts
from enclave.budget.service import Budgets
from enclave.catalogue.service import Catalogue
from enclave.custody.service import Keys
from enclave.extracts.aggregating import Aggregating
from enclave.extracts.asking import Asking
from enclave.extracts.making import Making
from enclave.extracts.orders import Orders
from enclave.extracts.service import Extracts
from enclave.extracts.synthesising import Synthesising
from enclave.kernel.clock import Clock, SystemClock
from enclave.kernel.derived import derived_secret
from enclave.kernel.kit import Kit
from enclave.kernel.ports import Objects
from enclave.kernel.signing import HouseSigner
from enclave.objects import sealed
from enclave.projects.people import People
from enclave.register.service import Register
from enclave.releases.service import Releases
from enclave.requests.closing import Closing
from enclave.requests.entitlements import Entitlements
from enclave.requests.service import Requests
from enclave.settings import Settings
from enclave.store.engine import connect
from enclave.store.uow import SqlUnitOfWork
from enclave.workspaces.lifecycle import Lifecycle
from enclave.workspaces.provision import Provisioning
from enclave.workspaces.querying import Querying
from enclave.workspaces.service import Workspaces
from enclave.workspaces.staging import Staging
from policies import PolicyBook


@dataclass(frozen=True, slots=True)
class Enclave:
    """Every use case, ready to be called."""

    settings: Settings
    kit: Kit
    people: People
    catalogue: Catalogue
    keys: Keys
    closing: Closing
    requests: Requests
    entitlements: Entitlements
    budgets: Budgets
    receipts: Receipts
    extracts: Extracts
    making: Making
    orders: Orders
    aggregating: Aggregating
    synthesising: Synthesising
    asking: Asking
    releases: Releases
    provisioning: Provisioning
    workspaces: Workspaces
    lifecycle: Lifecycle
    querying: Querying
    airlock: Airlock
    audit: Audit
    register: Register


def build(settings: Settings, *, clock: Clock | None = None, objects: Objects | None = None) -> Enclave:
    """Wires everything. Opens no connection yet.

    Args:
        clock, objects: other ones, for tests; by default the machine's clock and the S3 store of the settings.
    """
    if objects is None:
        from enclave.objects.s3 import S3Objects  # noqa: PLC0415 - only who needs the store loads its client

        objects = S3Objects(settings)
    time = clock or SystemClock()
    engine = connect(settings.database)
    kit = Kit(
        write=lambda: SqlUnitOfWork(engine, time),
        read=lambda: SqlUnitOfWork(engine, time, reading=True),
        policies=PolicyBook.packaged(),
        clock=time,
        objects=objects,
    )
    lock_days = int(str(kit.policies.parameter("retention", "release-lock", "days", time.today())))
    staging = Staging(kit, settings.state_dir.resolve() / "projects", notebooks_dir())
    keys = Keys(kit, FileCustody(settings.keys, settings.master_key.get_secret_value().encode()))
    master = settings.master_key.get_secret_value()

    def values_key(dataset: str) -> bytes:
        return bytes.fromhex(derived_secret(master, f"own-values:{dataset}"))

    extracts = Extracts(kit, _Sealer(settings), settings.state_dir.resolve() / "scratch", values_key)
    releases = Releases(kit, lock_days)
    budgets = Budgets(kit)
    signer = HouseSigner.of(master)
    receipts = Receipts(signer)
    asking = Asking(kit, extracts, budgets)
    workspaces = Workspaces(kit, staging)
    return Enclave(
        settings=settings,
        kit=kit,
        people=People(kit),
        catalogue=Catalogue(kit),
        keys=keys,
        closing=Closing(kit),
        requests=Requests(kit),
        entitlements=Entitlements(kit),
        budgets=budgets,
        receipts=receipts,
        extracts=extracts,
        asking=asking,
        orders=Orders(kit),
        making=Making(kit, extracts, releases, keys),
        aggregating=Aggregating(kit, extracts, releases, budgets, settings.standing_lists),
        synthesising=Synthesising(kit, extracts, releases, budgets),
        releases=releases,
        provisioning=Provisioning(kit, keys, lock_days),
        workspaces=workspaces,
        lifecycle=Lifecycle(kit, staging, signer, keys.project_key_destroyed, lock_days),
        querying=Querying(kit, workspaces, asking, budgets, receipts),
        airlock=Airlock(kit, staging.work_dir, check_output, lock_days, receipts, values_key),
        audit=Audit(kit, lock_days),
        register=Register(kit),
    )


@dataclass(frozen=True, slots=True)
class _Sealer:
    """Seals with the keys of these settings."""

    settings: Settings

    def seal(self, source: Path, to: Path, *, dataset: str, context: str) -> str:
        return sealed.seal(source, to, key=sealed.dataset_key(self.settings, dataset), context=context)

    def unseal(self, source: Path, to: Path, *, dataset: str, wrapped: str, context: str) -> Path:
        key = sealed.dataset_key(self.settings, dataset)
        return sealed.unseal(source, to, key=key, wrapped=wrapped, context=context)


def notebooks_dir() -> Path:
    """The ready notebooks: beside the packages in a checkout, inside the package in an installed wheel."""
    beside = Path(__file__).resolve().parent.parent / "notebooks"
    return beside if beside.is_dir() else Path(__file__).resolve().parent / "_notebooks"
