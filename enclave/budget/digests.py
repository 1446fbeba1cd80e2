"""What rows of the ledger and answers were, as digests for the audit log: whoever changes one later is found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from enclave.budget.model import BudgetGrant, BudgetRaise, Charge

_LATER = ("state", "answer", "version")


def charge_digest(charge: Charge) -> str:
    """SHA-256 over everything of a charge that never changes, as read back from the database."""
    return _digest({name: value for name, value in asdict(charge).items() if name not in _LATER})


def answer_digest(charge: Charge) -> str:
    """SHA-256 over the answer, as read back from the database."""
    return _digest(charge.answer)


def grant_digest(row: BudgetGrant | BudgetRaise) -> str:
    """SHA-256 over a grant or a raise, as read back from the database."""
    return _digest(asdict(row))


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
