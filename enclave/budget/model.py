"""The ledger: grants and charges, and what is left. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

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

    Args:
        epsilon, delta: pure or approximate DP, composed by addition; an upper bound on the real loss.
        unit: the privacy unit, "household" or "person".
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


@dataclass(frozen=True, slots=True)
class Charge:
    """One spend. Written before noise is drawn, never removed; the answer is added afterwards under the same key.

    Args:
        key: SHA-256 of the canonical query and the extract that it asks; the same question is never paid twice.
        query: the query as data, so that an auditor can recompute the loss.
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


def spent(charges: Iterable[Charge]) -> tuple[float, float]:
    """(epsilon, delta) of all charges by basic composition (Dwork and Roth 2014, theorem 3.16).

    Added up as the decimal numbers that were agreed on: forty times 0.1 is 4, which binary addition would miss.
    """
    epsilon = delta = Decimal(0)
    for charge in charges:
        epsilon += Decimal(repr(charge.epsilon))
        delta += Decimal(repr(charge.delta))
    return float(epsilon), float(delta)


def plus(one: float, other: float) -> float:
    """The sum of two losses, in decimal."""
    return float(Decimal(repr(one)) + Decimal(repr(other)))
