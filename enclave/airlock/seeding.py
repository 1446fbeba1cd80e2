"""Test outputs: bad ones of the house's own making, put among those that wait, to see whether they are caught.

They pass the automatic checks, so that people decide; they say things of invented households only; and they never
leave, whatever the verdicts: see `concluding`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files as packaged
from pathlib import Path

import yaml

from enclave.airlock.conflicts import pool
from enclave.airlock.model import OUTPUT_MACHINE, OutputFile, OutputRequest, OutputVerb, Review, Verdict
from enclave.airlock.taking import Checker
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import NotAllowed, NotFound, Refused
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.projects.model import Person, Project, ProjectState
from policies import Outcome


@dataclass(frozen=True, slots=True)
class Seed:
    """One bad output.

    Args:
        name: what it is called in the log.
        file: its name; content, description: its bytes, and what is declared about it.
        wrong: what a checker should see.
    """

    name: str
    title: str
    context: str
    controls: str
    file: str
    content: bytes
    description: bytes | None
    wrong: str


def seeds() -> dict[str, Seed]:
    """The packaged ones, by name."""
    body = yaml.safe_load((packaged("enclave.airlock") / "seeds.yaml").read_text(encoding="utf-8"))
    return {
        name: Seed(
            name=name,
            title=given["title"],
            context=given["context"],
            controls=given["controls"],
            file=given["file"],
            content=given["content"].encode(),
            description=json.dumps(given["description"]).encode() if given.get("description") else None,
            wrong=given["wrong"],
        )
        for name, given in body.items()
    }


def plant(kit: Kit, check: Checker, waiting: str, lock_days: int, actor: Actor, name: str) -> OutputRequest:
    """Puts one among those that wait, under an active project that has two checkers without a conflict.

    Raises:
        NotFound: no such test output. NotAllowed: no project has two checkers. Refused: software catches it already.
    """
    actor.must(Capability.AIRLOCK_OVERSEE)
    seed = seeds().get(name)
    if seed is None:
        raise NotFound(f"There is no test output of that name. There are: {', '.join(sorted(seeds()))}.")
    on, now = kit.clock.today(), kit.clock.now()
    threshold = int(str(kit.policies.parameter("output-file", "minimum-cell-count", "threshold", on)))
    result = check(seed.file, seed.content, seed.description, threshold, (), None)
    decision = kit.decide("output-file", result.facts)
    if decision.outcome is Outcome.DENY:
        raise Refused(decision)
    until, digest = now + timedelta(days=lock_days), hashlib.sha256(seed.content).hexdigest()
    with kit.read() as uow:
        active = uow.find(Project, state=ProjectState.ACTIVE.value)
        project = next((p for p in active if len(_checkers(kit, uow, p)) >= 2), None)
    if project is None:
        raise NotAllowed("No active project has two checkers without a conflict.")
    base = f"{project.slug}/{digest[:16]}"
    stored = kit.objects.put(
        waiting, f"{base}/{seed.file}", seed.content, media_type=result.media_type, retain_until=until
    )
    sidecar = None
    if seed.description is not None:
        key = f"{base}/{Path(seed.file).stem}.sdc.json"
        sidecar = kit.objects.put(
            waiting, key, seed.description, media_type="application/json", retain_until=until
        )
    file = OutputFile(
        name=seed.file,
        sha256=digest,
        size=len(seed.content),
        media_type=result.media_type,
        stored=stored,
        sidecar=sidecar,
        findings=result.findings,
        facts=result.facts,
        passed=True,
        refusals=decision.refusals,
        cites=decision.cites,
    )
    with kit.write() as uow:
        output = OutputRequest(
            id=new_id(),
            reference=f"OUT-{now.year}-{uow.number(f'output-{now.year}'):04d}",
            project=project.slug,
            author=project.lead,
            title=seed.title,
            context=seed.context,
            controls=seed.controls,
            state=OUTPUT_MACHINE.move(OUTPUT_MACHINE.start, OutputVerb.SUBMIT),
            round=1,
            files=(file,),
            created_at=now,
            submitted_at=now,
            seeded=seed.name,
        )
        uow.add(output)
        uow.audit(Event.OUTPUT_SEED, actor, f"output:{output.reference}", {"seed": seed.name})
        for checker in _checkers(kit, uow, project):
            words = f"Output {output.reference} waits for a check."
            uow.notify(checker.username, words, f"/airlock/{output.id}")
        uow.commit()
    return output


def revealed(uow: UnitOfWork, output: OutputRequest, reviews: Sequence[Review]) -> None:
    """Tells both checkers, once they have decided, that it was a test and what was wrong with it."""
    seed = seeds().get(output.seeded)
    wrong = seed.wrong if seed else "It is no longer among the packaged ones."
    for review in reviews:
        caught = "You caught it." if review.verdict is not Verdict.APPROVE else "You let it pass."
        words = f"Output {output.reference} was a test. {caught} {wrong}"
        uow.notify(review.checker, words, "/airlock/quality")


def _checkers(kit: Kit, uow: UnitOfWork, project: Project) -> list[Person]:
    asked = OutputRequest(
        "", "", project.slug, project.lead, "", "", "", OUTPUT_MACHINE.start, 1, (), kit.clock.now()
    )
    return pool(uow, kit, asked)
