"""The ledger: grants, raises and charges. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from anonymization.dp import Accounting, Limit, Loss
from enclave.kernel.machine import Machine


class ChargeState(StrEnum):
    CHARGED = "charged"  # the loss is spent; noise may have been drawn
    ANSWERED = "answered"


class ChargeVerb(StrEnum):
    ANSWER = "answer"


CHARGE_MACHINE: Machine[ChargeState, ChargeVerb] = Machine(
    name="charge",
    start=ChargeState.CHARGED,
    moves={(ChargeState.CHARGED, ChargeVerb.ANSWER): ChargeState.ANSWERED},
)


@dataclass(frozen=True, slots=True)
class BudgetGrant:
    """How much privacy loss a project (or, with an empty project, the dataset's own tables) may spend.

    Never changed; a `BudgetRaise` adds to it.

    Args:
        epsilon, delta, rho: as granted, in the accounting's own currency.
        unit: the privacy unit, "household".
        accounting: how charges are added up; see `anonymization.dp.total`.
    """

    id: str
    dataset: str
    project: str
    epsilon: float
    delta: float
    unit: str
    granted_by: str
    granted_at: datetime
    version: int = 1
    accounting: Accounting = Accounting.PURE
    rho: float = 0.0

    @property
    def limit(self) -> Limit:
        """As granted, before any raise."""
        return Limit(self.accounting, self.epsilon, self.delta, self.rho)


@dataclass(frozen=True, slots=True)
class BudgetRaise:
    """A larger limit for a grant, from now on; a row of its own, so that the ledger says what was allowed when.

    Args:
        number: 1 for the first raise of a grant.
        epsilon, delta, rho: the whole new limit, not what is added.
    """

    id: str
    grant_id: str
    number: int
    accounting: Accounting
    epsilon: float
    delta: float
    rho: float
    reason: str
    raised_by: str
    raised_at: datetime

    @property
    def limit(self) -> Limit:
        return Limit(self.accounting, self.epsilon, self.delta, self.rho)


@dataclass(frozen=True, slots=True)
class Charge:
    """One spend. Written before noise is drawn, never removed; the answer is added afterwards under the same key.

    Args:
        key: SHA-256 of the canonical query and the extract that it asks; the same question is never paid twice.
        query: the query as data, so that an auditor can recompute the loss.
        epsilon, delta, rho: what the measurement's own map said, unconverted.
        accounting: how the grant that pays added up when this was charged.
    """

    id: str
    grant_id: str
    dataset: str
    extract: str
    key: str
    query: Mapping[str, object]
    epsilon: float
    delta: float
    mechanism: str
    software: str
    state: ChargeState
    charged_by: str
    charged_at: datetime
    answer: Mapping[str, object] | None = None
    version: int = 1
    rho: float = 0.0
    accounting: Accounting = Accounting.PURE

    @property
    def loss(self) -> Loss:
        return Loss(self.epsilon, self.delta, self.rho)
