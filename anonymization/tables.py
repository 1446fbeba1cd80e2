"""Tables as bytes: one table, one sequence of bytes, so that a digest means something.

In memory a table is pandas, on the way it is Arrow. `arrow_of` and `frame_of` go back and forth without losing
anything: integers with gaps stay exact, and a column has one type whatever part of it one looks at.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

#: Rows of a row group: fixed, so that the same rows give the same bytes however they came.
ROW_GROUP = 1 << 17
_SETTINGS: dict[str, Any] = {"compression": "zstd", "version": "2.6", "store_schema": False}
_EXACT = 1 << 53  # beyond this a float no longer tells integers apart
_DIGITS = 15  # decimal digits that float64 always holds


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """A copy with positions for an index and text for column names (index labels are never trusted here)."""
    copy = table.reset_index(drop=True)
    copy.columns = pd.Index([str(c) for c in copy.columns])
    return copy


def arrow_of(table: pd.DataFrame) -> pa.Table:
    """The columns in Arrow's types; the index is left out. Columns of mixed Python values become text."""
    return pa.table({str(name): settled(_array(table[name])) for name in table.columns})


def _array(values: pd.Series) -> pa.Array:
    values = values.reset_index(drop=True)
    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.Array.from_pandas(values.astype("string"))


def settled(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The column as one of the types that pandas gives back as they were: text, int64, float64, truth, day, time.

    A column without any value is text, because pandas cannot tell what else it was.
    """
    held = column.type
    if pa.types.is_dictionary(held):
        return settled(column.cast(held.value_type))
    empty = column.null_count == len(column)
    if empty and (pa.types.is_date(held) or (pa.types.is_boolean(held) and len(column))):
        return pa.nulls(len(column), pa.string())
    return column.cast(settled_type(held))


def settled_type(held: pa.DataType) -> pa.DataType:
    """The type that `settled` gives a column of type `held`."""
    if pa.types.is_integer(held):
        return pa.int64()
    if pa.types.is_floating(held) or (pa.types.is_decimal(held) and held.precision <= _DIGITS):
        return pa.float64()
    if pa.types.is_date(held):
        return pa.date32()
    if pa.types.is_boolean(held) or pa.types.is_timestamp(held):
        return held
    return pa.string()


def frame_of(table: pa.Table, gaps: Mapping[str, bool] | None = None, index: Any = None) -> pd.DataFrame:
    """As pandas, for the steps: text and days as Python objects; integers with gaps as float64.

    Args:
        table: columns as `settled` leaves them.
        gaps: columns that have missing values in any part of the table, so that every part gets the same types, and
            whether they hold integers that are `large` (then they are Int64); None where the table is the whole.
        index: the row numbers, shape (rows,); positions when None.
    """
    wide = gaps_of(table) if gaps is None else gaps
    columns = {name: _series(table.column(name), wide.get(name)) for name in table.column_names}
    index = pd.RangeIndex(table.num_rows) if index is None else pd.Index(index)
    return pd.DataFrame(columns, columns=pd.Index(table.column_names, dtype=object)).set_axis(index, axis=0)


def _series(column: pa.ChunkedArray, gap: bool | None) -> pd.Series:
    """Args: gap: None where the column has no gaps anywhere, else whether it holds large integers."""
    if gap and pa.types.is_integer(column.type):
        wide: pd.Series = column.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
        return wide
    values: pd.Series = column.to_pandas()
    if gap is not None and pa.types.is_integer(column.type):
        return values.astype("float64")
    return values.astype(object) if gap is not None and pa.types.is_boolean(column.type) else values


def gaps_of(table: pa.Table) -> dict[str, bool]:
    """The columns that have missing values, and whether they hold integers that float64 cannot."""
    return {name: large(c) for name in table.column_names if (c := table.column(name)).null_count}


def large(column: pa.ChunkedArray) -> bool:
    """Whether a column holds integers that float64 cannot tell apart."""
    if not pa.types.is_integer(column.type):
        return False
    ends = pc.min_max(column)
    low, high = (ends[end].as_py() or 0 for end in ("min", "max"))
    return bool(max(-low, high) >= _EXACT)


def release_frame(table: pa.Table) -> pd.DataFrame:
    """As pandas, for who holds the release: `arrow_of` of it is `table` again (integers with gaps are Int64)."""
    frame: pd.DataFrame = table.to_pandas()
    for name in table.column_names:
        column = table.column(name)
        if column.null_count and pa.types.is_integer(column.type):
            frame[name] = column.to_pandas(types_mapper=lambda _: pd.Int64Dtype())
    return frame


def write_parquet(parts: Iterable[pa.Table], schema: pa.Schema, sink: BinaryIO) -> None:
    """Writes the rows, in the order in which they come, in row groups of `ROW_GROUP`: memory holds one of them."""
    with pq.ParquetWriter(sink, schema, **_SETTINGS) as writer:
        for group in _groups(parts):
            writer.write_table(group.cast(schema), row_group_size=ROW_GROUP)


def _groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    rows = 0
    for part in parts:
        held.append(part)
        rows += part.num_rows
        while rows >= ROW_GROUP:
            whole = pa.concat_tables(held)
            yield whole.slice(0, ROW_GROUP).combine_chunks()
            held, rows = [whole.slice(ROW_GROUP)], rows - ROW_GROUP
    if rows:
        yield pa.concat_tables(held).combine_chunks()


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """The table as Parquet: the same rows, types and library versions give the same bytes.

    Columns of mixed Python values are written as text. No index and no pandas metadata are stored.
    """
    arrow = arrow_of(table)
    sink = io.BytesIO()
    write_parquet([arrow], arrow.schema, sink)
    return sink.getvalue()


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()
