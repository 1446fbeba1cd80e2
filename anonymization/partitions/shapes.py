"""The one shape that all partitions of a pass have: types, and which columns have gaps somewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from anonymization.tables import large


@dataclass(frozen=True, slots=True)
class Shape:
    """Of one partition, or of all.

    Args:
        names: columns, in order; types: theirs.
        missing: columns with gaps; big: columns with integers that float64 cannot tell apart.
        filled: columns with any value at all; only their types count.
        whole: columns of float64 that were whole numbers before a step changed them, and still are.
    """

    names: tuple[str, ...]
    types: Mapping[str, pa.DataType]
    missing: frozenset[str]
    big: frozenset[str]
    filled: frozenset[str]
    whole: frozenset[str]

    @classmethod
    def of(cls, table: pa.Table, source: pa.Schema, changed: Collection[str]) -> Shape:
        names = tuple(table.column_names)
        types = dict(zip(names, table.schema.types, strict=True))
        filled = frozenset(n for n in names if table.column(n).null_count < table.num_rows)
        were = {n for n in changed if n in source.names and pa.types.is_integer(source.field(n).type)}
        whole = frozenset(n for n in were if n in types and _whole(table.column(n)))
        missing = frozenset(n for n in names if table.column(n).null_count)
        return cls(
            names, types, missing, frozenset(n for n in names if large(table.column(n))), filled, whole
        )

    @property
    def gaps(self) -> dict[str, bool]:
        """As `tables.gaps_of`, of all partitions."""
        return {n: n in self.big for n in self.names if n in self.missing}

    @classmethod
    def unified(cls, shapes: Sequence[Shape]) -> Shape:
        names = shapes[0].names
        types, whole = {}, []
        for name in names:
            held = {s.types[name] for s in shapes if name in s.filled} or {s.types[name] for s in shapes}
            types[name] = _one_type(held)
            if all(name in s.whole for s in shapes):
                whole.append(name)
                types[name] = pa.int64()
        missing, big, filled = (
            frozenset().union(*(getattr(s, of) for s in shapes)) for of in ("missing", "big", "filled")
        )
        return cls(names, types, missing, big, filled, frozenset(whole))

    def schema(self) -> pa.Schema:
        return pa.schema([(n, self.types[n]) for n in self.names])

    def cast(self, table: pa.Table, names: Sequence[str]) -> pa.Table:
        """Some columns of one partition, as the types of all."""
        columns = {}
        for name in names:
            column = table.column(name)
            columns[name] = column.cast(self.types[name]) if name in self.types else column
        return pa.table(columns)


def _whole(column: pa.ChunkedArray) -> bool:
    if pa.types.is_integer(column.type):
        return True
    if not pa.types.is_floating(column.type):
        return bool(column.null_count == len(column))
    exact = pc.and_(pc.equal(column, pc.floor(column)), pc.less(pc.abs(column), 2.0**53))
    return bool(pc.all(exact).as_py() is not False)


def _one_type(held: set[pa.DataType]) -> pa.DataType:
    if len(held) == 1:
        return next(iter(held))
    if held == {pa.int64(), pa.float64()}:
        return pa.float64()
    return pa.string()
