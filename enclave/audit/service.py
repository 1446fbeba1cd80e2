"""Reading, exporting, anchoring and verifying the audit log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from enclave.audit.model import GENESIS, AuditEvent, canonical, verify_chain
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Invalid
from enclave.kernel.kit import Kit
from enclave.kernel.ports import ObjectRef

#: Anchors are kept under an object lock, where not even the database's administrator can rewrite them.
ANCHORS = "anchors"
#: (sequence, digest)
Anchor = tuple[int, str]
_NAME = re.compile(r"audit/([0-9]{1,18})-([0-9a-f]{64})\.json")


@dataclass(frozen=True, slots=True)
class Audit:
    """Use cases about the log.

    Args:
        lock_days: for how long an anchor cannot be deleted.
    """

    kit: Kit
    lock_days: int

    def events(self, actor: Actor, **where: object) -> list[AuditEvent]:
        """Events in order, filtered by actor, event or subject."""
        actor.must(Capability.AUDIT_READ)
        with self.kit.read() as uow:
            return uow.find(AuditEvent, **where)

    def verify(self, *, with_anchors: bool = True) -> list[str]:
        """What is wrong with the log; an empty list means that it holds, and agrees with every locked anchor.

        Args:
            with_anchors: also ask the object store, where not even the database's administrator can rewrite.
        """
        with self.kit.read() as uow:
            events = uow.find(AuditEvent)
        faults = verify_chain(events)
        if with_anchors:
            anchors, odd = self._anchors()
            faults += compare(events, anchors)
            faults += [
                f"In the bucket {ANCHORS} lies an object that is no anchor ({name[:80]!r}); find out who put it there."
                for name in odd
            ]
        return faults

    def anchors(self, actor: Actor) -> list[dict[str, object]]:
        """Every locked anchor as {sequence, digest}, to go with an exported log."""
        actor.must(Capability.AUDIT_READ)
        return [{"sequence": number, "digest": digest} for number, digest in self._anchors()[0]]

    def _anchors(self) -> tuple[list[Anchor], list[str]]:
        """Every anchor, and the names that are none. An anchor's name says it all, and the lock keeps the name."""
        anchors: list[Anchor] = []
        odd: list[str] = []
        for name in dict.fromkeys(item.key for item in self.kit.objects.list(ANCHORS)):
            if found := _NAME.fullmatch(name):
                anchors.append((int(found[1]), found[2]))
            else:
                odd.append(name)
        return anchors, odd

    def exported(self, actor: Actor) -> str:
        """The log as JSON lines, one event a line, for `verify_file` on another machine."""
        lines = (
            json.dumps({**json.loads(canonical(e)), "digest": e.digest}, ensure_ascii=False)
            for e in self.events(actor)
        )
        return "".join(line + "\n" for line in lines)

    def anchor(self) -> ObjectRef | None:
        """Puts the head of the chain under an object lock; None when nothing happened since the last time."""
        with self.kit.read() as uow:
            head = uow.last(AuditEvent)
        if head is None or (head.sequence, head.digest) in self._anchors()[0]:
            return None
        body = json.dumps(
            {"sequence": head.sequence, "digest": head.digest, "at": head.at.isoformat()}
        ).encode()
        until = self.kit.clock.now() + timedelta(days=self.lock_days)
        key = f"audit/{head.sequence:012d}-{head.digest}.json"
        return self.kit.objects.put(ANCHORS, key, body, media_type="application/json", retain_until=until)


def compare(events: Iterable[AuditEvent], anchors: Iterable[Anchor]) -> list[str]:
    """Where the log does not agree with the anchors, one sentence each."""
    digests = {event.sequence: event.digest for event in events}
    return [
        f"The log does not agree with the locked anchor at event {sequence}: it was rewritten or cut short."
        for sequence, digest in anchors
        if digests.get(sequence) != digest
    ]


def anchors_beside(path: Path) -> Path | None:
    """The anchors that were exported with a log; None where there are none."""
    beside = path.with_name(path.name + ".anchors.json")
    return beside if beside.is_file() else None


def read_anchors(path: Path) -> list[Anchor]:
    """Exported anchors.

    Raises:
        Invalid: when the file is not such an export.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        anchors = [(int(row["sequence"]), str(row["digest"])) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(
            ["The file of anchors is not one that `enclave audit export` writes. Export it again."]
        ) from error
    return anchors


def verify_file(path: Path, anchors: Path | None = None) -> list[str]:
    """Verifies an exported log offline: no database, no product, only the files.

    A log that was forged and chained anew is consistent in itself; only the anchors tell.

    Args:
        anchors: the anchors, best from another hand than the log; else those beside the log, if there are any.

    Raises:
        Invalid: when a file is not such an export.
    """
    events = list(_read(path))
    beside = anchors or anchors_beside(path)
    return verify_chain(events, after=(0, GENESIS)) + compare(events, read_anchors(beside) if beside else ())


def _read(path: Path) -> Iterator[AuditEvent]:
    from datetime import datetime  # noqa: PLC0415 - the one use

    # Not splitlines(): a JSON string may hold separators that it would split at.
    for number, line in enumerate(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"), 1):
        if not line and number == 1:
            return
        try:
            row = json.loads(line)
            row["at"] = datetime.fromisoformat(row["at"])
            row["cites"] = tuple(row["cites"])
            yield AuditEvent(**row)
        except (ValueError, KeyError, TypeError) as error:
            raise Invalid(
                [f"Line {number} is not an event of an exported audit log. Export the log again."]
            ) from error
