"""Letting approved bytes out: every approval weighed again, every byte read back, then copied to where it may be read.

The uploads happen between two transactions, so that nobody waits for them. Each attempt has a place of its own in the
store, and only the attempt that was recorded can be read: one that failed half-way leaves nothing that anybody reaches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from enclave.airlock.conflicts import is_member, may_check
from enclave.airlock.crate import Approval, metadata, package
from enclave.airlock.model import (
    OUTPUT_MACHINE,
    OutputFile,
    OutputRequest,
    OutputState,
    OutputVerb,
    Review,
)
from enclave.airlock.private import PrivateLane
from enclave.audit.model import AuditEvent
from enclave.budget.receipts import read_receipt
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, Invalid, NotFound
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.kernel.ports import ObjectRef, TemporaryCredentials
from enclave.projects.model import Person, Project
from policies import Decision, Outcome

#: What may be read outside.
RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Releasing:
    """The last step of the airlock, and what comes after it.

    Args:
        lane: weighs private answers.
        lock_days: for how long a released file cannot be deleted.
    """

    kit: Kit
    lane: PrivateLane
    lock_days: int

    def finish(self, actor: Actor, id_: str) -> OutputRequest:
        """Releases an output that two people approved or receipts cleared; returns it when that no longer counts.

        Doing it again when it is done changes nothing.
        """
        with self.kit.read() as uow:
            output = uow.get(OutputRequest, id_)
        if output.state not in {OutputState.REVIEWED, OutputState.CLEARED}:
            return output
        copies = [(f, self.kit.objects.read(f.stored)) for f in output.files]
        same = all(hashlib.sha256(data).hexdigest() == f.sha256 for f, data in copies)
        with self.kit.read() as uow:
            decision, _ = self._decide(uow, output, copies, same=same)
        if not decision.allowed:
            return self._give_back(actor, output, decision)
        place, until = (
            f"{output.project}/{output.id}/{new_id()}",
            self.kit.clock.now() + timedelta(days=self.lock_days),
        )
        refs = tuple(
            self.kit.objects.put(
                RELEASED, f"{place}/{f.name}", data, media_type=f.media_type, retain_until=until
            )
            for f, data in copies
        )
        with self.kit.write() as uow:
            now = uow.get(OutputRequest, id_)
            if now.state is OutputState.RELEASED:
                return now
            if now.version != output.version:
                raise Conflict(
                    "The output changed while it was being released. Nothing left; look at it again."
                )
            decision, approvers = self._decide(uow, now, copies, same=same)
            if decision.allowed:
                state = OUTPUT_MACHINE.move(now.state, OutputVerb.RELEASE)
                now = uow.put(replace(now, state=state, decided_at=self.kit.clock.now(), released=refs))
                facts: dict[str, object] = {"approved_by": approvers, "digests": list(now.digests)}
                facts |= {"round": now.round, "charges": [f.charge for f in now.files if f.charge]}
                uow.audit(Event.OUTPUT_RELEASE, actor, f"output:{now.reference}", facts, [decision.cites])
                uow.notify(now.author, f"Output {now.reference} is released.", f"/airlock/{now.id}")
                uow.commit()
                return now
        return self._give_back(actor, output, decision)

    def download(self, actor: Actor, id_: str, name: str) -> tuple[ObjectRef, bytes]:
        """A released file, for a member of its project; raises NotFound for everybody and everything else."""
        output = self._released(actor, id_)
        ref = next((r for r in output.released if r.key.rsplit("/", 1)[-1] == name), None)
        if ref is None:
            raise NotFound("There is no released file of that name among yours.")
        data = self.kit.objects.read(ref)
        self._fetched(actor, output, {"sha256": ref.sha256})
        return ref, data

    def package(self, actor: Actor, id_: str) -> tuple[str, bytes]:
        """All of a released output as one RO-Crate (see `crate`), for a member of its project; name and zip."""
        output = self._released(actor, id_)
        files = [(r.key.rsplit("/", 1)[-1], self.kit.objects.read(r)) for r in output.released]
        receipts = {f.name: read_receipt(self._receipt(f)) or {} for f in output.files if f.charge}
        with self.kit.read() as uow:
            approvals = self._approvals(uow, output)
        at = self.kit.clock.now()
        document = metadata(output, approvals, receipts)
        data = package(
            document,
            files,
            self.lane.receipts.signer,
            downloaded_by=actor.name,
            downloaded_at=at,
            released_at=output.decided_at or output.created_at,
        )
        self._fetched(actor, output, {"package": hashlib.sha256(data).hexdigest()})
        return f"{output.reference}.zip", data

    def credentials(self, actor: Actor, id_: str, seconds: int = 900) -> TemporaryCredentials:
        """S3 credentials that read this output's released files and nothing else, for a short while."""
        output = self._released(actor, id_)
        prefix = output.released[0].key.rsplit("/", 1)[0] + "/"
        credentials = self.kit.objects.temporary_credentials(RELEASED, prefix, seconds)
        with self.kit.write() as uow:
            uow.audit(Event.CREDENTIALS_ISSUE, actor, f"output:{output.reference}", {"seconds": seconds})
            uow.commit()
        return credentials

    def recall(self, actor: Actor, reference: str, reason: str) -> OutputRequest:
        """Takes a released output back: nobody fetches it any more, and a tombstone with the reason stays in its place.

        The objects stay as long as they are locked. Whoever fetched them has them: they are asked to delete them.

        Raises:
            Invalid: no reason; NotFound: no released output of that reference.
        """
        actor.must(Capability.AIRLOCK_RECALL)
        if len(reason.strip()) < 10:
            words = "Say in a sentence why it is recalled: the sentence stands in the public register."
            raise Invalid([words], {"reason": words})
        with self.kit.write() as uow:
            output = uow.first(OutputRequest, reference=reference)
            if output is None or output.state not in {OutputState.RELEASED, OutputState.RECALLED}:
                raise NotFound("There is no released output of that reference.")
            state = OUTPUT_MACHINE.move(output.state, OutputVerb.RECALL)
            output = uow.put(replace(output, state=state))
            facts: dict[str, object] = {"reason": reason.strip(), "digests": list(output.digests)}
            uow.audit(Event.OUTPUT_RECALL, actor, f"output:{output.reference}", facts)
            project = uow.first(Project, slug=output.project)
            fetched = uow.find(
                AuditEvent, event=Event.OUTPUT_DOWNLOAD.value, subject=f"output:{output.reference}"
            )
            told = {output.author, *(project.members if project else ()), *(e.actor for e in fetched)}
            words = (
                f"Output {output.reference} was recalled: {reason.strip()} Delete every copy of it, and tell us "
                "where it was published."
            )
            for person in sorted(told):
                uow.notify(person, words, f"/airlock/{output.id}")
            uow.commit()
        return output

    def _fetched(self, actor: Actor, output: OutputRequest, facts: dict[str, object]) -> None:
        """Writes a download down; raises Refused when there were too many of this person's in the last hour."""
        with self.kit.write() as uow:
            since = self.kit.clock.now() - timedelta(hours=1)
            fetched = uow.find(AuditEvent, event=Event.OUTPUT_DOWNLOAD.value, actor=actor.name)
            recent = sum(event.at > since for event in fetched)
            decision = self.kit.require("output-download", {"downloads_last_hour": recent})
            subject = f"output:{output.reference}"
            uow.audit(Event.OUTPUT_DOWNLOAD, actor, subject, facts, [decision.cites])
            uow.commit()

    def _approvals(self, uow: UnitOfWork, output: OutputRequest) -> list[Approval]:
        """The approvals of the round in which it left; offices, not people."""
        found = []
        for review in uow.find(Review, output_id=output.id, round=output.round):
            if all(review.approves(file) for file in output.files):
                person = uow.first(Person, username=review.checker)
                office = f"Output checker, {person.organisation}" if person else "Output checker"
                found.append(Approval(office, review.cites, review.at))
        return found

    def _decide(
        self,
        uow: UnitOfWork,
        output: OutputRequest,
        copies: Sequence[tuple[OutputFile, bytes]],
        *,
        same: bool,
    ) -> tuple[Decision, list[str]]:
        """The policy on what stands now: receipts that still hold, or approvals of people who still may approve."""
        if output.state is OutputState.CLEARED:
            return self.lane.leaving(uow, output, [(data, self._receipt(file)) for file, data in copies]), []
        approvers = set()
        for review in uow.find(Review, output_id=output.id, round=output.round):
            person = uow.first(Person, username=review.checker, active=True)
            counts = all(review.approves(file) for file in output.files)
            if counts and person is not None and may_check(uow, self.kit, output, person.actor()):
                approvers.add(review.checker)
        denied = any(self.kit.decide("output-file", f.facts).outcome is Outcome.DENY for f in output.files)
        facts = {"distinct_reviewers": 0 if denied else len(approvers), "bytes_match_digest": same}
        return self.kit.decide("output-release", facts), sorted(approvers)

    def _receipt(self, file: OutputFile) -> bytes:
        return self.kit.objects.read(file.sidecar) if file.charge and file.sidecar is not None else b""

    def _give_back(self, actor: Actor, output: OutputRequest, decision: Decision) -> OutputRequest:
        with self.kit.write() as uow:
            state = OUTPUT_MACHINE.move(output.state, OutputVerb.RETURN)
            given = uow.put(replace(output, state=state, round=output.round + 1))
            uow.audit(Event.OUTPUT_RETURN, actor, f"output:{output.reference}", {}, [decision.cites])
            words = (
                f"Output {output.reference} could not leave: {' '.join(decision.refusals)} Send it in again."
            )
            uow.notify(output.author, words, f"/airlock/{output.id}")
            uow.commit()
        return given

    def _released(self, actor: Actor, id_: str) -> OutputRequest:
        with self.kit.read() as uow:
            output = uow.first(OutputRequest, id=id_)
            if (
                output is not None
                and output.state is OutputState.RECALLED
                and is_member(uow, actor, output.project)
            ):
                raise NotFound(
                    "This output was recalled and cannot be fetched. The public register says why."
                )
            if output is None or output.state is not OutputState.RELEASED:
                raise NotFound("There is no released output of that name among yours.")
            if not output.released or not is_member(uow, actor, output.project):
                raise NotFound("There is no released output of that name among yours.")
        return output
