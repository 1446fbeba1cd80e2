"""One column of an extract at a time: from text or Arrow to the type that the dictionary says, or a refusal.

A refusal names the column (as the dictionary spells it) and the data row, counted from 1 after the header.
It never repeats what stands there.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from enclave.catalogue.model import Column, ColumnType, Dataset
from enclave.kernel.errors import Invalid

ARROW: dict[ColumnType, pa.DataType] = {
    ColumnType.STRING: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.DATE: pa.date32(),
}
_SAYS = {
    ColumnType.STRING: "text",
    ColumnType.INTEGER: "a whole number",
    ColumnType.NUMBER: "a finite number with a decimal point",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.DATE: "a date as YYYY-MM-DD",
}
#: What text may look like in a CSV file; RE2, so \d is 0 to 9.
_SHAPES = {
    ColumnType.INTEGER: r"^[+-]?\d{1,18}$",
    ColumnType.NUMBER: r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$",
    ColumnType.BOOLEAN: r"^(?i:true|false|yes|no|1|0)$",
    ColumnType.DATE: r"^\d{4}-\d{2}-\d{2}$",
}


def arrow_schema(dataset: Dataset) -> pa.Schema:
    """The columns of a checked extract, in the dictionary's order."""
    return pa.schema([(column.name, ARROW[column.type]) for column in dataset.columns])


def refusal(sentence: str) -> Invalid:
    return Invalid([sentence])


def wrong_type(column: Column, row: int) -> Invalid:
    return refusal(
        f"Column {column.name} must hold {_SAYS[column.type]}, but data row {row} holds something else; "
        "correct the file or the data dictionary."
    )


def _without(cells: pa.Array, which: pa.Array) -> pa.Array:
    """`cells` with nulls where `which` is true. Not `if_else`: pyarrow 21 corrupts sliced text with it."""
    return pc.replace_with_mask(cells, pc.fill_null(which, False), pa.scalar(None, cells.type))


def _refuse_where(bad: pa.Array, column: Column, first: int) -> None:
    """Refuses at the first true of `bad` (nulls count as false)."""
    at = pc.index(pc.fill_null(bad, False), pa.scalar(True)).as_py()
    if at >= 0:
        raise wrong_type(column, first + at)


def from_text(column: Column, texts: pa.Array, first: int) -> pa.Array:
    """Cells of a CSV column as their type; an empty cell is a missing value.

    Args:
        column: the dictionary's line.
        texts: (n,) strings.
        first: data row of the first of them.
    """
    cells = _without(texts, pc.equal(texts, ""))
    if column.type is ColumnType.STRING:
        return cells
    _refuse_where(pc.invert(pc.match_substring_regex(cells, _SHAPES[column.type])), column, first)
    if column.type is ColumnType.BOOLEAN:
        true = pc.is_in(pc.utf8_lower(cells), value_set=pa.array(["true", "yes", "1"]))
        return _without(true, pc.is_null(cells))
    if column.type is ColumnType.DATE:
        return pa.array(
            [_day(column, cell, first + i) for i, cell in enumerate(cells.to_pylist())], pa.date32()
        )
    return _finite(column, cells.cast(ARROW[column.type]), first)


def _day(column: Column, cell: str | None, row: int) -> date | None:
    try:
        return None if cell is None else date.fromisoformat(cell)
    except ValueError:
        raise wrong_type(column, row) from None


def _finite(column: Column, cells: pa.Array, first: int) -> pa.Array:
    if pa.types.is_floating(cells.type):
        _refuse_where(pc.is_inf(cells), column, first)
    return cells


def from_arrow(column: Column, cells: pa.Array, first: int) -> pa.Array:
    """Cells of a parquet column as their type, where nothing is lost by it; NaN is a missing value.

    pandas writes whole numbers with gaps as floats and days as midnights; both are taken back.
    """
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    target, source = ARROW[column.type], cells.type
    if not _fits(column.type, source):
        present = pc.index(pc.is_valid(cells), pa.scalar(True)).as_py()
        if present >= 0:
            raise wrong_type(column, first + present)
        return pa.nulls(len(cells), target)
    if pa.types.is_floating(source):
        cells = _without(cells, pc.is_nan(cells))
        _finite(column, cells, first)
    if column.type is ColumnType.INTEGER and pa.types.is_floating(source):
        _refuse_where(
            pc.or_(pc.not_equal(pc.round(cells), cells), pc.greater(pc.abs(cells), 2.0**53)), column, first
        )
    if pa.types.is_timestamp(source):
        _refuse_where(pc.not_equal(pc.floor_temporal(cells, unit="day"), cells), column, first)
    try:
        cells = cells.cast(target)
    except pa.ArrowInvalid:  # an unsigned number too large, or text that is not UTF-8
        raise wrong_type(column, first) from None
    if column.type is ColumnType.STRING:
        cells = _without(cells, pc.equal(cells, ""))
    return cells


def _fits(wanted: ColumnType, source: pa.DataType) -> bool:
    is_number = pa.types.is_integer(source) or pa.types.is_floating(source)
    match wanted:
        case ColumnType.STRING:
            return bool(pa.types.is_string(source) or pa.types.is_large_string(source))
        case ColumnType.INTEGER:
            return bool(is_number)
        case ColumnType.NUMBER:
            return bool(is_number or pa.types.is_decimal(source))
        case ColumnType.BOOLEAN:
            return bool(pa.types.is_boolean(source))
        case _:
            plain_time = pa.types.is_timestamp(source) and source.tz is None
            return bool(pa.types.is_date(source) or plain_time)


def check(column: Column, cells: pa.Array, first: int, key: bool) -> pa.Array:
    """Refuses text with NUL characters, codes that are not in the code list, and a key that is missing."""
    if column.type is ColumnType.STRING and pc.any(pc.match_substring(cells, "\x00")).as_py():
        raise refusal(f"Column {column.name} holds NUL characters; export the file again without them.")
    if key and cells.null_count:
        row = first + pc.index(pc.is_null(cells), pa.scalar(True)).as_py()
        raise refusal(
            f"Column {column.name} says whose row it is, but data row {row} has none; give every row one."
        )
    if column.values:
        known = pc.is_in(cells, value_set=_codes(column))
        at = pc.index(pc.and_(pc.is_valid(cells), pc.invert(known)), pa.scalar(True)).as_py()
        if at >= 0:
            raise refusal(
                f"Column {column.name} has a code list, and data row {first + at} holds something "
                "else; correct the file, or add the code to the data dictionary."
            )
    return cells


def _codes(column: Column) -> pa.Array:
    if column.type is ColumnType.STRING:
        return pa.array(list(column.values), pa.string())
    return pa.array([float(code) for code in column.values]).cast(ARROW[column.type])


def refuse_duplicates(column: Column, cells: pa.ChunkedArray) -> None:
    """Refuses a key that occurs twice, naming the row of the first repetition."""
    encoded = cells.combine_chunks().dictionary_encode()
    if len(encoded.dictionary) == len(encoded):
        return
    _, firsts = np.unique(encoded.indices.to_numpy(zero_copy_only=False), return_index=True)
    repeated = np.ones(len(encoded), dtype=np.bool_)
    repeated[firsts] = False
    row = int(np.flatnonzero(repeated)[0]) + 1
    raise refusal(
        f"Column {column.name} must be different in every row, but data row {row} repeats another; "
        "keep one of them."
    )
