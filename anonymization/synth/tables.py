"""Getting a table ready to be learnt from, and a drawn table back into the same types."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from anonymization.schema import FieldType

from .protocol import SynthesisError, SynthesisPlan

_NUMBERS = (FieldType.INTEGER, FieldType.NUMBER)
_MOST_CATEGORIES = 200
FEWEST_ROWS = 100


def ready(df: pd.DataFrame, plan: SynthesisPlan) -> pd.DataFrame:
    """The columns to learn from, in plain types: float64 numbers, object words and flags, datetime64 dates.

    Raises:
        SynthesisError: when a column is missing, empty, of another type, or looks like a key.
    """
    absent = [c for c in plan.columns if c not in df.columns]
    if absent:
        raise SynthesisError(f"The table has no column {absent[0]}; correct the recipe or the extract.")
    if len(df) < FEWEST_ROWS:
        raise SynthesisError(f"Synthesis needs {FEWEST_ROWS} rows or more: with fewer, rows would be copied.")
    out = {name: plain(df[name], kind, plan.tail) for name, kind in plan.columns.items()}
    return pd.DataFrame(out).reset_index(drop=True)


def plain(column: pd.Series, kind: FieldType, tail: float) -> pd.Series:
    """One column in plain types, the tails of a number moved inwards.

    Raises:
        SynthesisError: as `ready`.
    """
    name = column.name
    if column.isna().all():
        raise SynthesisError(f"The column {name} is empty; leave it out of the synthesis.")
    if kind in _NUMBERS:
        read = pd.to_numeric(column, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
        if int(read.isna().sum()) > int(column.isna().sum()):
            raise SynthesisError(f"The column {name} holds something other than numbers; clean it first.")
        low, high = read.quantile([tail, 1 - tail])
        places = 0 if kind is FieldType.INTEGER else decimals(read)
        return read.clip(round(low, places), round(high, places))
    if kind is FieldType.DATE:
        return pd.to_datetime(column, errors="coerce").dt.normalize()
    if column.nunique() > _MOST_CATEGORIES:
        raise SynthesisError(
            f"The column {name} has more than {_MOST_CATEGORIES} categories, so it looks like a key or free "
            "text; coarsen it or leave it out."
        )
    present = column.astype(object).where(column.notna(), None)
    if kind is FieldType.BOOLEAN:
        return present.map(lambda v: None if v is None else bool(v)).astype(object)
    return present.map(lambda v: None if v is None else str(v)).astype(object)


def finished(drawn: pd.DataFrame, learnt: pd.DataFrame, columns: Mapping[str, FieldType]) -> pd.DataFrame:
    """A drawn table in the data dictionary's types, numbers rounded to the decimals learnt from."""
    out = {}
    for name, kind in columns.items():
        column = drawn[name].reset_index(drop=True)
        if kind in _NUMBERS:
            column = pd.to_numeric(column).astype("float64").round(decimals(learnt[name]))
            if kind is FieldType.INTEGER:
                column = column.round().astype("Int64")
                column = column if column.isna().any() else column.astype("int64")
        elif kind is FieldType.DATE:
            column = pd.to_datetime(column).dt.normalize()
        elif kind is FieldType.BOOLEAN:
            column = column.map(lambda v: None if pd.isna(v) else bool(v)).astype(object)
            column = column if column.isna().any() else column.astype(bool)
        else:
            column = column.map(lambda v: None if pd.isna(v) else str(v)).astype(object)
        out[name] = column
    return pd.DataFrame(out)


def decimals(column: pd.Series) -> int:
    """How many decimals a number was recorded with, at most six."""
    held = column.dropna().to_numpy(dtype=np.float64)
    return next((d for d in range(6) if np.allclose(held, np.round(held, d), rtol=0, atol=1e-9)), 6)
