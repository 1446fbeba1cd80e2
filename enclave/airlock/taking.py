"""Taking files into the airlock: copied once, checked, weighed by policy, and kept under their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from anonymization.disclosure import ReleasedTable, counted_cells
from enclave.airlock.beside import Beside, Own
from enclave.airlock.intake import Copied, copy_out
from enclave.airlock.model import OutputFile
from enclave.airlock.private import PrivateLane, finding, is_private
from enclave.kernel.kit import Kit
from policies import Decision, Outcome


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the automatic checks say of one file (see `anonymization.disclosure`)."""

    media_type: str
    facts: dict[str, object]
    findings: tuple[dict[str, str], ...]


#: (name, bytes, description or None, minimum count, tables released before, own identifiers) to the result.
Checker = Callable[[str, bytes, bytes | None, int, Sequence[ReleasedTable], Own | None], CheckResult]


@dataclass(frozen=True, slots=True)
class Taking:
    """The way in.

    Args:
        work_dir: a project's workspace folder on the host.
        check: the automatic checks; they find, the policy decides.
        lane: weighs private answers.
        beside: what was released before.
        waiting: the bucket where copies of what wants to leave are kept.
        lock_days: for how long they cannot be deleted.
    """

    kit: Kit
    work_dir: Callable[[str], Path]
    check: Checker
    lane: PrivateLane
    beside: Beside
    waiting: str
    lock_days: int

    def take(self, project: str, author: str, names: tuple[str, ...]) -> tuple[OutputFile, ...]:
        """Copies of the named files of a workspace, each checked; raises Invalid for a name or a mixture."""
        copies = copy_out(self.work_dir(project), names)
        earlier, own_values = list(self.beside.of(project)), self.beside.own_values(project)
        taken = []
        for copied in copies:
            taken.append(self._checked(project, author, copied, earlier, own_values))
            # Files that leave together can be subtracted from each other too.
            own = counted_cells(copied.name, copied.data, copied.sidecar)
            earlier += [own] if own is not None else []
        is_private(tuple(taken))  # raises for a mixture
        return tuple(taken)

    def again(self, output_id: str, project: str, files: tuple[OutputFile, ...]) -> tuple[OutputFile, ...]:
        """The same copies, checked again as the policy and the releases are by now."""
        earlier, own_values = list(self.beside.of(project, but=output_id)), self.beside.own_values(project)
        taken = []
        for file in files:
            data = self.kit.objects.read(file.stored)
            sidecar = self.kit.objects.read(file.sidecar) if file.sidecar is not None else None
            taken.append(file if file.charge else self._weighed(file, data, sidecar, earlier, own_values))
            own = counted_cells(file.name, data, sidecar)
            earlier += [own] if own is not None else []
        return tuple(taken)

    def _checked(
        self, project: str, author: str, copied: Copied, earlier: Sequence[ReleasedTable], own: Own | None
    ) -> OutputFile:
        until = self.kit.clock.now() + timedelta(days=self.lock_days)
        private = self.lane.admitted(project, author, copied, until)
        if isinstance(private, OutputFile):
            return private
        result, decision = self._judge(copied.name, copied.data, copied.sidecar, earlier, own)
        digest = hashlib.sha256(copied.data).hexdigest()
        base = f"{project}/{digest[:16]}"
        stored = self.kit.objects.put(
            self.waiting,
            f"{base}/{copied.name}",
            copied.data,
            media_type=result.media_type,
            retain_until=until,
        )
        sidecar = None
        if copied.sidecar is not None:
            key = f"{base}/{Path(copied.name).stem}.sdc.json"
            sidecar = self.kit.objects.put(
                self.waiting, key, copied.sidecar, media_type="application/json", retain_until=until
            )
        return OutputFile(
            name=copied.name,
            sha256=digest,
            size=len(copied.data),
            media_type=result.media_type,
            stored=stored,
            sidecar=sidecar,
            findings=(*result.findings, *([finding(private)] if private is not None else [])),
            facts=result.facts,
            passed=decision.outcome is not Outcome.DENY,
            refusals=decision.refusals,
            cites=decision.cites,
        )

    def _weighed(
        self,
        file: OutputFile,
        data: bytes,
        sidecar: bytes | None,
        earlier: Sequence[ReleasedTable],
        own: Own | None,
    ) -> OutputFile:
        result, decision = self._judge(file.name, data, sidecar, earlier, own)
        lane = tuple(f for f in file.findings if f["rule"] == "private-answer")
        return replace(
            file,
            findings=(*result.findings, *lane),
            facts=result.facts,
            passed=decision.outcome is not Outcome.DENY,
            refusals=decision.refusals,
            cites=decision.cites,
        )

    def _judge(
        self, name: str, data: bytes, sidecar: bytes | None, earlier: Sequence[ReleasedTable], own: Own | None
    ) -> tuple[CheckResult, Decision]:
        on = self.kit.clock.today()
        threshold = int(
            str(self.kit.policies.parameter("output-file", "minimum-cell-count", "threshold", on))
        )
        result = self.check(name, data, sidecar, threshold, earlier, own)
        return result, self.kit.decide("output-file", result.facts)
