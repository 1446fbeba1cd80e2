"""A private query as the ledger sees it, and what it would cost."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from anonymization.dp import Loss
from anonymization.dp.grants import Room
from enclave.budget.balance import Balance


@dataclass(frozen=True, slots=True)
class Question:
    """A private query as the ledger sees it.

    Args:
        canonical: the query's canonical bytes; with the extract's id they are its identity.
        query: the same as data, so that the loss can be recomputed.
        loss: from the measurement's own map, known before any data are read.
    """

    dataset: str
    extract: str
    canonical: bytes
    query: Mapping[str, object]
    loss: Loss
    unit: str
    mechanism: str
    software: str

    @property
    def key(self) -> str:
        return hashlib.sha256(self.extract.encode() + b"\0" + self.canonical).hexdigest()

    @property
    def epsilon(self) -> float:
        return self.loss.epsilon

    @property
    def delta(self) -> float:
        return self.loss.delta

    @property
    def rho(self) -> float:
        return self.loss.rho


@dataclass(frozen=True, slots=True)
class Priced:
    """What a question would cost; nothing was spent and no row was read.

    Args:
        loss: what the measurement's map says.
        paid: whether this very question is charged already, so that asking costs nothing more.
        fits: whether it would be answered now.
        because: why not, in sentences; empty where it fits.
        balance: before the question.
        left_after: what the grant would have left after it; the same as now where it is paid or does not fit.
    """

    loss: Loss
    paid: bool
    fits: bool
    because: tuple[str, ...]
    balance: Balance
    left_after: Room
