"""Risk at the privacy unit: what a table with several rows for one household shows about that household."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from anonymization.errors import Unusable
from anonymization.risk.classes import Ints, key_codes


def unit_numbers(table: pd.DataFrame, unit: str) -> Ints:
    """A number for each row's unit, 0..units-1.

    Raises:
        Unusable: when a row does not say to which unit it belongs.
    """
    numbers = pd.factorize(table[unit].to_numpy(), use_na_sentinel=True)[0].astype(np.int64)
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
        pairs = np.unique(np.column_stack([numbers, codes[:, j]])[codes[:, j] >= 0], axis=0)
        low = np.full(units, -1, dtype=np.int64)
        low[pairs[::-1, 0]] = pairs[::-1, 1]
        several = np.bincount(pairs[:, 0], minlength=units) > 1
        out[:, j] = low
        base = int(codes[:, j].max(initial=-1)) + 1
        sets: dict[tuple[int, ...], int] = {}
        spread: dict[int, list[int]] = {}
        for number, value in pairs[several[pairs[:, 0]]].tolist():
            spread.setdefault(number, []).append(value)
        for number, shown in spread.items():
            out[number, j] = base + sets.setdefault(tuple(shown), len(sets))
    return out, numbers


def profiles(table: pd.DataFrame, keys: Sequence[str], unit: str) -> pd.DataFrame:
    """One row for each unit with its coded key profile (see `profile_codes`); missing is missing."""
    codes, _ = profile_codes(table, keys, unit)
    return pd.DataFrame({k: pd.Series(codes[:, j]).where(codes[:, j] >= 0) for j, k in enumerate(keys)})
