"""What global steps on numbers share: one entry for each row or household, in an order that no partitioning changes.

Every partition hands over its entries (an entry's number and its values); `Gathered.of` puts them in the order of their
numbers, so that a method computes the same sums in the same order whether it got one partition or many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.draws import unit_numbers_of
from anonymization.errors import Unusable
from anonymization.risk.units import unit_numbers
from anonymization.steps.base import Context

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Entries:
    """The rows or households of one partition.

    Args:
        numbers: shape (n,), distinct: row numbers, or the households' keyed numbers.
        of_row: shape (rows,), each row's entry.
        first: shape (n,), position of the first row of each entry.
    """

    numbers: Ints
    of_row: Ints
    first: Ints

    @classmethod
    def of(cls, table: pd.DataFrame, unit: str, context: Context) -> Self:
        """Households when `unit` names their column, rows otherwise.

        Raises:
            Unusable: a row without a household, or a table that does not carry its row numbers.
        """
        if not unit:
            numbers = row_numbers(table)
            positions = np.arange(len(table), dtype=np.int64)
            return cls(numbers, positions, positions)
        of_row = unit_numbers(table, unit)
        first = np.unique(of_row, return_index=True)[1].astype(np.int64)
        named = table[unit].iloc[first]
        return cls(unit_numbers_of(context.keys, context.scope, named), of_row, first)


def row_numbers(table: pd.DataFrame) -> Ints:
    """The extract's row numbers, shape (rows,), which a table carries as its index.

    Raises:
        Unusable: when the index is something else.
    """
    if not pd.api.types.is_integer_dtype(table.index.dtype) or not table.index.is_unique:
        raise Unusable(
            "The table does not carry the row numbers of its extract as its index, and draws hang on them. "
            "Run the step in a recipe, or number the rows first with reset_index(drop=True)."
        )
    return table.index.to_numpy(dtype=np.int64)


def numbers_of(table: pd.DataFrame, name: str) -> Floats:
    """The column as numbers, shape (rows,); NaN where missing or not finite."""
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def one_value_each(values: Floats, entries: Entries, name: str, unit: str) -> Floats:
    """The one value that each entry's rows share, shape (n,); NaN where all are missing.

    Raises:
        Unusable: when the values differ inside a household, by count only.
    """
    if not unit:
        return values
    n = len(entries.numbers)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    held = ~np.isnan(values)
    np.minimum.at(low, entries.of_row[held], values[held])
    np.maximum.at(high, entries.of_row[held], values[held])
    several = int((high > low).sum())
    if several:
        raise varies(name, unit, several)
    return np.where(low <= high, low, np.nan)


def one_code_each(table: pd.DataFrame, name: str, entries: Entries, unit: str) -> pd.Series:
    """The one category that each entry's rows share (object, position = entry); as `one_value_each` otherwise."""
    column = table[name].reset_index(drop=True).astype(object)
    if unit:
        codes, _ = pd.factorize(column)
        held = codes >= 0
        pairs = np.unique(np.column_stack([entries.of_row[held], codes[held]]), axis=0)
        several = int((np.bincount(pairs[:, 0]) > 1).sum()) if len(pairs) else 0
        if several:
            raise varies(name, unit, several)
        column = column.groupby(entries.of_row).first()
    return column.where(column.notna(), None)


def varies(name: str, unit: str, several: int) -> Unusable:
    return Unusable(
        f"{name} differs between the rows of one {unit} in {several} of them, so it is no household-level variable. "
        "Treat it without unit, or give each household one value first."
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What one partition hands over: entry numbers, shape (n,), and one column for each variable, shape (n, v)."""

    numbers: Ints
    data: Floats

    @classmethod
    def of(cls, table: pd.DataFrame, columns: Sequence[str], unit: str, context: Context) -> Self:
        entries = Entries.of(table, unit, context)
        values = np.empty((len(entries.numbers), len(columns)), order="F")
        for j, name in enumerate(columns):
            values[:, j] = one_value_each(numbers_of(table, name), entries, name, unit)
        return cls(entries.numbers, values)


@dataclass(frozen=True, slots=True)
class Gathered:
    """All partitions' entries in the order of their numbers; `split` takes results back to the partitions."""

    numbers: Ints
    data: Floats
    order: Ints
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Self:
        """Raises Unusable when an entry stands in two partitions."""
        numbers = np.concatenate([p.numbers for p in parts]) if parts else np.zeros(0, dtype=np.int64)
        values = np.concatenate([p.data for p in parts]) if parts else np.zeros((0, 0))
        order = np.argsort(numbers, kind="stable").astype(np.int64)
        numbers = numbers[order]
        if (numbers[1:] == numbers[:-1]).any():
            raise Unusable(
                "A row or household came in two partitions, so it cannot be treated as one. "
                "Split the extract so that a household's rows stay together."
            )
        return cls(numbers, values[order], order, tuple(len(p.numbers) for p in parts))

    def split(self, results: Floats) -> tuple[Floats, ...]:
        """`results` (n, ...) in the order of the numbers, as one array for each partition in its own order."""
        back = np.empty_like(results)
        back[self.order] = results
        ends = np.cumsum(self.sizes)[:-1]
        return tuple(np.split(back, ends))


def sides(values: Floats, cutoffs: Sequence[float]) -> Ints:
    """Which side of every cut-off each value is on, from 0; a value at a cut-off is above it; NaN counts highest."""
    return np.searchsorted(np.asarray(sorted(cutoffs), dtype=np.float64), values, side="right").astype(
        np.int64
    )


def put_back(table: pd.DataFrame, name: str, new: Floats, *, whole: bool) -> pd.Series:
    """The new numbers, shape (rows,), missing wherever the column was missing, on the table's index."""
    values = np.where(table[name].isna().to_numpy(), np.nan, new)
    if not whole:
        return pd.Series(values, index=table.index, name=name)
    if np.isnan(values).any():
        return pd.Series(values, index=table.index, name=name).round().astype("Int64")
    return pd.Series(np.rint(values).astype(np.int64), index=table.index, name=name)
