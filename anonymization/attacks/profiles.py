"""What an attacker sees of each unit: one coded row for a household, the same coding on all sides.

Three sides: what was released, the true units that it was made from (members), and units that were held out
(controls). True values stand as the recipe would show them, because whoever attacks knows the recipe: an age is
compared with its band.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.keys import normalise
from anonymization.risk.classes import Floats, Ints
from anonymization.risk.units import profile_codes, unit_numbers
from anonymization.utility.coding import ordered

Bools = npt.NDArray[np.bool_]
_UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Side:
    """One side's units.

    Args:
        codes: shape (units, columns), -1 where missing; equal codes are equal values (for several rows: equal sets).
        numbers: shape (units, columns), NaN where missing or not a number; the mean over a unit's rows.
    """

    codes: Ints
    numbers: Floats

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Ints) -> Side:
        return Side(self.codes[rows], self.numbers[rows])


@dataclass(frozen=True, slots=True)
class Profiles:
    """The three sides.

    Args:
        columns: names, in the order of the sides' columns.
        numeric: which are compared by distance.
        blurred: which were changed at random, so that equality with a true value says nothing.
        span: each numeric column's range over all sides, 1 where it has none.
    """

    columns: tuple[str, ...]
    numeric: Bools
    blurred: Bools
    span: Floats
    released: Side
    members: Side
    controls: Side

    def places(self, names: Collection[str]) -> Ints:
        """Positions of the columns named."""
        return np.array([j for j, name in enumerate(self.columns) if name in names], dtype=np.int64)


def profiles(
    released: pd.DataFrame,
    members: pd.DataFrame,
    controls: pd.DataFrame,
    columns: Sequence[str],
    *,
    unit: str = "",
    blurred: Collection[str] = (),
) -> Profiles:
    """Codes the three tables alike.

    Args:
        released: what an attacker holds; members, controls: true units as the recipe would show them.
        columns: what is compared; in all three.
        unit: the column that names the household, in all three (any names); "" where each row is a unit.
        blurred: columns that were changed at random.
    """
    sides = [df.reset_index(drop=True) for df in (released, members, controls)]
    plain: dict[str, pd.Series] = {}
    numbers: dict[str, Floats] = {}
    for name in columns:
        parts = [ordered(df[name]) for df in sides]
        if all(p is not None or bool(df[name].isna().all()) for p, df in zip(parts, sides, strict=True)):
            blank = [np.full(len(df), np.nan) if p is None else p for p, df in zip(parts, sides, strict=True)]
            numbers[name] = np.concatenate(blank)
            # Nine significant digits: what arithmetic did to the last ones says nothing about anybody.
            plain[name] = pd.Series([None if np.isnan(v) else f"{v:.9g}" for v in numbers[name].tolist()])
        else:
            plain[name] = pd.concat([df[name] for df in sides], ignore_index=True).map(
                normalise, na_action="ignore"
            )
    units = _units(sides, unit)
    table = pd.DataFrame(plain).assign(**{_UNIT: units})
    codes, number = profile_codes(table, list(columns), _UNIT)
    means = np.full(codes.shape, np.nan)
    numeric = np.array([name in numbers for name in columns], dtype=bool)
    for j, name in enumerate(columns):
        if numeric[j]:
            means[:, j] = _means(numbers[name], number, len(codes))
    # Units are numbered as they first appear, so each side's stand together.
    rows = np.cumsum([len(df) for df in sides]).tolist()
    ends = [0, *(int(number[:n].max(initial=-1)) + 1 for n in rows)]
    cut = [Side(codes[a:b], means[a:b]) for a, b in itertools.pairwise(ends)]
    low, high = _range(means)
    return Profiles(
        tuple(columns),
        numeric,
        np.array([name in blurred for name in columns], dtype=bool),
        np.where(high > low, high - low, 1.0),
        *cut,
    )


def _units(sides: Sequence[pd.DataFrame], unit: str) -> Ints:
    """A number for each row's unit; the sides share none."""
    out: list[Ints] = []
    after = 0
    for df in sides:
        numbers = unit_numbers(df, unit) if unit else np.arange(len(df), dtype=np.int64)
        out.append(numbers + after)
        after += int(numbers.max(initial=-1)) + 1
    return np.concatenate(out)


def _means(values: Floats, number: Ints, units: int) -> Floats:
    known = ~np.isnan(values)
    count = np.bincount(number[known], minlength=units)
    total = np.bincount(number[known], weights=values[known], minlength=units)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / count, dtype=np.float64)


def _range(means: Floats) -> tuple[Floats, Floats]:
    known = np.where(np.isnan(means), -np.inf, means)
    high = known.max(axis=0, initial=-np.inf)
    low = np.where(np.isnan(means), np.inf, means).min(axis=0, initial=np.inf)
    return np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
