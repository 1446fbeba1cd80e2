"""The private synthesizer's claim: fitted again and again on a table with and without one household."""

from __future__ import annotations

import copy
import time

import pandas as pd

from anonymization.schema import FieldType
from anonymization.synth.private import PrivateTree
from anonymization.synth.public import PublicDomain

from .claims import claims
from .events import audit_answers
from .running import Finding

NAME = "private synthesis (MST)"

_CODES = {name: PublicDomain(codes=("a", "b"), missing=False) for name in ("x", "y", "z")}
_ORDINARY = {"household_id": "", "x": "a", "y": "a", "z": "a"}


class _Open(PrivateTree):
    """Shows what it learnt."""

    def counts(self) -> dict[str, float]:
        """Every noisy count by its place; the pairs that were picked differ from fit to fit."""
        learnt = self._measured
        if learnt is None:
            return {}
        single = {f"{i}={k}": float(n) for i, one in enumerate(learnt.one) for k, n in enumerate(one)}
        pairs = {
            f"{edge}={place}": float(n)
            for edge, two in learnt.two.items()
            for place, n in enumerate(two.ravel())
        }
        return single | pairs


def audit_mst(*, runs: int, confidence: float, epsilon: float = 1.0, delta: float = 1e-6) -> Finding:
    """Audit a fit and a draw.

    What is looked at is every noisy count that the fit keeps, of which the released table is made, and the table's
    own rows of the household that was taken away: nobody outside sees as much.

    Args:
        runs: fits on each table.
        confidence: of the bound.
        epsilon, delta: the price that is claimed.
    """
    began = time.process_time()
    synthesizer = _Open(
        dict.fromkeys(_CODES, FieldType.STRING), _CODES, epsilon, delta, unit_id="household_id"
    )
    claimed = synthesizer.loss
    others = [{**_ORDINARY, "household_id": f"h{i}"} for i in range(20)]
    # Nine rows, of which one may count.
    worst = [dict.fromkeys(_CODES, "b") | {"household_id": "worst"}] * 9
    sides = [
        pd.DataFrame([_shown(synthesizer, table) for _ in range(runs)])
        for table in (pd.DataFrame([*others, *worst]), pd.DataFrame(others))
    ]
    found = audit_answers(*sides, claims=claims(claimed), confidence=confidence)
    return Finding(NAME, claimed, None, found, time.process_time() - began)


def _shown(synthesizer: _Open, table: pd.DataFrame) -> dict[str, float]:
    made = copy.copy(synthesizer)  # calibrated already, which reads no row; fitted once
    made.fit(table)
    out = {f"count {place}": n for place, n in made.counts().items()}
    drawn = made.sample(20, 1)
    return out | {"rows drawn": float((drawn == "b").all(axis=1).sum()), "households": float(made.households)}
