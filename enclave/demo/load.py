"""Loading the demo ministry: what has to be there before a person can look around. Continues where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable

from enclave.bootstrap import Enclave, build
from enclave.demo.house import actor, fill_registry, real_slug, set_up
from enclave.demo.sources import PUBLISHED, REGISTRY
from enclave.extracts.model import Extract
from enclave.kernel.actors import Actor
from enclave.kernel.errors import Unavailable
from enclave.kernel.tiers import Tier
from enclave.kernel.work import Job
from enclave.releases.model import ReleaseState
from enclave.settings import Settings

Say = Callable[[str], None]
#: Twenty thousand notes and a synthesizer take minutes on two cores; a million take longer.
PATIENCE = 3600.0
_WORDS = {
    "process": "De-identifying it and measuring the risk before and after",
    "aggregate": "Drawing its private tables, each paid for first",
    "synthesise": "Fitting and sampling its synthetic public-use table",
}


def load(settings: Settings, say: Say) -> None:
    """Fills the registry, takes its extract and the real data's, and has the worker make their releases."""
    house = build(settings)
    set_up(house, say)
    fill_registry(settings, say)
    steward = actor(house, "steward")
    for slug in (real_slug(settings), "ibr-households"):
        extract = take(house, actor(house, "nadia"), slug, say)
        for kind in ("process", "aggregate"):
            step(house, steward, kind, extract, say)
        if reasons := held(house, steward, extract):
            say(f"  Its microdata are held back, so nothing is synthesised from them. {' '.join(reasons)}")
        else:
            step(house, steward, "synthesise", extract, say)


def held(house: Enclave, who: Actor, extract: str) -> tuple[str, ...]:
    """Why the gate holds the microdata of an extract back, as it does where a ministry is too small to hide in."""
    found = [r for r in house.releases.all(who) if r.extract == extract and r.tier is Tier.SCIENTIFIC_USE]
    if not found or any(r.state is ReleaseState.PUBLISHED for r in found):
        return ()
    return found[-1].reasons


def take(house: Enclave, who: Actor, slug: str, say: Say) -> str:
    """Has the worker take an extract, unless one was taken; its id, whatever people have sent since."""
    known = _taken(house, who, slug)
    if not known:
        say(f"Taking an extract of {slug} …")
        house.extracts.order(who, "take_extract", {"dataset": slug}, key=slug, again=True)
        wait(house, who, "take_extract", slug, say)
        known = _taken(house, who, slug)
    return known[0].id


def _taken(house: Enclave, who: Actor, slug: str) -> list[Extract]:
    return [e for e in house.extracts.all(who) if e.dataset == slug and e.source in {REGISTRY, PUBLISHED}]


def step(house: Enclave, who: Actor, kind: str, extract: str, say: Say) -> None:
    """Orders one step on an extract and waits for it."""
    job = house.extracts.order(who, kind, {"extract": extract}, key=extract)
    if job.state == "queued":
        say(f"{_WORDS[kind]} …")
    wait(house, who, kind, extract, say)


def wait(house: Enclave, who: Actor, kind: str, key: str, say: Say) -> Job:
    """Until the worker has done it; raises Unavailable with the worker's own sentence when it gave up."""
    deadline, told = time.monotonic() + PATIENCE, ""
    while time.monotonic() < deadline:
        job = house.extracts.ordered(who, kind, key=key)
        if job.state == "done":
            return job
        if job.state in {"failed", "cancelled"}:
            raise Unavailable(f"The step {kind} failed: {job.error}")
        if job.error and job.error != told:
            told = job.error
            say(f"  {told} It will be tried again.")
        time.sleep(0.5)
    raise Unavailable(f"The step {kind} is still not done. The worker's log says more.")
