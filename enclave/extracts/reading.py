"""Extracts as files: read whole and checked against the data dictionary, or not at all.

No refusal repeats anything that stands in the file, not even the names of columns that nobody described
(a file without a header has people in its first line).
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from enclave.catalogue.model import Dataset
from enclave.extracts.cells import arrow_schema, check, from_arrow, from_text, refusal, refuse_duplicates

_ROWS = 20_000
_MAGIC = b"PAR1"
_NUL = "The file holds NUL bytes, so it is not the text that its name says; export it again as CSV in UTF-8."
_NOT_UTF8 = "The file is not UTF-8; export it again as CSV in UTF-8."
_DAMAGED = "The parquet file is cut off or damaged; write it again and send the whole file."


@dataclass(frozen=True, slots=True)
class ExtractTable:
    """A checked extract.

    Args:
        table: the dictionary's columns in the dictionary's order and types; missing values are nulls.
        rows: how many.
        sha256: lower-case hex digest of the file as it came.
    """

    table: pa.Table
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_extract` wrote: rows, and the lower-case hex SHA-256 of the file."""

    rows: int
    sha256: str


def read_extract(path: Path, dataset: Dataset) -> ExtractTable:
    """The rows of a .csv (UTF-8, commas, header, ended lines) or .parquet file, by the dictionary.

    In CSV an empty cell is missing, dates are YYYY-MM-DD, truth is true/false, yes/no or 1/0. Optional
    columns that are absent come out empty.

    Raises:
        Invalid: with one sentence, as soon as anything is wrong; nothing is returned then.
    """
    kind = path.suffix.lower()
    if kind not in {".csv", ".parquet"}:
        raise refusal("The file's name must end in .csv or .parquet; save it as one of these.")
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if not head:
                raise refusal("The file is empty; export it again.")
            if kind == ".csv":
                if head == _MAGIC:
                    raise refusal("The file is called .csv but holds parquet; give it the ending .parquet.")
                if head == b"PK\x03\x04":
                    raise refusal("The file is called .csv but is a spreadsheet or archive; save it as CSV.")
                watched = _Watched(file)
                batches, digest = list(_csv_batches(watched, dataset)), watched.digest
            else:
                digest = hashlib.sha256()
                batches = list(_parquet_batches(file, digest, dataset))
    except OSError:
        raise refusal("The file cannot be read; check that it is there and may be opened.") from None
    table = pa.Table.from_batches(batches, arrow_schema(dataset))
    if not table.num_rows:
        raise refusal("The file has a header but no rows; send the extract itself.")
    for column in dataset.columns:
        if column.unique:
            refuse_duplicates(column, table[column.name])
    return ExtractTable(table, table.num_rows, digest.hexdigest())


def write_extract(batches: Iterable[pa.RecordBatch], path: Path, dataset: Dataset) -> Written:
    """Writes batches as one parquet file, checked as `read_extract` checks; it appears whole or not at all.

    Memory does not grow with the rows, but for the columns that must be unique.

    Raises:
        Invalid: with one sentence; no file is left behind.
    """
    schema = arrow_schema(dataset)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    rows = 0
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with pq.ParquetWriter(part, schema, compression="zstd") as writer:
            for batch in batches:
                if batch.num_rows:
                    writer.write_batch(_conform(batch, rows, dataset))
                rows += batch.num_rows
        if not rows:
            raise refusal("There are no rows to write; check the date for which the extract is taken.")
        for column in dataset.columns:
            if column.unique:
                refuse_duplicates(column, pq.read_table(part, columns=[column.name])[column.name])
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return Written(rows, digest)


def _names(found: Sequence[str], dataset: Dataset) -> None:
    """Refuses columns that are missing, repeated or undescribed; the latter by position only."""
    described = {column.name for column in dataset.columns}
    if missing := [c.name for c in dataset.columns if c.required and c.name not in found]:
        raise refusal(
            f"The file lacks {_columns(len(missing))} that the data dictionary of {dataset.slug} has "
            f"({', '.join(missing)}); add what is missing, or check the header."
        )
    if unknown := [str(i) for i, name in enumerate(found, start=1) if name not in described]:
        raise refusal(
            f"The file has {_columns(len(unknown))} that the data dictionary of {dataset.slug} does not "
            f"describe (number {', '.join(unknown)} from the left); leave it out, or have it described."
        )
    if len(set(found)) < len(found):
        raise refusal("The file has two columns of the same name; keep one of them.")


