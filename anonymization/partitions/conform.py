"""Cells to the types that the schema says; a row with a cell that cannot be one is set aside, with a reason.

A reason names the column and what it should hold, never what stands there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from anonymization.errors import Unusable
from anonymization.files import NO_NUMBER
from anonymization.schema import FieldType

Bools = npt.NDArray[np.bool_]
ARROW: dict[FieldType, pa.DataType] = {
    FieldType.STRING: pa.string(),
    FieldType.INTEGER: pa.int64(),
    FieldType.NUMBER: pa.float64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.DATE: pa.date32(),
}
_SAYS = {
    FieldType.STRING: "text in UTF-8",
    FieldType.INTEGER: "a whole number",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.DATE: "a date as YYYY-MM-DD",
}
_SHAPES = {
    FieldType.INTEGER: r"^[+-]?\d{1,18}$",
    FieldType.NUMBER: r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$",
    FieldType.BOOLEAN: r"^(?i:true|false|yes|no|1|0)$",
    FieldType.DATE: r"^\d{4}-\d{2}-\d{2}$",
}
_NO_NUMBER = pa.array(NO_NUMBER)


@dataclass(frozen=True, slots=True)
class Conformed:
    """Args: table: the rows that can be used; good: which those are; reasons: (position, reason) of all others."""

    table: pa.Table
    good: Bools
    reasons: list[tuple[int, str]]


def conform(
    table: pa.Table, types: Mapping[str, FieldType], *, household: str = "", comma: bool = False
) -> Conformed:
    """The columns of `table` that `types` names, as their types; one reason for each row set aside (the first).

    Args:
        table: bytes of a CSV file, or typed columns.
        types: column to type.
        household: a column that no row may miss ("" for none).
        comma: whether numbers may have a decimal comma.
    """
    rows = table.num_rows
    good = np.ones(rows, dtype=bool)
    reasons: list[tuple[int, str]] = []
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}

    def set_aside(bad: Bools, reason: str) -> None:
        reasons.extend((int(i), reason) for i in np.flatnonzero(bad & good))
        np.logical_and(good, ~bad, out=good)

    for name, wanted in types.items():
        cells = table.column(name).combine_chunks()
        if isinstance(cells, pa.ChunkedArray):  # no chunk at all
            cells = pa.array([], cells.type)
        if pa.types.is_binary(cells.type):
            cells, bad = _text(cells)
            if bad.any():
                set_aside(bad, f"{name} must hold {_SAYS[FieldType.STRING]} without NUL bytes")
            cells, bad = _from_text(cells, wanted, comma=comma)
        else:
            cells, bad = _from_typed(cells, wanted, name)
        if bad.any():
            set_aside(bad, f"{name} must hold {_SAYS[wanted]}")
        columns[name] = cells
    if household:
        missing = columns[household].is_null().to_numpy(zero_copy_only=False)
        if pa.types.is_string(columns[household].type):
            blank = pc.equal(pc.utf8_trim_whitespace(columns[household]), "")
            missing = missing | pc.fill_null(blank, False).to_numpy(zero_copy_only=False)
        if missing.any():
            set_aside(missing, f"{household} is missing, so the row belongs to no household")
    out = pa.table(columns)
    return Conformed(out if good.all() else out.filter(pa.array(good)), good, reasons)


def _text(cells: pa.Array) -> tuple[pa.Array, Bools]:
    """Bytes as text (an empty cell is missing), and which are none."""
    bad = np.zeros(len(cells), dtype=bool)
    try:
        text = cells.cast(pa.string())
    except pa.ArrowInvalid:
        bad = np.array([not _utf8(v) for v in cells.to_pylist()])
        text = pc.if_else(pa.array(bad), pa.scalar(b""), cells).cast(pa.string())
    nul = pc.fill_null(pc.match_substring(text, "\0"), False).to_numpy(zero_copy_only=False)
    empty = pc.fill_null(pc.equal(text, ""), False)
    return pc.replace_with_mask(text, empty, pa.scalar(None, pa.string())), bad | nul


def _utf8(value: bytes | None) -> bool:
    try:
        return value is None or value.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False


def _from_text(cells: pa.Array, wanted: FieldType, *, comma: bool) -> tuple[pa.Array, Bools]:
    none = np.zeros(len(cells), dtype=bool)
    if wanted is FieldType.STRING:
        return cells, none
    if wanted in (FieldType.INTEGER, FieldType.NUMBER):
        missing = pc.fill_null(pc.is_in(cells, _NO_NUMBER), False)
        cells = pc.replace_with_mask(cells, missing, pa.scalar(None, pa.string()))
        if comma and wanted is FieldType.NUMBER:
            cells = pc.replace_substring(cells, ",", ".")
    shaped = pc.fill_null(pc.match_substring_regex(cells, _SHAPES[wanted]), True)
    bad = ~shaped.to_numpy(zero_copy_only=False)
    cells = _without(cells, bad)
    if wanted is FieldType.BOOLEAN:
        true = pc.is_in(pc.utf8_lower(cells), value_set=pa.array(["true", "yes", "1"]))
        return pc.if_else(cells.is_null(), pa.scalar(None, pa.bool_()), true), bad
    if wanted is FieldType.DATE:
        days = [_day(v) for v in cells.to_pylist()]
        impossible = np.array([d is False for d in days], dtype=bool)
        return pa.array([d or None for d in days], pa.date32()), bad | impossible
    numbers = pc.replace_substring_regex(cells, r"^\+", "").cast(ARROW[wanted])
    return _finite(numbers, bad)


def _day(text: str | None) -> date | bool | None:
    """None for nothing, False for no day."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return False


def _finite(cells: pa.Array, bad: Bools) -> tuple[pa.Array, Bools]:
    if not pa.types.is_floating(cells.type):
        return cells, bad
    endless = pc.fill_null(pc.is_inf(cells), False).to_numpy(zero_copy_only=False)
    empty = pc.fill_null(pc.is_nan(cells), False)
    return pc.replace_with_mask(cells, empty, pa.scalar(None, pa.float64())), bad | endless


def _from_typed(cells: pa.Array, wanted: FieldType, name: str) -> tuple[pa.Array, Bools]:
    none = np.zeros(len(cells), dtype=bool)
    held, target = cells.type, ARROW[wanted]
    if held == target:
        return _finite(cells, none) if pa.types.is_floating(held) else (cells, none)
    if pa.types.is_string(held):
        return _from_text(cells, wanted, comma=False)
    if wanted is FieldType.DATE and pa.types.is_timestamp(held):
        return cells, none
    number = pa.types.is_integer(held) or pa.types.is_floating(held)
    if wanted is FieldType.STRING and (number or pa.types.is_boolean(held) or pa.types.is_date(held)):
        return cells.cast(pa.string()), none
    if wanted is FieldType.NUMBER and pa.types.is_integer(held):
        return cells.cast(target), none
    if wanted is FieldType.INTEGER and pa.types.is_floating(held):
        cells, bad = _finite(cells, none)
        broken = pc.fill_null(pc.not_equal(pc.floor(cells), cells), False).to_numpy(zero_copy_only=False)
        return _without(cells, bad | broken).cast(target), bad | broken
    raise Unusable(f"The column {name} must hold {_SAYS[wanted]} and holds {held}. Correct one of the two.")


def _without(cells: pa.Array, which: Bools) -> pa.Array:
    return pc.replace_with_mask(cells, pa.array(which), pa.scalar(None, cells.type)) if which.any() else cells


def reasons_counted(reasons: Sequence[str]) -> dict[str, int]:
    """Reasons and how many rows each holds, the commonest first."""
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
