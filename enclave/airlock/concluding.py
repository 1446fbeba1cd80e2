"""What two verdicts come to: all of it leaves, a part of it, or nothing yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

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
from enclave.airlock.seeding import revealed
from enclave.kernel.actors import Actor
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork


def conclude(
    kit: Kit, uow: UnitOfWork, actor: Actor, output: OutputRequest, reviews: Sequence[Review]
) -> OutputRequest:
    """The output after both verdicts. Approved, it stays reviewed until its bytes are out (see `releasing`).

    A test output ends here, whatever they said. Where its author said that a part may leave before the rest, what
    both approved goes on, and the other files become a request of their own: a draft to be changed, or refused.
    """
    if output.seeded:
        revealed(uow, output, reviews)
        uow.audit(Event.OUTPUT_REFUSE, actor, f"output:{output.reference}", {"round": output.round})
        state = OUTPUT_MACHINE.move(output.state, OutputVerb.REFUSE)
        return replace(output, state=state, decided_at=kit.clock.now())
    approved = [f for f in output.files if all(r.approves(f) for r in reviews)]
    others = [f for f in output.files if f not in approved]
    if approved and others and output.partial:
        rest = _rest(uow, kit.clock.now(), output, others, reviews)
        uow.add(rest)
        # Written down under both: nobody has to guess where the other files went.
        facts: dict[str, object] = {"round": output.round, "split": rest.reference}
        uow.audit(Event.OUTPUT_RETURN, actor, f"output:{output.reference}", facts)
        words = f"Some files of output {output.reference} leave; the others are now {rest.reference}."
        uow.notify(output.author, words, f"/airlock/{rest.id}")
        output, others = replace(output, files=tuple(approved)), []
    if not others:
        uow.later("release_output", {"output": output.id}, key=f"release:{output.id}:{output.round}")
        return output
    if strictest(r.verdict for r in reviews) is Verdict.REFUSE:
        words, event = "is refused", Event.OUTPUT_REFUSE
        state = OUTPUT_MACHINE.move(output.state, OutputVerb.REFUSE)
        moved = replace(output, state=state, decided_at=kit.clock.now())
    else:
        words, event = "needs changes", Event.OUTPUT_RETURN
        state = OUTPUT_MACHINE.move(output.state, OutputVerb.RETURN)
        moved = replace(output, state=state, round=output.round + 1)
    uow.audit(event, actor, f"output:{output.reference}", {"round": output.round})
    uow.notify(output.author, f"Output {output.reference} {words}.", f"/airlock/{output.id}")
    return moved


def _rest(
    uow: UnitOfWork,
    now: datetime,
    output: OutputRequest,
    files: Sequence[OutputFile],
    reviews: Sequence[Review],
) -> OutputRequest:
    refused = strictest(r.of(f) for r in reviews for f in files) is Verdict.REFUSE
    return replace(
        output,
        id=new_id(),
        reference=f"OUT-{now.year}-{uow.number(f'output-{now.year}'):04d}",
        state=OutputState.REFUSED if refused else OUTPUT_MACHINE.start,
        round=1,
        files=tuple(files),
        created_at=now,
        submitted_at=None,
        decided_at=now if refused else None,
        split_from=output.reference,
        version=1,
    )