def _columns(number: int) -> str:
    return "a column" if number == 1 else f"{number} columns"


def _checked(column_cells: Iterable[pa.Array], first: int, dataset: Dataset) -> pa.RecordBatch:
    arrays = [
        check(column, cells, first, key=column.unique or column.name == dataset.unit_id)
        for column, cells in zip(dataset.columns, column_cells, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=arrow_schema(dataset))


def _conform(batch: pa.RecordBatch, before: int, dataset: Dataset) -> pa.RecordBatch:
    """The batch in the dictionary's types; `before` rows came earlier."""
    names = batch.schema.names
    _names(names, dataset)
    cells = (
        from_arrow(
            c, batch.column(names.index(c.name)) if c.name in names else pa.nulls(batch.num_rows), before + 1
        )
        for c in dataset.columns
    )
    return _checked(cells, before + 1, dataset)


class _Watched(io.RawIOBase):
    """A file that is hashed as it is read, and remembers NULs and how it ended."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.nul = False
        self.last = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        self.digest.update(block)
        self.nul = self.nul or b"\x00" in block
        self.last = block[-1:] or self.last
        return len(block)


def _csv_batches(watched: _Watched, dataset: Dataset) -> Iterator[pa.RecordBatch]:
    text = io.TextIOWrapper(io.BufferedReader(watched, 1 << 20), "utf-8-sig", errors="strict", newline="")
    rows = _csv_rows(csv.reader(text, strict=True), watched)
    header = next(rows, [])
    _names(header, dataset)
    first = 1
    chunk: list[list[str]] = []
    for row in rows:
        if len(row) != len(header):
            raise refusal(
                f"Data row {first + len(chunk)} has {len(row)} cells where the header has {len(header)}; the "
                "file is cut off, or a cell with a comma lacks its quotation marks."
            )
        chunk.append(row)
        if len(chunk) == _ROWS:
            yield _csv_batch(header, chunk, first, dataset)
            first += len(chunk)
            chunk = []
    if chunk:
        yield _csv_batch(header, chunk, first, dataset)
    if watched.last not in {b"\n", b"\r"}:
        raise refusal("The file's last line is not ended, so it may be cut off; export it again, whole.")


def _csv_rows(reader: Iterator[list[str]], watched: _Watched) -> Iterator[list[str]]:
    """The file's lines as cells; lines without anything are forgiven at the end only."""
    number = -1
    problem = ""
    blank = False
    while True:
        try:
            row = next(reader, None)
        except UnicodeDecodeError:
            problem = _NOT_UTF8
        except csv.Error:
            problem = (
                f"A quotation mark is not closed or stands inside a cell, or a cell is longer than "
                f"{csv.field_size_limit():,} characters, at or after data row {max(number + 1, 1)}; "
                "the file is cut off or was not written as CSV."
            )
        if watched.nul or problem:
            raise refusal(_NUL if watched.nul and problem != _NOT_UTF8 else problem)
        if row is None:
            return
        if blank and row:
            where = f"before data row {number + 1}" if number >= 0 else "at the top"
            raise refusal(f"There is an empty line {where}; remove it.")
        blank = not row
        if row:
            number += 1
            yield row


def _csv_batch(header: list[str], rows: list[list[str]], first: int, dataset: Dataset) -> pa.RecordBatch:
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    empty = ("",) * len(rows)
    cells = (from_text(c, pa.array(columns.get(c.name, empty), pa.string()), first) for c in dataset.columns)
    return _checked(cells, first, dataset)


def _parquet_batches(file: BinaryIO, digest: hashlib._Hash, dataset: Dataset) -> Iterator[pa.RecordBatch]:
    last = b""
    head = file.read(4)
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
        last = (last + block)[-4:]
    if head != _MAGIC:
        raise refusal("The file is called .parquet but does not hold parquet; check what was exported.")
    if last != _MAGIC:
        raise refusal(_DAMAGED)
    file.seek(0)
    try:
        whole = pq.ParquetFile(file)
        names = whole.schema_arrow.names
    except (pa.ArrowException, OSError, ValueError):
        raise refusal(_DAMAGED) from None
    _names(names, dataset)
    before = 0
    batches = whole.iter_batches(batch_size=_ROWS)
    while True:
        try:
            batch = next(batches, None)
            if batch is not None:
                batch.validate(full=True)
        except (pa.ArrowException, OSError, ValueError):
            raise refusal(_DAMAGED) from None
        if batch is None:
            return
        yield _conform(batch, before, dataset)
        before += batch.num_rows
