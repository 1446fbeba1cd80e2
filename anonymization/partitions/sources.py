"""Where rows come from: a table in memory, a CSV or a Parquet file, in Arrow batches with the rows' numbers."""

from __future__ import annotations

import bisect
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from anonymization.errors import Unusable
from anonymization.files import file_kind, header
from anonymization.tables import arrow_of, parquet_bytes, plain, settled_type, sha256

Ints = npt.NDArray[np.int64]
#: Rows of a batch; also what makes a partition a comfortable size.
BATCH = 1 << 16
#: Bytes of a CSV file that are read at once; no line may be longer.
_BLOCK = 1 << 22
_DAMAGED = "The parquet file {name} is cut off or damaged. Write it again and take the whole file."


class Source(Protocol):
    """Rows in batches.

    Attributes:
        names: the columns, in order.
        text: whether cells are bytes of a CSV file, whose types somebody has yet to say; else they are typed.
        comma: whether numbers may have a decimal comma.
        set_aside: (row number, reason) of the rows that cannot be told apart into cells; complete after `batches`.
    """

    names: tuple[str, ...]
    text: bool
    comma: bool
    set_aside: list[tuple[int, str]]

    @property
    def digest(self) -> str:
        """SHA-256 of the input, lower-case hexadecimal."""
        ...

    def rows(self) -> int:
        """How many rows, more or less, without reading them all."""
        ...

    def batches(self) -> Iterator[tuple[pa.Table, Ints]]: ...


@dataclass
class FrameSource:
    """A table in memory."""

    frame: pd.DataFrame
    text: bool = False
    comma: bool = False
    set_aside: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frame = plain(self.frame)
        self.names = tuple(self.frame.columns)

    @property
    def digest(self) -> str:
        return sha256(parquet_bytes(self.frame))

    def rows(self) -> int:
        return len(self.frame)

    def batches(self) -> Iterator[tuple[pa.Table, Ints]]:
        yield arrow_of(self.frame), np.arange(len(self.frame), dtype=np.int64)


@dataclass
class ParquetSource:
    """A Parquet file, read by batches and never whole."""

    path: Path
    text: bool = False
    comma: bool = False
    set_aside: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            with pq.ParquetFile(self.path) as file:
                self.names = tuple(file.schema_arrow.names)
                self._rows = file.metadata.num_rows
                self._schema = file.schema_arrow
                nested = [f.name for f in file.schema_arrow if pa.types.is_nested(f.type)]
        except (pa.ArrowException, OSError):
            raise Unusable(_DAMAGED.format(name=self.path.name)) from None
        _refuse_twice(self.names, self.path)
        if nested:
            raise Unusable(
                f"The columns {', '.join(nested)} hold lists or records. Write one value to a cell."
            )

    @property
    def digest(self) -> str:
        return _digest(self.path)

    def rows(self) -> int:
        return int(self._rows)

    def held(self) -> dict[str, pa.DataType]:
        """What the columns are, from the file's footer."""
        plain = (f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in self._schema)
        return dict(zip(self.names, map(settled_type, plain), strict=True))

    def batches(self) -> Iterator[tuple[pa.Table, Ints]]:
        done = 0
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=BATCH, use_threads=False):
                    yield _typed(batch), np.arange(done, done + batch.num_rows, dtype=np.int64)
                    done += batch.num_rows
        except (pa.ArrowException, OSError):
            raise Unusable(_DAMAGED.format(name=self.path.name)) from None


def _typed(batch: pa.RecordBatch) -> pa.Table:
    """One type a column in every batch, whatever stands in it; text that is not UTF-8 stays bytes for now."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        held = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        target = settled_type(held)
        cells = column.cast(held) if held is not column.type else column
        columns[name] = (
            cells.cast(pa.binary()) if target == pa.string() and _bytes(held) else cells.cast(target)
        )
    return pa.table(columns)


def _bytes(held: pa.DataType) -> bool:
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(is_kind(held) for is_kind in kinds)


@dataclass
class CsvSource:
    """A CSV file, read by blocks: cells stay bytes, and a line with too many or too few cells is set aside."""

    path: Path
    text: bool = True
    set_aside: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._separator, names = header(self.path)
        self.names = tuple(names)
        self.comma = self._separator == ";"
        _refuse_twice(self.names, self.path)

    @property
    def digest(self) -> str:
        return _digest(self.path)

    def rows(self) -> int:
        with self.path.open("rb") as file:
            sample = file.read(1 << 20)
        lines = max(1, sample.count(b"\n"))
        return int(self.path.stat().st_size / max(1, len(sample)) * lines)

    def batches(self) -> Iterator[tuple[pa.Table, Ints]]:
        self.set_aside.clear()
        bad: list[int] = []

        def skip(row: pa_csv.InvalidRow) -> str:
            bad.append(row.number - 2)  # counted from 1, the header with it
            self.set_aside.append((row.number - 2, _cells(row.actual_columns, row.expected_columns)))
            return "skip"

        done = 0
        try:
            with pa_csv.open_csv(
                self.path,
                read_options=pa_csv.ReadOptions(
                    column_names=self.names, skip_rows_after_names=1, use_threads=False, block_size=_BLOCK
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self._separator,
                    newlines_in_values=True,
                    ignore_empty_lines=len(self.names) > 1,
                    invalid_row_handler=skip,
                ),
                convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(self.names, pa.binary())),
            ) as reader:
                for batch in reader:
                    numbers, done = _numbers(done, batch.num_rows, bad)
                    yield pa.Table.from_batches([batch]), numbers
        except (pa.ArrowException, OSError) as error:
            if "Empty CSV" in str(error):
                return
            raise Unusable(
                f"{self.path.name} has a quote that is never closed, or is cut off. Export it again."
            ) from None


def _cells(found: int, wanted: int) -> str:
    return f"the line has {'more' if found > wanted else 'fewer'} cells than the header"


def _numbers(start: int, count: int, bad: list[int]) -> tuple[Ints, int]:
    """The numbers of the next `count` good rows, and the one after; `bad` rows (rising) have theirs as well."""
    skipped = np.asarray(bad[bisect.bisect_left(bad, start) :], dtype=np.int64)
    # The i-th bad number lies before the j-th good row when it is at most j + i places on.
    rank = skipped - start - np.arange(len(skipped))
    numbers = start + np.arange(count, dtype=np.int64)
    numbers += np.searchsorted(rank, np.arange(count), side="right")
    return numbers, int(numbers[-1]) + 1 if count else start


def _refuse_twice(names: tuple[str, ...], path: Path) -> None:
    if any(times > 1 for times in Counter(names).values()):
        raise Unusable(f"{path.name} has two columns of the same name. Rename one of them.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_file(path: Path) -> CsvSource | ParquetSource:
    """A CSV or Parquet file, told apart by content.

    Raises:
        Unusable: as `anonymization.files.read_table`.
    """
    return ParquetSource(path) if file_kind(path) == "parquet" else CsvSource(path)
