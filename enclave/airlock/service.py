"""Sending outputs in, checking them, letting them out: two people blind to each other's verdict, or a receipt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from enclave.airlock.beside import Beside
from enclave.airlock.concluding import conclude
from enclave.airlock.conflicts import is_member, may_check, must_be_inside, pool, reviewer_facts
from enclave.airlock.intake import must_be_complete
from enclave.airlock.model import (
    OUTPUT_MACHINE,
    OutputFile,
    OutputRequest,
    OutputState,
    OutputVerb,
    Review,
    Verdict,
    strictest,
)
from enclave.airlock.private import PrivateLane, is_private, titled
from enclave.airlock.quality import Quality, quality
from enclave.airlock.releasing import Releasing
from enclave.airlock.seeding import plant
from enclave.airlock.taking import Checker, Taking
from enclave.budget.receipts import Receipts
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, IllegalMove, Invalid, NotAllowed, NotFound, Refused
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.kernel.ports import ObjectRef, TemporaryCredentials
from policies import Outcome

#: Where copies of what wants to leave are kept.
WAITING = "outputs"
#: While checkers may look.
CHECKING = frozenset({OutputState.SUBMITTED, OutputState.HALF_REVIEWED})
_CHECKED = "Files that are being checked do not change. Withdraw the request, or wait for a return."


@dataclass(frozen=True, slots=True)
class Airlock:
    """Use cases about outputs.

    Args:
        work_dir: a project's workspace folder on the host.
        check: the automatic checks; they find, the policy decides.
        receipts: weighs private answers.
        values_key: the key of a dataset's identifier digests.
    """

    kit: Kit
    work_dir: Callable[[str], Path]
    check: Checker
    lock_days: int
    receipts: Receipts
    values_key: Callable[[str], bytes] | None = None
    beside: Beside = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "beside", Beside(self.kit, self.values_key))

    @property
    def releasing(self) -> Releasing:
        return Releasing(self.kit, self._lane, self.lock_days)

    @property
    def taking(self) -> Taking:
        return Taking(self.kit, self.work_dir, self.check, self._lane, self.beside, WAITING, self.lock_days)

    @property
    def _lane(self) -> PrivateLane:
        return PrivateLane(self.kit, self.receipts, WAITING)

    def create(
        self,
        actor: Actor,
        *,
        project: str,
        title: str,
        context: str,
        controls: str,
        files: tuple[str, ...],
        partial: bool = False,
    ) -> OutputRequest:
        """Copies the named files out of the workspace, checks each, and opens a draft that shows what was found."""
        actor.must(Capability.AIRLOCK_SUBMIT)
        must_be_complete(title, context, controls)
        self._inside(actor, project)
        checked = self.taking.take(project, actor.name, files)
        with self.kit.write() as uow:
            must_be_inside(uow, self.kit, actor, project)
            now = self.kit.clock.now()
            output = OutputRequest(
                id=new_id(),
                reference=f"OUT-{now.year}-{uow.number(f'output-{now.year}'):04d}",
                project=project,
                author=actor.name,
                title=title,
                context=context,
                controls=controls,
                state=OUTPUT_MACHINE.start,
                round=1,
                files=checked,
                created_at=now,
                partial=partial,
            )
            output = titled(output)
            uow.add(output)
            facts = {"files": [f.sha256 for f in checked], "passed": [f.passed for f in checked]}
            uow.audit(
                Event.OUTPUT_CREATE, actor, f"output:{output.reference}", facts, [f.cites for f in checked]
            )
            uow.commit()
        return output

    def take_again(self, actor: Actor, id_: str, files: tuple[str, ...]) -> OutputRequest:
        """Replaces a draft's files by fresh copies; whatever was said about the old bytes does not count for these."""
        with self.kit.read() as uow:
            first = self._own(uow, actor, id_)
            must_be_inside(uow, self.kit, actor, first.project)
        if first.state is not OutputState.DRAFT:
            raise IllegalMove(_CHECKED)
        checked = self.taking.take(first.project, actor.name, files)
        with self.kit.write() as uow:
            output = self._own(uow, actor, id_)
            # Copying and checking took a while: only the very draft that was read may take these files.
            if output.state is not OutputState.DRAFT:
                raise IllegalMove(_CHECKED)
            if output.version != first.version:
                raise Conflict("This output was changed meanwhile. Look at it and take the files again.")
            output = uow.put(titled(replace(output, files=checked)))
            facts = {"files": [f.sha256 for f in checked], "passed": [f.passed for f in checked]}
            uow.audit(
                Event.OUTPUT_CREATE, actor, f"output:{output.reference}", facts, [f.cites for f in checked]
            )
            uow.commit()
        return output

    def submit(self, actor: Actor, id_: str) -> OutputRequest:
        """Hands it to the checkers, or lets private answers out; raises Refused for a file that may not go on.

        The files are checked again: policies and what was released before may have changed since they were taken.
        """
        with self.kit.read() as uow:
            first = self._own(uow, actor, id_)
        may_go = first.state is OutputState.DRAFT
        checked = self.taking.again(first.id, first.project, first.files) if may_go else first.files
        with self.kit.write() as uow:
            output = self._own(uow, actor, id_)
            must_be_inside(uow, self.kit, actor, output.project)
            if output.version != first.version:
                raise Conflict("This output was changed meanwhile. Look at it and send it in again.")
            output = replace(output, files=checked)
            if is_private(output.files):
                output = self._clear(uow, actor, output)
                uow.commit()
                return self.releasing.finish(actor, output.id)
            state = OUTPUT_MACHINE.move(output.state, OutputVerb.SUBMIT)
            for file in output.files:
                decision = self.kit.decide("output-file", file.facts)
                if decision.outcome is Outcome.DENY:
                    raise Refused(decision)
            checkers = pool(uow, self.kit, output)
            if len(checkers) < 2:  # the policy output-release asks for two; an empty pool would wait for ever
                raise NotAllowed(
                    "There are fewer than two output checkers without a conflict. Ask an administrator."
                )
            output = uow.put(replace(output, state=state, submitted_at=self.kit.clock.now()))
            uow.audit(Event.OUTPUT_SUBMIT, actor, f"output:{output.reference}", {"round": output.round})
            for checker in checkers:
                uow.notify(
                    checker.username, f"Output {output.reference} waits for a check.", f"/airlock/{output.id}"
                )
            uow.commit()
        return output

    def review(
        self,
        actor: Actor,
        id_: str,
        verdict: Verdict,
        comment: str,
        *,
        seen: tuple[str, ...] | None = None,
        files: Mapping[str, Verdict] | None = None,
        notes: str = "",
    ) -> OutputRequest:
        """One checker's verdict, blind to the other's; the second one decides, and releases when both approve.

        Args:
            verdict: on all files, where `files` does not say otherwise.
            comment: what has to change, by file; the author reads it.
            seen: the digests that the checker was shown; Conflict when the files are no longer these.
            files: name of a file to the verdict on it.
            notes: for the other checkers; the author never reads them.
        """
        actor.must(Capability.AIRLOCK_CHECK)
        given = dict(files or {})
        verdict = strictest([*given.values()]) if given else verdict
        if verdict is not Verdict.APPROVE and len(comment.strip()) < 10:
            raise Invalid(
                ["Say in a sentence what has to change."],
                {"comment": "Say in a sentence what has to change."},
            )
        with self.kit.write() as uow:
            output = uow.get(OutputRequest, id_)
            earlier = self._reviews(uow, output)
            if seen is not None and tuple(sorted(seen)) != output.digests:
                raise Conflict(
                    "The files have changed since you saw them. Look at them again before you decide."
                )
            if given and set(given) != {f.name for f in output.files}:
                words = "Give a verdict on each of the files."
                raise Invalid([words], {"verdict": words})
            if actor.name in {r.checker for r in earlier}:
                raise NotAllowed(
                    "You have given your verdict in this round. Another checker gives the second one."
                )
            decision = self.kit.require("output-review", reviewer_facts(uow, output, actor))
            verb = OutputVerb.SECOND_REVIEW if earlier else OutputVerb.FIRST_REVIEW
            output = replace(output, state=OUTPUT_MACHINE.move(output.state, verb))
            now = self.kit.clock.now()
            review = Review(
                new_id(),
                output.id,
                output.round,
                actor.name,
                verdict,
                comment,
                output.digests,
                decision.cites,
                now,
                {name: each.value for name, each in given.items()},
                notes.strip(),
            )
            uow.add(review)
            subject = f"output:{output.reference}"
            uow.audit(
                Event.OUTPUT_REVIEW, actor, subject, {"round": output.round, "digests": list(output.digests)}
            )
            if earlier:
                output = conclude(self.kit, uow, actor, output, (*earlier, review))
            output = uow.put(output)
            uow.commit()
        # The worker would do it too; doing it here spares a wait, and a crash in between loses nothing.
        return self.releasing.finish(actor, output.id) if output.state is OutputState.REVIEWED else output

    def withdraw(self, actor: Actor, id_: str) -> OutputRequest:
        with self.kit.write() as uow:
            output = self._own(uow, actor, id_)
            output = uow.put(replace(output, state=OUTPUT_MACHINE.move(output.state, OutputVerb.WITHDRAW)))
            uow.audit(Event.OUTPUT_WITHDRAW, actor, f"output:{output.reference}")
            uow.commit()
        return output

    def read(self, actor: Actor, id_: str) -> OutputRequest:
        """For members of the project and for checkers without a conflict; for others it does not exist."""
        with self.kit.read() as uow:
            output = uow.get(OutputRequest, id_)
            if is_member(uow, actor, output.project) and not output.seeded:
                return output
            if output.state is not OutputState.DRAFT and may_check(uow, self.kit, output, actor):
                return output
        raise NotFound("There is no such output request among yours.")

    def of_project(self, actor: Actor, project: str) -> list[OutputRequest]:
        self._member(actor, project)
        with self.kit.read() as uow:
            return uow.find(OutputRequest, project=project, seeded="")

    def queue(self, actor: Actor) -> list[OutputRequest]:
        """What waits for this checker: not their own, not conflicted, not yet reviewed by them in this round."""
        actor.must(Capability.AIRLOCK_CHECK)
        with self.kit.read() as uow:
            waiting = uow.find(
                OutputRequest, state=[OutputState.SUBMITTED.value, OutputState.HALF_REVIEWED.value]
            )
            return [
                o
                for o in waiting
                if may_check(uow, self.kit, o, actor)
                and actor.name not in {r.checker for r in self._reviews(uow, o)}
            ]

    def reviews(self, actor: Actor, id_: str) -> list[Review]:
        """Verdicts, once they may be seen: checkers see only their own until both are in; notes only checkers."""
        output = self.read(actor, id_)
        with self.kit.read() as uow:
            reviews = uow.find(Review, output_id=id_)
            checker = may_check(uow, self.kit, output, actor)
        decided = output.state in {
            OutputState.RELEASED,
            OutputState.RECALLED,
            OutputState.REFUSED,
            OutputState.WITHDRAWN,
        }
        seen = [
            r for r in reviews if r.round < output.round or decided or (checker and r.checker == actor.name)
        ]
        # Notes are among checkers; who wrote the output never reads them.
        return seen if checker else [replace(r, notes="") for r in seen]

    def preview(self, actor: Actor, id_: str, name: str) -> tuple[OutputFile, bytes]:
        """A file's bytes for a checker without a conflict, while it is being checked; each look is written down."""
        file = self._shown(actor, id_, name)
        return file, self.kit.objects.read(file.stored)

    def description(self, actor: Actor, id_: str, name: str) -> bytes:
        """What its author declared about a file (the .sdc.json beside it), as `preview`; empty where there is none."""
        file = self._shown(actor, id_, name)
        return self.kit.objects.read(file.sidecar) if file.sidecar is not None else b""

    def download(self, actor: Actor, id_: str, name: str) -> tuple[ObjectRef, bytes]:
        """See `Releasing.download`."""
        return self.releasing.download(actor, id_, name)

    def package(self, actor: Actor, id_: str) -> tuple[str, bytes]:
        """See `Releasing.package`."""
        return self.releasing.package(actor, id_)

    def seed(self, actor: Actor, name: str) -> OutputRequest:
        """See `seeding.plant`."""
        return plant(self.kit, self.check, WAITING, self.lock_days, actor, name)

    def quality(self, actor: Actor, days: int = 90) -> Quality:
        """See `quality.quality`."""
        return quality(self.kit, actor, days)

    def recall(self, actor: Actor, reference: str, reason: str) -> OutputRequest:
        """See `Releasing.recall`."""
        return self.releasing.recall(actor, reference, reason)

    def credentials(self, actor: Actor, id_: str, seconds: int = 900) -> TemporaryCredentials:
        """See `Releasing.credentials`."""
        return self.releasing.credentials(actor, id_, seconds)

    # How the steps above are made.

    def _clear(self, uow: UnitOfWork, actor: Actor, output: OutputRequest) -> OutputRequest:
        """Private answers need nobody: what their receipts say is weighed again as they leave (see `Releasing`)."""
        state = OUTPUT_MACHINE.move(output.state, OutputVerb.CLEAR)
        output = uow.put(replace(output, state=state, submitted_at=self.kit.clock.now()))
        facts = {"round": output.round, "charges": [f.charge for f in output.files]}
        cites = [f.cites for f in output.files]
        uow.audit(Event.OUTPUT_SUBMIT, actor, f"output:{output.reference}", facts, cites)
        uow.later("release_output", {"output": output.id}, key=f"release:{output.id}:{output.round}")
        return output

    def _shown(self, actor: Actor, id_: str, name: str) -> OutputFile:
        actor.must(Capability.AIRLOCK_CHECK)
        with self.kit.write() as uow:
            output = uow.get(OutputRequest, id_)
            self.kit.require("output-review", reviewer_facts(uow, output, actor))
            file = _named(output, name)
            if output.state not in CHECKING or not file.passed:
                raise NotFound("This file is not waiting for a check.")
            uow.audit(Event.OUTPUT_PREVIEW, actor, f"output:{output.reference}", {"sha256": file.sha256})
            uow.commit()
        return file

    def _reviews(self, uow: UnitOfWork, output: OutputRequest) -> tuple[Review, ...]:
        return tuple(uow.find(Review, output_id=output.id, round=output.round))

    def _inside(self, actor: Actor, slug: str) -> None:
        with self.kit.read() as uow:
            must_be_inside(uow, self.kit, actor, slug)

    def _member(self, actor: Actor, slug: str) -> None:
        with self.kit.read() as uow:
            if not is_member(uow, actor, slug):
                raise NotFound("There is no such project among yours.")

    def _own(self, uow: UnitOfWork, actor: Actor, id_: str) -> OutputRequest:
        actor.must(Capability.AIRLOCK_SUBMIT)
        output = uow.get(OutputRequest, id_)
        if output.author != actor.name or output.seeded:
            raise NotFound("There is no such output request among yours.")
        return output


def _named(output: OutputRequest, name: str) -> OutputFile:
    file = next((f for f in output.files if f.name == name), None)
    if file is None:
        raise NotFound("There is no file of that name in this output request.")
    return file
