"""The exact, private numbers behind an answer: whole numbers, each household's part in them bounded.

Nothing here may leave: `mechanisms` adds the noise. What one household adds depends on its own rows alone, so
that taking it away changes the numbers by its own bounded part and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .partition import part_of, parts
from .queries import WEIGHT, DpQuery, Filter, Measure, Op, Per, QueryError
from .units import Units
from .values import ELSEWHERE, canonical, hashes, number, numbers, placed, texts

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Grain:
    """How a number becomes a whole number of ticks, from its public bounds alone.

    A float's low bits would show through float noise (Mironov 2012), so values are rounded to ticks before
    noise, and noise is drawn on whole numbers. For a mean the middle of the bounds is taken off first: it
    halves the sensitivity.

    Args:
        tick: size of one tick, in the column's unit; a power of ten, at least a thousand ticks to the larger
            bound.
        middle: what is taken off each value, in the column's unit.
        low, high: bounds of one contribution, in ticks.
    """

    tick: float
    middle: float
    low: int
    high: int

    @classmethod
    def of(cls, query: DpQuery) -> Grain:
        lower, upper = float(query.lower or 0.0), float(query.upper or 0.0)
        middle = (lower + upper) / 2 if query.base is Measure.MEAN else 0.0
        reach = max(abs(lower - middle), abs(upper - middle))
        tick = 10.0 ** math.floor(math.log10(reach / 1000))
        return cls(tick, middle, math.floor((lower - middle) / tick), math.ceil((upper - middle) / tick))

    @property
    def reach(self) -> int:
        """The most that one contribution can add or take away, in ticks."""
        return max(abs(self.low), abs(self.high))

    def ticks(self, values: npt.NDArray[np.float64]) -> Ints:
        whole: Ints = np.rint((values - self.middle) / self.tick).astype(np.int64)
        return np.clip(whole, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Exact:
    """Counts and sums of the query's cells in order, each cell cut in its parts, the parts last. Private.

    Args:
        counts: in whole parts of a contribution (see `DpQuery.part`).
        sums: in ticks, times the same; all zero for what has no sum.
    """

    counts: Ints
    sums: Ints


@dataclass(frozen=True, slots=True)
class _Rows:
    """Contributions, one a row: its place in the table, cell of the groups, value, and whether in each programme.

    `weight` is what the row counts, in whole parts; `inside` whether it passes the numerator
    of a ratio; `key` what it has in the columns whose keys are found.
    """

    row: Ints
    cell: Ints
    value: npt.NDArray[np.float64]
    member: npt.NDArray[np.bool_]
    weight: Ints
    inside: npt.NDArray[np.bool_]
    key: Texts

    def pick(self, which: npt.NDArray[Any]) -> _Rows:
        return _Rows(*(getattr(self, f.name)[which] for f in fields(self)))

    def order(self, mixed: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        """A hash of what each row holds: a fixed shuffle that owes nothing to the order of the table.

        Args:
            mixed: a hash of each row's household.
        """
        from pandas.util import hash_array  # noqa: PLC0415 - keeps `import anonymization.dp` light

        numbers_held = [self.cell, self.value, *self.member.T, self.inside]
        held = [hash_array(np.ascontiguousarray(part)) for part in numbers_held] + [
            hashes(k) for k in self.key.T
        ]
        for part in held:
            mixed = mixed * np.uint64(1_000_003) ^ part
        return mixed


Found = tuple[tuple[str, ...], ...]


def exact(query: DpQuery, df: pd.DataFrame, found: Found = ()) -> Exact:
    """The exact numbers of a query.

    Args:
        query: what is asked.
        df: the table; one row for each household or person, in any order.
        found: for a query with `unknown_keys`, the keys that were found, one text for each of those columns; they are
            the outermost dimension.

    Raises:
        QueryError: when the table lacks a column. Nothing that the values are can raise.
    """
    rows, units = _read(query, df)
    rows = _one_household_at_a_time(query, rows, units)
    cell = rows.cell
    if query.unknown_keys:
        place = {key: i for i, key in enumerate(found)}
        key = np.fromiter((place.get(tuple(k), -1) for k in rows.key), dtype=np.int64, count=len(rows.cell))
        cell = np.where(key >= 0, key * math.prod(map(len, query.group_by.values())) + cell, -1)
    places, each = _places(query, rows, cell, units), parts(query)
    if query.base not in (Measure.COUNT, Measure.SUM, Measure.MEAN):
        part = part_of(query, rows.value, rows.inside)[:, None]
        places = np.where((places >= 0) & (part >= 0), places * each + part, -1)
    cells = (len(found) if query.unknown_keys else 1) * math.prod(map(len, query.axes)) * each
    counts = np.zeros(cells, dtype=np.int64)
    sums = np.zeros(cells, dtype=np.int64)
    flat = places.ravel()
    at = np.flatnonzero(flat >= 0)
    row, at = at // places.shape[1] if places.shape[1] > 1 else at, flat[at]
    np.add.at(counts, at, rows.weight[row])
    if query.base in (Measure.SUM, Measure.MEAN):
        np.add.at(sums, at, (Grain.of(query).ticks(rows.value) * rows.weight)[row])
    return Exact(counts, sums)


def unit_and_keys(query: DpQuery, df: pd.DataFrame) -> tuple[Texts, Texts]:
    """Households, and what they have in the columns of `unknown_keys`, of the rows that count. Private.

    Shapes (rows,) and (rows, columns); a household has `max_rows` rows at most.

    Raises:
        QueryError: as `exact`.
    """
    rows = _one_household_at_a_time(query, *_read(query, df))
    return texts(df[query.unit_id])[rows.row], rows.key


def _read(query: DpQuery, df: pd.DataFrame) -> tuple[_Rows, Units]:
    """The rows that count: with a household, a public key, a value, and past every filter; and the households.

    Raises:
        QueryError: when the table lacks a column.
    """
    missing = [c for c in query.columns if c not in df.columns]
    if missing:
        raise QueryError([f"The table has no column {', '.join(missing)}; see its data dictionary."])
    units, cell = Units.of(df[query.unit_id]), np.zeros(len(df), dtype=np.int64)
    keep = units.present
    weight = _weights(query, units, keep)
    groups = list(query.group_by.items())
    if query.between:
        groups.append((query.between.column, (query.between.first, query.between.second)))
    for column, keys in groups:
        code = placed(df[column], {canonical(k) or "": i for i, k in enumerate(keys)})
        keep &= code >= 0
        cell = cell * len(keys) + code
    member = np.zeros((len(df), len(query.count_by_programme)), dtype=np.bool_)
    for i, column in enumerate(query.count_by_programme):
        member[:, i] = placed(df[column], {"1": 0}) == 0
    value = np.zeros(len(df))
    if query.column is not None:
        value = numbers(df[query.column])
        keep &= ~np.isnan(value)
    for item in (*query.filters, *query.denominator):
        keep &= _holds(item, df[item.column])
    inside = np.ones(len(df), dtype=np.bool_)
    for item in query.numerator:
        inside &= _holds(item, df[item.column])
    key = np.empty((len(df), len(query.unknown_keys)), dtype=object)
    for i, column in enumerate(query.unknown_keys):
        key[:, i] = texts(df[column])
        keep &= _present(key[:, i])
    rows = _Rows(np.arange(len(df)), cell, value, member, weight, inside, key)
    return (rows if keep.all() else rows.pick(np.flatnonzero(keep))), units


def _weights(query: DpQuery, units: Units, present: npt.NDArray[np.bool_]) -> Ints:
    """What each row counts, in whole parts; one over its household's rows in the table where rows are weighted."""
    weight = np.ones(len(units), dtype=np.int64)
    if query.weighted:
        house = units.households(np.flatnonzero(present))
        weight[present] = WEIGHT if house is None else WEIGHT // np.bincount(house)[house]
    return weight


