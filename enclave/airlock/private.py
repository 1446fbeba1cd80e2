"""The airlock's short lane: a private answer with its receipt leaves without output checkers.

What is weighed is the file itself, its receipt and the ledger, by the policy "private-answer": when it is sent in, and
again when it leaves. Nothing that the author chooses leaves with it: the file's name and the output's title are the
house's, made from the answer itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from enclave.airlock.conflicts import is_member
from enclave.airlock.intake import Copied
from enclave.airlock.model import OutputFile, OutputRequest
from enclave.budget.model import Charge
from enclave.budget.receipts import Receipts, answer_bytes
from enclave.kernel.errors import Invalid
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.projects.model import Person, Project
from enclave.requests.entitlements import live
from policies import Decision

_MIXED = (
    "Private answers leave without a check and other files only after one. Send the private answers in with a request "
    "of their own, and the other files with another."
)


@dataclass(frozen=True, slots=True)
class PrivateLane:
    """Weighs private answers.

    Args:
        bucket: where copies of what wants to leave are kept.
    """

    kit: Kit
    receipts: Receipts
    bucket: str

    def weigh(
        self, uow: UnitOfWork, project: str, author: str, data: bytes, receipt: bytes
    ) -> tuple[Decision, Charge | None]:
        """The policy on one file, and the charge that it is the answer to."""
        weighed = self.receipts.weigh(uow, project, data, receipt)
        facts = {**weighed.facts, "author_has_access": self._has_access(uow, project, author)}
        return self.kit.decide("private-answer", facts), weighed.charge

    def admitted(
        self, project: str, author: str, copied: Copied, until: datetime
    ) -> OutputFile | Decision | None:
        """The file, ready to leave; the decision against it; None where there is no receipt beside it."""
        if copied.receipt is None:
            return None
        with self.kit.read() as uow:
            decision, charge = self.weigh(uow, project, author, copied.data, copied.receipt)
        if not decision.allowed or charge is None:
            return decision
        name = answer_name(charge)
        base = f"{project}/{hashlib.sha256(copied.data).hexdigest()[:16]}"
        stored = self.kit.objects.put(
            self.bucket, f"{base}/{name}", copied.data, media_type="csv", retain_until=until
        )
        receipt = self.kit.objects.put(
            self.bucket,
            f"{base}/{name.removesuffix('.csv')}.receipt.json",
            copied.receipt,
            media_type="application/json",
            retain_until=until,
        )
        return OutputFile(
            name=name,
            sha256=stored.sha256,
            size=stored.size,
            media_type="csv",
            stored=stored,
            sidecar=receipt,
            findings=(),
            facts={},
            passed=True,
            refusals=(),
            cites=decision.cites,
            charge=charge.id,
        )

    def leaving(
        self, uow: UnitOfWork, output: OutputRequest, copies: Sequence[tuple[bytes, bytes]]
    ) -> Decision:
        """The strictest decision on all of an output's files as they stand in the store, each with its receipt."""
        decisions = [self.weigh(uow, output.project, output.author, *copy)[0] for copy in copies]
        return next((d for d in decisions if not d.allowed), decisions[0])

    def _has_access(self, uow: UnitOfWork, slug: str, username: str) -> bool:
        project, person = uow.first(Project, slug=slug), uow.first(Person, username=username, active=True)
        if project is None or person is None or not is_member(uow, person.actor(), slug):
            return False
        return bool(live(uow, project, person, self.kit.clock.today()))


def answer_name(charge: Charge) -> str:
    """The name under which an answer leaves: the house's, from the answer's digest.

    Noise made that digest and nobody chose it; the charge's key, a digest of the question, could be searched for.
    """
    return (
        f"private-answer-{charge.dataset}-{hashlib.sha256(answer_bytes(charge) or b'').hexdigest()[:16]}.csv"
    )


def finding(decision: Decision) -> dict[str, str]:
    """Why a file with a receipt goes the long way."""
    sentence = (
        f"The receipt beside this file does not let it leave without a check. {' '.join(decision.refusals)}"
    )
    return {"rule": "private-answer", "place": "", "severity": "look", "sentence": sentence}


def is_private(files: Sequence[OutputFile]) -> bool:
    """Whether every one of an output's files is a private answer.

    Raises:
        Invalid: when some are and some are not, or one answer is there twice.
    """
    private = [f for f in files if f.charge]
    if private and len(private) != len(files):
        raise Invalid([_MIXED], {"files": _MIXED})
    if len({f.charge for f in private}) != len(private):
        twice = "The same answer is named twice. Name one file of it."
        raise Invalid([twice], {"files": twice})
    return bool(private)


def titled(output: OutputRequest) -> OutputRequest:
    """The output under the house's title, when it leaves unread: the title stands in the public register."""
    if not is_private(output.files):
        return output
    digests = ", ".join(f.sha256[:16] for f in output.files)
    return replace(output, title=f"Differentially private answers: {digests}")
