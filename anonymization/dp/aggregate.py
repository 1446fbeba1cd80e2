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
from .values import canonical, number, numbers, texts

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
    """Contributions, one a row: household, cell of the groups, value, and whether in each programme.

    `weight` is what it counts, in whole parts; `inside` whether it passes the numerator of a ratio; `key` what it has
    in the columns whose keys are found.
    """

    unit: Texts
    cell: Ints
    value: npt.NDArray[np.float64]
    member: npt.NDArray[np.bool_]
    weight: Ints
    inside: npt.NDArray[np.bool_]
    key: Texts

    def pick(self, which: npt.NDArray[Any]) -> _Rows:
        return _Rows(*(getattr(self, f.name)[which] for f in fields(self)))

    def order(self) -> npt.NDArray[np.uint64]:
        """A hash of what each row holds: a fixed shuffle that owes nothing to the order of the table."""
        from pandas.util import hash_array  # noqa: PLC0415 - keeps `import anonymization.dp` light

        parts = [self.unit, self.cell, self.value, *self.member.T, self.inside, *self.key.T]
        mixed = np.zeros(len(self.unit), dtype=np.uint64)
        for part in parts:
            mixed = mixed * np.uint64(1_000_003) ^ hash_array(np.ascontiguousarray(part), categorize=False)
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
    rows = _one_household_at_a_time(query, _read(query, df))
    cell = rows.cell
    if query.unknown_keys:
        place = {key: i for i, key in enumerate(found)}
        key = np.fromiter((place.get(tuple(k), -1) for k in rows.key), dtype=np.int64, count=len(rows.unit))
        cell = np.where(key >= 0, key * math.prod(map(len, query.group_by.values())) + cell, -1)
    places, each = _places(query, rows, cell), parts(query)
    part = part_of(query, rows.value, rows.inside)[:, None]
    places = np.where((places >= 0) & (part >= 0), places * each + part, -1)
    cells = (len(found) if query.unknown_keys else 1) * math.prod(map(len, query.axes)) * each
    counts = np.zeros(cells, dtype=np.int64)
    sums = np.zeros(cells, dtype=np.int64)
    row, column = np.nonzero(places >= 0)
    at = places[row, column]
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
    rows = _one_household_at_a_time(query, _read(query, df))
    return rows.unit, rows.key


def _read(query: DpQuery, df: pd.DataFrame) -> _Rows:
    """The rows that count: with a household, a public key, a value, and past every filter.

    Raises:
        QueryError: when the table lacks a column.
    """
    missing = [c for c in query.columns if c not in df.columns]
    if missing:
        raise QueryError([f"The table has no column {', '.join(missing)}; see its data dictionary."])
    read = {c: texts(df[c]) for c in query.columns if c != query.column}
    unit, cell = read[query.unit_id], np.zeros(len(df), dtype=np.int64)
    keep = _present(unit)
    weight = _weights(query, unit, keep)
    groups = list(query.group_by.items())
    if query.between:
        groups.append((query.between.column, (query.between.first, query.between.second)))
    for column, keys in groups:
        place = {canonical(k): i for i, k in enumerate(keys)}
        code = np.fromiter((place.get(v, -1) for v in read[column]), dtype=np.int64, count=len(df))
        keep &= code >= 0
        cell = cell * len(keys) + code
    flags = [np.fromiter((v == "1" for v in read[c]), np.bool_, len(df)) for c in query.count_by_programme]
    member = np.stack(flags, axis=1) if flags else np.zeros((len(df), 0), dtype=np.bool_)
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
        key[:, i] = read[column]
        keep &= _present(read[column])
    return _Rows(unit, cell, value, member, weight, inside, key).pick(keep)


def _weights(query: DpQuery, unit: Texts, present: npt.NDArray[np.bool_]) -> Ints:
    """What each row counts, in whole parts; one over its household's rows in the table where rows are weighted."""
    weight = np.ones(len(unit), dtype=np.int64)
    if query.weighted and present.any():
        _, household, rows = np.unique(unit[present].astype(str), return_inverse=True, return_counts=True)
        weight[present] = WEIGHT // rows[household]
    return weight


def _present(read: Texts) -> npt.NDArray[np.bool_]:
    return np.fromiter((v is not None for v in read), np.bool_, len(read))


def _holds(item: Filter, column: pd.Series[Any]) -> npt.NDArray[np.bool_]:
    if item.op in (Op.GE, Op.LE):
        mark = number(item.value) or 0.0  # a number: `Filter.problems` saw to it
        held = numbers(column)  # NaN compares false
        return held >= mark if item.op is Op.GE else held <= mark
    read = texts(column)
    wanted = {canonical(v) for v in (item.value if isinstance(item.value, tuple) else (item.value,))}
    inside = np.fromiter((v in wanted for v in read), np.bool_, len(read))
    return (~inside if item.op is Op.NE else inside) & _present(read)


def _one_household_at_a_time(query: DpQuery, rows: _Rows) -> _Rows:
    """At most `max_rows` rows of each household, or its rows brought together to one.

    Which rows stay is decided by a hash of what they hold: the order of the table changes nothing.
    """
    if query.weighted or not len(rows.unit):
        return rows
    _, household = np.unique(rows.unit.astype(str), return_inverse=True)
    order = np.lexsort((rows.order(), household))
    rows, household = rows.pick(order), household[order]
    starts = np.flatnonzero(np.r_[True, household[1:] != household[:-1]])
    if query.per is Per.HOUSEHOLD:
        first = rows.pick(starts)
        member = np.logical_or.reduceat(rows.member, starts, axis=0)
        inside = np.logical_or.reduceat(rows.inside, starts)
        return replace(first, value=np.add.reduceat(rows.value, starts), member=member, inside=inside)
    rank = np.arange(len(household)) - np.repeat(starts, np.diff(np.r_[starts, len(household)]))
    return rows.pick(rank < query.max_rows)


def _places(query: DpQuery, rows: _Rows, cell: Ints) -> Ints:
    """Cells that each contribution counts in, shape (contributions, programmes or 1), -1 for none."""
    if not query.count_by_programme:
        return cell[:, None]
    from pandas.util import hash_array  # noqa: PLC0415 - as above

    many = len(query.count_by_programme)
    member, most = rows.member.copy(), query.max_programmes or many
    if most < many and len(member):
        # Start at a place that the household's own id picks: no programme is always the one dropped.
        start = (hash_array(rows.unit, categorize=False) % np.uint64(many)).astype(np.int64)
        turn = (np.arange(many)[None, :] + start[:, None]) % many
        turned = np.take_along_axis(member, turn, axis=1)
        np.put_along_axis(member, turn, turned & (np.cumsum(turned, axis=1) <= most), axis=1)
    return np.where(member & (cell >= 0)[:, None], cell[:, None] * many + np.arange(many)[None, :], -1)
