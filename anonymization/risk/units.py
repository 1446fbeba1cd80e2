"""Risk at the privacy unit: what a table with several rows for one household shows about that household."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from anonymization.errors import Unusable
from anonymization.risk.classes import Ints, column_codes, group, key_codes


def unit_numbers(table: pd.DataFrame, unit: str) -> Ints:
    """A number for each row's unit, 0..units-1.

    Raises:
        Unusable: when there is no such column, or a row does not say to which unit it belongs.
    """
    if unit not in table.columns:
        raise Unusable(f"The table has no column {unit} for the household. Correct its name.")
    numbers = column_codes(table[unit])
    if (numbers < 0).any():
        raise Unusable(
            f"{int((numbers < 0).sum())} rows have no {unit}, so they belong to no household. "
            "Complete the column in the registry or leave those rows out of the extract."
        )
    return numbers


def profile_codes(table: pd.DataFrame, keys: Sequence[str], unit: str) -> tuple[Ints, Ints]:
    """One coded row for each unit, and each record's unit.

    The value of a key for a unit is the *set* of values its records show (somebody who knows the household
    over
    several waves knows all of them), so a unit is alike only to units that show the same sets. Missing values
    are left
    out of the set; a unit of which a key is missing throughout has it missing (-1).
    """
    numbers = unit_numbers(table, unit)
    codes = key_codes(table, keys)
    units = int(numbers.max()) + 1 if len(numbers) else 0
    out = np.full((units, len(keys)), -1, dtype=np.int64, order="F")
    for j in range(len(keys)):
        out[:, j] = _sets(numbers, codes[:, j], units)
    return out, numbers


def _sets(numbers: Ints, values: Ints, units: int) -> Ints:
    """A code for the set of known values of each unit, -1 where it has none; shape (units,).

    The values of each unit, sorted, are taken in one by one: two units have the same state after r values exactly
    when their r smallest values are the same.
    """
    known = values >= 0
    pairs = np.column_stack([numbers[known], values[known]])
    pairs = pairs[group(pairs)[1]]
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    many = np.bincount(pairs[:, 0], minlength=units)
    rank = np.arange(len(pairs)) - (np.cumsum(many) - many)[pairs[:, 0]]
    state = np.zeros(units, dtype=np.int64)
    order = np.argsort(rank, kind="stable")
    ends = np.cumsum(np.bincount(rank, minlength=1))
    for start, end in pairwise([0, *ends.tolist()]):
        unit, value = pairs[order[start:end]].T
        state[unit] = group(np.column_stack([state[unit], value]))[0]
    out: Ints = np.full(units, -1, dtype=np.int64)
    some = many > 0
    out[some] = group(np.column_stack([many[some], state[some]]))[0]
    return out


def profiles(table: pd.DataFrame, keys: Sequence[str], unit: str) -> pd.DataFrame:
    """One row for each unit with its coded key profile (see `profile_codes`); missing is missing."""
    codes, _ = profile_codes(table, keys, unit)
    return pd.DataFrame({k: pd.Series(codes[:, j]).where(codes[:, j] >= 0) for j, k in enumerate(keys)})
