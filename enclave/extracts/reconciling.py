"""Stored answers brought to agree with each other; post-processing, so it spends nothing."""

from __future__ import annotations

import json
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
        released = [
            Released(DpQuery.from_dict(dict(c.query)), pd.DataFrame((c.answer or {})["rows"]))
            for c in charges
        ]
        frames = consistent(released)
    except QueryError as error:
        raise Invalid(list(error.problems)) from None
    return [
        {"key": c.key, "rows": json.loads(f.to_json(orient="records"))}
        for c, f in zip(charges, frames, strict=True)
    ]


def _frame(charge: Charge) -> pd.DataFrame:
    rows: Any = (charge.answer or {}).get("rows", [])
    return pd.DataFrame(rows)