def _present(read: Texts) -> npt.NDArray[np.bool_]:
    from pandas import notna  # noqa: PLC0415 - keeps `import anonymization.dp` light

    held: npt.NDArray[np.bool_] = notna(read)
    return held


def _holds(item: Filter, column: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    if item.op in (Op.GE, Op.LE):
        mark = number(item.value) or 0.0  # a number: `Filter.problems` saw to it
        held = numbers(column)  # NaN compares false
        return held >= mark if item.op is Op.GE else held <= mark
    wanted = item.value if isinstance(item.value, tuple) else (item.value,)
    place = placed(column, {text: 0 for v in wanted if (text := canonical(v)) is not None})
    out: npt.NDArray[np.bool_] = (place == ELSEWHERE) if item.op is Op.NE else (place == 0)
    return out


def _one_household_at_a_time(query: DpQuery, rows: _Rows, units: Units) -> _Rows:
    """At most `max_rows` rows of each household, or its rows brought together to one.

    Which rows stay is decided by a hash of what they hold: the order of the table changes nothing. Only households
    with too many rows are looked at row by row.
    """
    house = None if query.weighted else units.households(rows.row)
    if house is None:
        return rows
    most = 1 if query.per is Per.HOUSEHOLD else query.max_rows
    crowded = (np.bincount(house) > most)[house]
    at = np.flatnonzero(crowded)
    if not len(at):
        return rows
    order, starts = _in_order(rows.pick(at), house[at], units)
    at, few = at[order], np.flatnonzero(~crowded)
    if query.per is Per.ROW:
        rank = np.arange(len(at)) - np.repeat(starts, np.diff(np.r_[starts, len(at)]))
        return rows.pick(np.r_[few, at[rank < most]])
    one = rows.pick(np.r_[few, at[starts]])
    member = np.logical_or.reduceat(rows.member[at], starts, axis=0)
    inside = np.logical_or.reduceat(rows.inside[at], starts)
    return replace(
        one,
        value=np.r_[rows.value[few], np.add.reduceat(rows.value[at], starts)],
        member=np.concatenate([rows.member[few], member]),
        inside=np.r_[rows.inside[few], inside],
    )


def _in_order(rows: _Rows, house: Ints, units: Units) -> tuple[Ints, Ints]:
    """Places of rows household by household, each one's in the order of their hash; and where each household starts."""
    many = int(house.max()) + 1
    row = np.full(many, -1, dtype=np.int64)
    row[house] = rows.row  # any row of the household names it
    named = np.flatnonzero(row >= 0)
    mark = np.zeros(many, dtype=np.uint64)
    mark[named] = units.marks(row[named])
    mixed = rows.order(mark[house])
    # One number to sort by: the household, then as much of the hash as there is room for.
    room = 63 - many.bit_length()
    key = house << room | (mixed >> np.uint64(64 - room)).astype(np.int64)
    order = np.argsort(key)
    key, mixed = key[order], mixed[order]
    if bool(((key[1:] == key[:-1]) & (mixed[1:] != mixed[:-1])).any()):
        order = np.lexsort((rows.order(mark[house]), house))
    house = house[order]
    return order, np.flatnonzero(np.r_[True, house[1:] != house[:-1]])


def _places(query: DpQuery, rows: _Rows, cell: Ints, units: Units) -> Ints:
    """Cells that each contribution counts in, shape (contributions, programmes or 1), -1 for none."""
    if not query.count_by_programme:
        return cell[:, None]
    many = len(query.count_by_programme)
    member, most = rows.member, query.max_programmes or many
    over = np.flatnonzero(member.sum(axis=1) > most)
    if len(over):
        # Start at a place that the household's own id picks: no programme is always the one dropped.
        start = (units.marks(rows.row[over]) % np.uint64(many)).astype(np.int64)
        turn = (np.arange(many)[None, :] + start[:, None]) % many
        turned = np.take_along_axis(member[over], turn, axis=1)
        kept = np.zeros_like(turned)
        np.put_along_axis(kept, turn, turned & (np.cumsum(turned, axis=1) <= most), axis=1)
        member = member.copy()
        member[over] = kept
    return np.where(member & (cell >= 0)[:, None], cell[:, None] * many + np.arange(many)[None, :], -1)
