"""Stored answers brought to agree with each other; post-processing, so it spends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from anonymization.dp import DpQuery, QueryError
from enclave.budget.model import Charge
from enclave.kernel.errors import Invalid


def reconciled(charges: Sequence[Charge]) -> list[dict[str, object]]:
    """Rows of each answer with a column `consistent`, in the order of the charges.

    Raises:
        Invalid: when they are not tables of one thing of which one holds all the groupings.
    """
    from anonymization.dp.consistency import Released, consistent  # noqa: PLC0415 - scipy is loaded late

    try:
        released = [Released(DpQuery.from_dict(dict(c.query)), _frame(c)) for c in charges]
        frames = consistent(released)
    except QueryError as error:
        raise Invalid(list(error.problems)) from None
    return [
        {"key": c.key, "rows": _rows(c, f["consistent"].tolist())}
        for c, f in zip(charges, frames, strict=True)
    ]


def _frame(charge: Charge) -> pd.DataFrame:
    return pd.DataFrame(_stored(charge))


def _stored(charge: Charge) -> list[dict[str, Any]]:
    rows: Any = (charge.answer or {}).get("rows", [])
    return [dict(row) for row in rows]


def _rows(charge: Charge, consistent: list[float]) -> list[dict[str, Any]]:
    """The rows as they were given, each with its number to the last bit: rounded ones would no longer add up."""
    return [row | {"consistent": number} for row, number in zip(_stored(charge), consistent, strict=True)]
