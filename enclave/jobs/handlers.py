"""What the jobs do. Each does nothing when its work is done already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from enclave.bootstrap import Enclave
from enclave.extracts.model import Extract, ExtractState
from enclave.extracts.orders import OrderWatch
from enclave.extracts.scratch import UNKNOWN
from enclave.jobs.watching import canary
from enclave.jobs.worker import WORKER, Handler
from enclave.kernel.actors import Actor
from enclave.kernel.tiers import Tier
from enclave.log import logger
from enclave.projects.model import Person
from enclave.releases.model import Release, ReleaseState

_STANDS = {ReleaseState.BUILT, ReleaseState.PUBLISHED}


def provision(enclave: Enclave, payload: Mapping[str, object]) -> None:
    """Makes the cut of a granted entitlement."""
    enclave.provisioning.provision(WORKER, str(payload["entitlement"]))


def release_output(enclave: Enclave, payload: Mapping[str, object]) -> None:
    """Finishes a release that a crash interrupted after its second approval."""
    enclave.airlock.releasing.finish(WORKER, str(payload["output"]))


def stop_session(enclave: Enclave, payload: Mapping[str, object]) -> None:
    """Stops a running session whose access has ended; the hub's own poll does it too, a little later."""
    from enclave.hub.client import HubClient  # noqa: PLC0415 - httpx is loaded by who needs it

    user, project = str(payload["user"]), str(payload["project"])
    if not enclave.workspaces.still_admitted(user, project):
        HubClient(enclave.settings).stop(user, project)


def take_extract(enclave: Enclave, payload: Mapping[str, object]) -> None:
    """Takes a dated extract from the registry, or loads the demo's real data, and puts it into quarantine."""
    from enclave.demo.sources import write_source  # noqa: PLC0415 - heavy

    who, slug = _ordered_by(enclave, payload), str(payload["dataset"])
    taken = [e for e in enclave.extracts.all(who) if e.dataset == slug]
    if payload.get("again"):  # one that this order has brought in already counts, even when a crash hid that
        since = _ordered_at(payload)
        taken = [e for e in taken if e.registered_by == who.name and e.registered_at >= since]
    if taken:
        return
    with enclave.extracts.room(UNKNOWN) as folder:
        path = folder / f"{slug}.parquet"
        as_of, source = write_source(enclave.settings, enclave.catalogue.dataset(slug), path)
        enclave.extracts.register(who, dataset=slug, path=path, as_of=as_of, source=source)


def process(enclave: Enclave, payload: Mapping[str, object]) -> None:
    """De-identifies an extract."""
    who, id_ = _ordered_by(enclave, payload), str(payload["extract"])
    if not _made(enclave, payload, Tier.SCIENTIFIC_USE):
        watch = _watch(enclave, payload).watch

        def told(done: int, of: int, says: str) -> None:
            _progress(done, of, says)
            watch.step(done, of, says)

        enclave.making.process(who, id_, told)
        return
    with enclave.kit.read() as uow:
        extract = uow.get(Extract, id_)
    if extract.state is ExtractState.QUARANTINED:  # a crash came between the release and this
        enclave.extracts.processed(who, id_)


def aggregate(enclave: Enclave, payload: Mapping[str, object]) -> None:
    """Draws an extract's standing private tables; one that was drawn is never drawn again."""
    enclave.aggregating.aggregate(_ordered_by(enclave, payload), str(payload["extract"]))


def synthesise(enclave: Enclave, payload: Mapping[str, object]) -> None:
    """Makes a synthetic table of an extract's microdata."""
    who, id_, recipe = _ordered_by(enclave, payload), str(payload["extract"]), str(payload.get("recipe", ""))
    todo = enclave.synthesising.plan(who, id_, recipe)
    bound = {"bound_seconds": round(todo.seconds), "bound_megabytes": round(todo.megabytes)}
    watch = _watch(enclave, payload, bound).watch
    watch.progress(0, 1, "starting")
    enclave.synthesising.synthesise(who, id_, recipe, since=_ordered_at(payload), watch=watch)


def _watch(
    enclave: Enclave, payload: Mapping[str, object], bound: Mapping[str, object] | None = None
) -> OrderWatch:
    """Sees whether the order is called off, and notes how far it is."""
    return OrderWatch(
        enclave.kit, str(payload.get("job", "")), int(str(payload.get("attempt", 0))), bound or {}
    )


def _made(enclave: Enclave, payload: Mapping[str, object], tier: Tier) -> bool:
    """Whether this order has its release: one that stands, or one of its own that was held or withdrawn."""
    with enclave.kit.read() as uow:
        found = uow.find(Release, extract=str(payload["extract"]), tier=tier.value)
    since = _ordered_at(payload)
    return any(r.state in _STANDS or r.created_at >= since for r in found)


def _ordered_at(payload: Mapping[str, object]) -> datetime:
    said = payload.get("ordered_at")
    return datetime.fromisoformat(str(said)) if said else datetime.min.replace(tzinfo=UTC)


def _ordered_by(enclave: Enclave, payload: Mapping[str, object]) -> Actor:
    """Whoever ordered it, with the roles that they have now: an order does not outlive the right to give it."""
    with enclave.kit.read() as uow:
        person = uow.first(Person, username=str(payload["ordered_by"]), active=True)
    return person.actor() if person is not None else Actor("nobody", str(payload["ordered_by"]))


def _progress(done: int, of: int, says: str) -> None:
    logger().info("step", count=done, attempt=of, reason=says)


def expire(enclave: Enclave) -> None:
    """Ends what has run out."""
    ended = enclave.entitlements.expire_due(WORKER)
    if ended:
        logger().info("entitlements_expired", count=ended)


def retire(enclave: Enclave) -> None:
    """Destroys extracts that the retention policy does not let us keep."""
    gone = enclave.extracts.destroy_due(WORKER)
    if gone:
        logger().info("extracts_destroyed", count=gone)


def sweep(enclave: Enclave) -> None:
    """Removes clear files that a killed process left behind; those of a living one carry its lock."""
    gone = enclave.extracts.sweep()
    if gone:
        logger().warning("leftovers_removed", count=gone)


def clear(enclave: Enclave) -> None:
    """Removes staged data that nobody may use any more."""
    gone = enclave.workspaces.clear_ended()
    if gone:
        logger().info("staged_data_removed", count=gone)


def destroy_keys(enclave: Enclave, payload: Mapping[str, object]) -> None:
    """Destroys the pseudonym key of a project that was closed."""
    del payload  # whichever project ordered it, every closed one is looked at
    forget(enclave)


def forget(enclave: Enclave) -> None:
    """Destroys the pseudonym keys of closed projects, also such as came back with a backup."""
    gone = enclave.keys.destroy_closed(WORKER)
    if gone:
        logger().info("keys_destroyed", count=gone)


def anchor(enclave: Enclave) -> None:
    """Puts the head of the audit chain under an object lock."""
    enclave.audit.anchor()


HANDLERS: dict[str, Handler] = {
    "provision": provision,
    "release_output": release_output,
    "stop_session": stop_session,
    "take_extract": take_extract,
    "process": process,
    "aggregate": aggregate,
    "synthesise": synthesise,
    "destroy_keys": destroy_keys,
}
CHORES: dict[str, tuple[float, Callable[[Enclave], None]]] = {
    "canary": (3600.0, canary),
    "expire": (20.0, expire),
    "anchor": (60.0, anchor),
    "clear": (60.0, clear),
    "forget": (60.0, forget),
    "retire": (3600.0, retire),
    "sweep": (3600.0, sweep),
}
