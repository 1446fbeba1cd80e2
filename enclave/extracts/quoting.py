"""What a question would cost, both ways and before anything is spent: the error for a price, the price for an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from anonymization import dp
from enclave.budget.balance import left_of, price_in_words
from enclave.budget.questions import Priced
from enclave.budget.service import Budgets
from enclave.extracts.asking import Asking, Planned
from enclave.kernel.errors import Invalid

#: Stands for the price of a question that names a wanted error instead; it is replaced before anything is told.
_DRAFT = {"epsilon": 1.0, "rho": 0.1}


@dataclass(frozen=True, slots=True)
class Quote:
    """What a question would cost; no row was read and nothing was spent.

    Args:
        planned: the question with its price.
        priced: what the ledger says of it.
        error: how far noise moves one cell (`anonymization.dp.planning.CellError`); None where it depends on how many
            households lie behind a cell and nobody said.
    """

    planned: Planned
    priced: Priced
    error: Any

    def to_dict(self) -> dict[str, object]:
        """For a program: the question in full, its price, what is left before and after, the error of a cell."""
        expected = {
            n: v for n, v in asdict(dp.expected_error(self.planned.query)).items() if not n.startswith("_")
        }
        return {
            "query": self.planned.query.to_dict(),
            "loss": asdict(self.priced.loss),
            "paid": self.priced.paid,
            "fits": self.priced.fits,
            "because": list(self.priced.because),
            "left": left_of(self.priced.balance),
            "left_after": asdict(self.priced.left_after),
            "expected_error": expected,
            "error": None if self.error is None else asdict(self.error),
            "cells": len(self.planned.query.cells),
            "says": self.says(),
        }

    def says(self) -> str:
        """The same in sentences."""
        said = ["It is paid for already: asking costs nothing."] if self.priced.paid else []
        if not self.priced.paid:
            said.append(f"It would cost {price_in_words(self.priced.loss)}.")
        if self.error is not None:
            share = f"{self.error.confidence:.0%}"
            said.append(f"Noise moves a cell by at most {self.error.half_width:,.6g} in {share} of cases.")
        if not self.priced.fits:
            return " ".join(
                [*said, "It would not be answered.", *self.priced.because, self.priced.balance.says()]
            )
        after = self.priced.left_after
        left = [
            f"{name} {amount:.4g}"
            for name, amount in (("epsilon", after.epsilon), ("rho", after.rho))
            if amount
        ]
        return " ".join([*said, f"After it, one more question may cost {' or '.join(left) or 'nothing'}."])


def quote(
    asking: Asking, budgets: Budgets, dataset: str, wanted: Mapping[str, object], project: str
) -> Quote:
    """Prices a question and weighs it against a project's budget.

    Args:
        wanted: as `Asking.plan`; besides, `within` (a wanted half-width of the 95% interval of a cell, in the answer's
            own unit) in place of a price, and `contributions` (how many lie behind a cell, guessed by the asker), which
            the error of a mean or ratio depends on.

    Raises:
        Invalid, NotFound: as `Asking.plan`; and when no price gives the wanted error.
        OverBudget: there is no grant.
    """
    from anonymization.dp import planning  # noqa: PLC0415 - loads opendp

    given = dict(wanted)
    within, behind = _number(given, "within"), _number(given, "contributions")
    number = None if behind is None else int(behind)
    if within is not None:
        name = "rho" if given.get("mechanism") == "gaussian" else "epsilon"
        draft = asking.plan(dataset, {**given, name: given.get(name) or _DRAFT[name]})
        try:
            given[name] = getattr(planning.price_for(draft.query, within, contributions=number), name)
        except dp.QueryError as error:
            raise Invalid(list(error.problems)) from None
    planned = asking.plan(dataset, given)
    try:
        moved = planning.error_for(planned.query, contributions=number)
    except dp.QueryError:
        moved = None
    return Quote(planned, budgets.quote(planned.question, project), moved)


def _number(given: dict[str, object], name: str) -> float | None:
    value = given.pop(name, None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise Invalid([f"`{name}` is a number above 0."])
    return float(value)
