"""Writes a file again with some cells blanked and every other cell as it stood."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anonymization.commands import Misused
from anonymization.errors import Unusable
from anonymization.files import as_it_stands, read_table


def write_blanked(source: Path, out: Path, gone: Mapping[str, npt.NDArray[np.bool_]]) -> None:
    """Writes `source` to `out` without the cells that are `gone`; the whole file appears at once or not at all.

    Args:
        source: CSV or parquet.
        out: named .csv or .parquet; a CSV keeps its separator, and its cells their text.
        gone: for each column with blanks, shape (rows,).

    Raises:
        Misused: another kind of file. Unusable: it cannot be written.
    """
    kind = kind_of(out)
    table, separator = as_it_stands(source)
    if kind == "parquet" and all(pa.types.is_string(f.type) for f in table.schema):
        # A CSV's text becomes numbers only as it was read.
        frame = read_table(source)
        table = pa.table({name: pa.Array.from_pandas(frame[name]) for name in frame.columns})
    for name, blank in gone.items():
        place = table.column_names.index(name)
        column = table.column(place)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        table = table.set_column(
            place, name, pc.if_else(pa.array(blank), pa.scalar(None, column.type), column)
        )
    # Beside the target, so that the last move is one of the file system.
    half = out.with_name(f".{out.name}.part")
    try:
        if kind == "parquet":
            pq.write_table(table, half, compression="zstd")
        else:
            _csv(table, half, separator)
        half.replace(out)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise Unusable(
            f"{out.name} cannot be written: {error.strerror}. Name a folder that you may write to."
        ) from None


def kind_of(out: Path) -> str:
    """What to write, csv or parquet, by the name; raises Misused for any other."""
    kind = out.suffix.lower().removeprefix(".")
    if kind not in ("csv", "parquet"):
        raise Misused("OUT must end in .csv or .parquet.")
    return kind


def _csv(table: pa.Table, path: Path, separator: str) -> None:
    """One batch at a time; a lone empty cell is quoted, because an empty line is no row."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        writer.writerow(table.column_names)
        for batch in table.to_batches(max_chunksize=1 << 16):
            columns = [_texts(batch.column(i)) for i in range(batch.num_columns)]
            writer.writerows(zip(*columns, strict=True))


def _texts(column: pa.Array) -> list[str | None]:
    if pa.types.is_string(column.type):
        return column.to_pylist()  # type: ignore[no-any-return]
    try:
        return pc.cast(column, pa.string()).to_pylist()  # type: ignore[no-any-return]
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return [None if v is None else str(v) for v in column.to_pylist()]
