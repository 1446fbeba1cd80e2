"""A step is held to its word: what it did to a partition is compared with what it said it would do."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from anonymization.errors import BrokenIntent
from anonymization.schema import FieldType
from anonymization.steps.base import Intent, StepEvidence

Act = Callable[[pd.DataFrame], tuple[pd.DataFrame, StepEvidence]]


def held(act: Act, intent: Intent, table: pd.DataFrame) -> tuple[pd.DataFrame, StepEvidence]:
    """Runs one step on a partition and checks the result against its intent.

    Args:
        act: the step's `apply` or `carry_out`.
        intent: what it said.
        table: the partition, its index the row numbers.

    Raises:
        BrokenIntent: a defect of the step; nothing may be released.
    """
    # A deep copy, so that not even a defect of a step can change what it was given.
    out, found = act(table.copy(deep=True))
    wrong = ""
    if tuple(out.columns) != intent.result.names:
        wrong = "left other columns than it said"
    elif intent.rows != "fewer" and len(out) != len(table):
        wrong = "changed the number of rows"
    else:
        wrong = _numbers(intent, table, out) or _untouched(intent, table, out)
    for name in intent.changes:
        field = intent.result.get(name)
        if not wrong and field and field.type is FieldType.STRING and not _text(out[name]):
            wrong = f"left something other than text in {name}"
    if wrong:
        raise BrokenIntent(f"The step {intent.kind} {wrong}. This is a defect; nothing was released.")
    return out, found


def _numbers(intent: Intent, table: pd.DataFrame, out: pd.DataFrame) -> str:
    """Rows keep their numbers: draws and the order of the release hang on them."""
    if intent.rows == "kept":
        same = out.index.equals(table.index)
    else:
        same = out.index.is_unique and bool(out.index.isin(table.index).all())
    return "" if same else "lost the numbers of its rows"


def _untouched(intent: Intent, table: pd.DataFrame, out: pd.DataFrame) -> str:
    names = [c for c in out.columns if c not in intent.changes]
    before = table if intent.rows == "kept" else table.loc[out.index]
    changed = [str(c) for c in names if c not in before.columns or not out[c].equals(before[c])]
    return f"changed {', '.join(changed)}, which it had not named" if changed else ""


def _text(values: pd.Series) -> bool:
    return pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty") or bool(values.isna().all())
