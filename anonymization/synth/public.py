"""What the data dictionary says of a column, turned into cells and back: nothing here looks at data to decide.

A value that the dictionary does not list or that cannot be read falls into the cell of missing values; a number
outside of its bounds is moved to the bound. So one household's odd value changes no other household's cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.dp.values import Key, canonical, number
from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_WHOLE = (FieldType.INTEGER, FieldType.DATE)


@dataclass(frozen=True, slots=True)
class PublicDomain:
    """A column's public facts.

    Args:
        codes: the code list of a category.
        lower, upper: bounds of a number, or days since 1970-01-01 of a date.
        edges: cut-offs that must not fall inside a cell (an eligibility cut-off, a poverty line).
        decimals: of a number that is drawn.
        cells: how many cells a number gets, besides the one at its lower bound and the one of missing values.
        missing: whether a value may be missing; where it may not, none is drawn.
    """

    codes: tuple[Key, ...] = ()
    lower: float | None = None
    upper: float | None = None
    edges: tuple[float, ...] = ()
    decimals: int = 2
    cells: int = 16
    missing: bool = True


@dataclass(frozen=True, slots=True)
class Cells:
    """A column's cells: `codes` of a category, or the `cuts` of a number; the last cell is that of missing values."""

    kind: FieldType
    codes: tuple[Key, ...]
    cuts: tuple[float, ...]
    decimals: int
    missing: bool = True

    @property
    def size(self) -> int:
        return (len(self.codes) or len(self.cuts)) + 1

    def places(self, column: pd.Series) -> Ints:
        """Each value's cell, shape (rows,)."""
        if self.codes:
            place = {canonical(code): i for i, code in enumerate(self.codes)}
            found = (place.get(canonical(v), len(self.codes)) for v in column.tolist())
            return np.fromiter(found, dtype=np.int64, count=len(column))
        read = (_day(v) if self.kind is FieldType.DATE else number(v) for v in column.tolist())
        values = np.fromiter((math.nan if v is None else v for v in read), np.float64, len(column))
        inside = np.clip(values, self.cuts[0], self.cuts[-1])
        # Cell 0 is the lower bound itself (nothing paid, nobody there); cell i ends at cut i.
        at = np.searchsorted(np.array(self.cuts), inside, side="left")
        return np.where(np.isnan(values), len(self.cuts), at).astype(np.int64)

    def values(self, places: Ints, rng: np.random.Generator) -> pd.Series:
        """A value of each cell: the code, or a number anywhere in the cell."""
        if self.codes:
            words = [*self.codes, None]
            drawn = pd.Series([words[p] for p in places], dtype=object)
            if self.kind is FieldType.BOOLEAN:
                return drawn if drawn.isna().any() else drawn.astype(bool)
            if self.kind in (FieldType.INTEGER, FieldType.NUMBER):
                return _coded_numbers(drawn, self.kind)
            return drawn.map(lambda v: None if v is None else str(v)).astype(object)
        cuts = np.array(self.cuts)
        gone = places == len(cuts)
        high = cuts[np.minimum(places, len(cuts) - 1)]
        low = cuts[np.maximum(np.minimum(places, len(cuts) - 1) - 1, 0)]
        part = 1 - rng.random(len(places))  # above zero: a cell does not hold its lower end
        if self.kind in _WHOLE:
            number_of = np.floor(low) + np.ceil(part * (np.floor(high) - np.floor(low)))
        else:
            step = 10.0**-self.decimals
            number_of = np.clip(
                np.round(low + part * (high - low), self.decimals), np.minimum(low + step, high), high
            )
            number_of = np.round(number_of, self.decimals)
        held = pd.Series(np.where(gone, np.nan, number_of))
        if self.kind is FieldType.DATE:
            return pd.to_datetime(held, unit="D", origin="unix")
        if self.kind is FieldType.INTEGER:
            return held.astype("Int64") if gone.any() else held.astype("int64")
        return held


def cells_of(columns: Mapping[str, FieldType], domains: Mapping[str, PublicDomain]) -> dict[str, Cells]:
    """The cells of each column.

    Raises:
        RecipeProblem: for a column whose code list or bounds the dictionary does not give.
    """
    said, out = [], {}
    for name, kind in columns.items():
        domain = domains.get(name, PublicDomain())
        if kind is FieldType.BOOLEAN:
            out[name] = Cells(kind, (False, True), (), 0, domain.missing)
        elif domain.codes:
            out[name] = Cells(kind, domain.codes, (), 0, domain.missing)
        elif kind is FieldType.STRING:
            said.append(f"The data dictionary lists no codes for {name}: add them, or leave the column out.")
        elif domain.lower is None or domain.upper is None or not domain.lower < domain.upper:
            said.append(f"The data dictionary gives no bounds for {name}: add them, or leave the column out.")
        else:
            cuts = _cuts(kind, domain.lower, domain.upper, domain)
            out[name] = Cells(kind, (), cuts, domain.decimals, domain.missing)
    if said:
        raise RecipeProblem(said)
    return out


def _cuts(kind: FieldType, lower: float, upper: float, domain: PublicDomain) -> tuple[float, ...]:
    """Upper ends of the cells. Amounts that span orders of magnitude get cells that widen by a constant factor."""
    if kind in _WHOLE and upper - lower <= 2 * domain.cells:
        return tuple(float(v) for v in np.arange(math.floor(lower), math.floor(upper) + 1))
    if lower >= 0 and upper >= 50 * max(lower, 1.0):
        start = max(lower, upper / 500)
        made = np.concatenate([[lower], np.geomspace(start, upper, domain.cells)])
    else:
        made = np.linspace(lower, upper, domain.cells + 1)
    made = np.floor(made) if kind in _WHOLE else np.round(made, domain.decimals)
    # A value equal to an edge belongs above it, as "below the cut-off" asks: the cell ends just under the edge.
    under = 1.0 if kind in _WHOLE else 10.0**-domain.decimals
    inner = [round(e - under, domain.decimals) for e in domain.edges if lower < e - under < upper]
    return tuple(float(v) for v in np.unique(np.concatenate([made, inner])))


def _coded_numbers(drawn: pd.Series, kind: FieldType) -> pd.Series:
    """Codes of a column of numbers (1 urban, 2 rural) are numbers, as they are in the table."""
    held = pd.to_numeric(drawn).astype("float64")
    if kind is FieldType.NUMBER:
        return held
    return held.astype("Int64") if held.isna().any() else held.astype("int64")


def _day(value: object) -> float | None:
    try:
        stamp = pd.Timestamp(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return None if pd.isna(stamp) else float(stamp.toordinal() - 719_163)
