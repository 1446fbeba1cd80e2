"""Receipts of private answers: what was asked, what it cost, and the digest of exactly the bytes that were answered.

A receipt is made from its charge alone and its signature is deterministic, so the house can make it again, to the
byte, as often as it is asked. Offline, whoever has the public key can verify that an answer is what the house gave;
inside, the airlock also asks the ledger whether that charge was really paid and answered for the project at hand.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Any

from anonymization.dp.dictionary import equal_edges
from enclave.budget.model import BudgetGrant, Charge, ChargeState
from enclave.kernel.errors import IllegalMove
from enclave.kernel.kit import UnitOfWork
from enclave.kernel.signing import SIGNATURE, HouseSigner, canonical, signature_holds

SCHEMA = "registry-enclave/receipt/1"
#: A receipt is short; more is none, and is not parsed.
MOST_BYTES = 64 * 2**10
_NAMES = {
    "schema", "project", "dataset", "extract", "key", "query", "loss", "unit", "mechanism", "answer_sha256",
    "software", "at", "signed_with", SIGNATURE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Weighed:
    """One file against its receipt and the ledger.

    Args:
        facts: what the policy "private-answer" weighs.
        charge: the charge it belongs to; None when the ledger knows none.
    """

    facts: dict[str, object]
    charge: Charge | None


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes and weighs receipts."""

    signer: HouseSigner

    def of(self, charge: Charge, grant: BudgetGrant) -> dict[str, object]:
        """The receipt of an answered charge.

        Raises:
            IllegalMove: when it has no answer, or one from before answers were kept as bytes.
        """
        answer = answer_bytes(charge)
        if charge.state is not ChargeState.ANSWERED or answer is None:
            raise IllegalMove("There is no receipt for a charge whose answer is not stored. Ask again first.")
        return self.signer.signed(
            {
                "schema": SCHEMA,
                "project": grant.project,
                "dataset": charge.dataset,
                "extract": charge.extract,
                "key": charge.key,
                "query": dict(charge.query),
                "loss": loss_of_charge(charge),
                "unit": grant.unit,
                "mechanism": charge.mechanism,
                "answer_sha256": hashlib.sha256(answer).hexdigest(),
                "software": charge.software,
                "at": charge.charged_at.astimezone(UTC).isoformat(timespec="microseconds"),
                "signed_with": self.signer.public_key,
            }
        )

    def weigh(self, uow: UnitOfWork, project: str, data: bytes, receipt: bytes) -> Weighed:
        """What holds and what does not, about bytes that a project wants to take out with this receipt."""
        body = read_receipt(receipt) or {}
        grant, charge = _ledger(uow, project, str(body.get("key", "")))
        digest = hashlib.sha256(data).hexdigest()
        answer = answer_bytes(charge) if charge is not None else None
        answered = charge is not None and charge.state is ChargeState.ANSWERED and answer is not None
        again = b""
        if charge is not None and grant is not None and answered:
            again = to_bytes(self.of(charge, grant))
        facts: dict[str, object] = {
            "receipt_signed": signature_holds(body, self.signer.public_key),
            "receipt_as_issued": bool(again) and receipt == again,
            "receipt_of_this_project": body.get("project") == project,
            "charge_answered": answered,
            "bytes_match_receipt": digest == body.get("answer_sha256") and data == answer,
            "loss_as_epsilon": as_epsilon(charge) if charge is not None else 0.0,
            "chosen_digits": chosen_digits(charge.query) if charge is not None else 0,
            "file_bytes": len(data),
        }
        return Weighed(facts, charge)


def _ledger(uow: UnitOfWork, project: str, key: str) -> tuple[BudgetGrant | None, Charge | None]:
    """The project's charge of that key. The ledger says whose it is, not the receipt."""
    for charge in uow.find(Charge, key=key) if key else ():
        grant = uow.get(BudgetGrant, charge.grant_id)
        if grant.project == project:
            return grant, charge
    return None, None


def chosen_digits(query: Mapping[str, object]) -> int:
    """Significant digits of the numbers in an answer's file that whoever asked chose: the edges of bins.

    Equal bins are told by their ends. Everything else in the file is noise, or a key of the data dictionary.
    """
    bins = query.get("bins")
    edges = [float(e) for e in bins] if isinstance(bins, list | tuple) else []
    if len(edges) > 1 and edges == equal_edges(edges[0], edges[-1], len(edges) - 1):
        edges = [edges[0], edges[-1]]
    return sum(len(Decimal(repr(edge)).normalize().as_tuple().digits) for edge in edges)


def answer_bytes(charge: Charge) -> bytes | None:
    """The answer as the file that was handed out; None where there is none."""
    csv = (charge.answer or {}).get("csv")
    return csv.encode() if isinstance(csv, str) else None


def loss_of_charge(charge: Charge) -> dict[str, float]:
    """{epsilon, delta, rho} as charged."""
    return {name: float(getattr(charge, name, 0.0)) for name in ("epsilon", "delta", "rho")}


def as_epsilon(charge: Charge) -> float:
    """The price as an epsilon, for a rule that asks for a smallest price; never a statement of loss.

    A price in rho counts as the epsilon whose pure mechanism has that rho, sqrt(2 rho) (Bun and Steinke 2016,
    proposition 1.4); what a rho-zCDP release loses at some delta is more than that.
    """
    loss = loss_of_charge(charge)
    return loss["epsilon"] + math.sqrt(2 * loss["rho"])


def to_bytes(receipt: Mapping[str, object]) -> bytes:
    """A receipt as its file: canonical JSON and one line end."""
    return canonical(receipt) + b"\n"


def read_receipt(data: bytes) -> dict[str, Any] | None:
    """The body of a receipt's file; None when it is none: too long, no JSON, or other fields than a receipt has."""
    if len(data) > MOST_BYTES:
        return None
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and set(body) == _NAMES and body["schema"] == SCHEMA else None


def verify_answer(data: bytes, receipt: bytes, public_key: str) -> list[str]:
    """What is wrong with an answer and its receipt, in sentences; nothing when they hold. Needs no database.

    Args:
        public_key: the house's, from the house and not from the receipt.
    """
    body = read_receipt(receipt)
    if body is None:
        return ["The receipt is not one that this product writes."]
    faults = []
    if not signature_holds(body, public_key):
        faults.append("The signature is not that of the house whose public key was given.")
    if hashlib.sha256(data).hexdigest() != body["answer_sha256"]:
        faults.append("The file is not, byte for byte, the answer that the receipt is for.")
    if receipt != to_bytes(body):
        faults.append("The receipt was written anew: its bytes are not in the form that the house gives it.")
    return faults
