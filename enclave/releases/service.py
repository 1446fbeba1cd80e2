"""Publishing what a recipe made, or holding it with reasons: the gate between evidence and release."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Invalid, NotFound
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.kernel.ports import ObjectRef
from enclave.kernel.tiers import Tier
from enclave.releases.manifest import MEDIA_TYPE, manifest_bytes
from enclave.releases.model import RELEASE_MACHINE, Release, ReleaseState, ReleaseVerb

#: Where releases and the projects' cuts of them are kept, versioned, locked and encrypted.
BUCKET = "releases"
#: Who may fetch what: open data everybody, synthetic data everybody with an account, microdata nobody.
PUBLIC, SIGNED_IN = frozenset({Tier.OPEN}), frozenset({Tier.OPEN, Tier.PUBLIC_USE})


@dataclass(frozen=True, slots=True)
class Product:
    """What a recipe made, before the gate.

    Args:
        files: (name, bytes, media type), the data files.
        evidence: the evidence pack.
        summary: its figures that pages show; aggregates only.
        recipe: "name@version:digest".
        gate: the policy that decides, and the facts that it weighs; None for what carries its own proof (DP).
        unless: asked under the lock of the last step; a release that it finds is returned in place of a second one.
    """

    dataset: str
    extract: str
    tier: Tier
    title: str
    files: Sequence[tuple[str, bytes, str]]
    columns: tuple[str, ...]
    rows: int
    evidence: Mapping[str, object]
    summary: Mapping[str, object]
    recipe: str
    gate: tuple[str, Mapping[str, object]] | None = None
    cites: tuple[str, ...] = ()
    unless: Callable[[UnitOfWork], Release | None] | None = None


@dataclass(frozen=True, slots=True)
class Releases:
    """Use cases about releases."""

    kit: Kit
    lock_days: int

    def publish(self, actor: Actor, product: Product) -> Release:
        """Stores the files, the evidence and the manifest, decides at the gate, and records what came of it."""
        actor.must(Capability.EXTRACT_PROCESS)
        decision = self.kit.decide(*product.gate) if product.gate else None
        cites = (*product.cites, *([decision.cites] if decision else []))
        id_ = new_id()
        until = self.kit.clock.now() + timedelta(days=self.lock_days)
        evidence = json.dumps(product.evidence, indent=1, ensure_ascii=False, default=str).encode()
        blobs = [*product.files, ("evidence.json", evidence, "application/json")]
        refs = tuple(
            self.kit.objects.put(
                BUCKET, f"{product.dataset}/{id_}/{name}", data, media_type=media, retain_until=until
            )
            for name, data, media in blobs
        )
        passed = decision is None or decision.allowed
        now = self.kit.clock.now()
        manifest = self.kit.objects.put(
            BUCKET,
            f"{product.dataset}/{id_}/manifest.json",
            manifest_bytes(
                release=id_,
                files=refs,
                recipe=product.recipe,
                policies=cites,
                evidence=refs[-1].sha256,
                created_at=now,
            ),
            media_type=MEDIA_TYPE,
            retain_until=until,
        )
        with self.kit.write() as uow:
            # One writer at a time from here to commit: two workers with one order cannot both publish.
            number = uow.number(f"release-{now.year}")
            if product.unless is not None and (known := product.unless(uow)) is not None:
                return known
            verb = ReleaseVerb.PUBLISH if passed else ReleaseVerb.HOLD
            release = Release(
                id=id_,
                reference=f"REL-{now.year}-{number:04d}",
                dataset=product.dataset,
                extract=product.extract,
                tier=product.tier,
                title=product.title,
                state=RELEASE_MACHINE.move(RELEASE_MACHINE.start, verb),
                files=refs,
                manifest=manifest,
                columns=product.columns,
                rows=product.rows,
                summary=dict(product.summary),
                recipe=product.recipe,
                cites=cites,
                reasons=decision.refusals if decision else (),
                created_by=actor.name,
                created_at=now,
            )
            uow.add(release)
            subject = f"release:{release.reference}"
            facts = {"tier": product.tier.value, "manifest": manifest.sha256, "rows": product.rows}
            uow.audit(Event.RELEASE_BUILD, actor, subject, facts)
            uow.audit(Event.RELEASE_PUBLISH if passed else Event.RELEASE_HOLD, actor, subject, {}, cites)
            uow.commit()
        return release

    def withdraw(self, actor: Actor, id_: str, reason: str) -> Release:
        """Takes it out of use; its record and its evidence stay, as a tombstone with the reason."""
        actor.must(Capability.EXTRACT_PROCESS)
        if len(reason.strip()) < 10:
            raise Invalid(["Say in a sentence why, for those who have used it."])
        with self.kit.write() as uow:
            release = uow.get(Release, id_)
            state = RELEASE_MACHINE.move(release.state, ReleaseVerb.WITHDRAW)
            release = uow.put(replace(release, state=state, reasons=(*release.reasons, reason)))
            uow.audit(
                Event.RELEASE_WITHDRAW,
                actor,
                f"release:{release.reference}",
                {"reason_characters": len(reason)},
            )
            uow.commit()
        return release

    def all(self, actor: Actor) -> list[Release]:
        """Every release, held ones too, for those who read evidence."""
        actor.must(Capability.EVIDENCE_READ)
        with self.kit.read() as uow:
            return uow.find(Release)

    def published(self, dataset: str = "", tier: Tier | None = None) -> list[Release]:
        """What is published, newest first; that it exists is public."""
        where: dict[str, object] = {"state": ReleaseState.PUBLISHED.value}
        if dataset:
            where["dataset"] = dataset
        if tier is not None:
            where["tier"] = tier.value
        with self.kit.read() as uow:
            return list(reversed(uow.find(Release, **where)))

    def evidence(self, actor: Actor, id_: str) -> dict[str, object]:
        """The evidence pack, verified against its digest."""
        actor.must(Capability.EVIDENCE_READ)
        with self.kit.read() as uow:
            release = uow.get(Release, id_)
        pack: dict[str, object] = json.loads(self.kit.objects.read(release.files[-1]))
        return pack

    def download(self, actor: Actor | None, id_: str, name: str) -> tuple[ObjectRef, bytes]:
        """A file of an open release (anybody) or of a public-use one (with an account); microdata never leave here."""
        with self.kit.read() as uow:
            release = uow.first(Release, id=id_, state=ReleaseState.PUBLISHED.value)
        open_to_them = PUBLIC if actor is None else SIGNED_IN
        if release is not None and release.tier in open_to_them:
            # The last file is the evidence pack, which has readers of its own.
            for ref in release.files[:-1]:
                if ref.key.rsplit("/", 1)[-1] == name:
                    return ref, self.kit.objects.read(ref)
        raise NotFound(
            "There is no such file to download. Microdata are worked on in the enclave; ask for access."
        )
