"""Tables from CSV and parquet files that nobody here has seen: read whole and exactly, or not at all.

CSV: UTF-8 (a byte order mark is skipped); the separator is found among comma, semicolon, tab and bar; the first
line holds the names. A cell is missing when it is empty. In a column whose other cells are all numbers NA, NaN,
null and a point alone are missing as well, because no number is called that; in a column of text they are values
(NA is Namibia) unless `na` names them. A column becomes numbers only when all its cells are plainly numbers and
none would lose a digit that tells two codes apart: a column with 007, +7 or an identifier of 19 digits stays text,
as do dates and truth values.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from anonymization.errors import Unusable

#: What may separate the cells of a CSV file, the likelier first.
SEPARATORS = ",;\t|"
#: What says "missing" in a column of numbers.
NO_NUMBER = ("NA", "N/A", "NaN", "nan", "null", "NULL", ".")
_SAMPLE = 1 << 16
#: How a number is written in a cell.
INTEGER = r"^-?(0|[1-9][0-9]{0,17})$"
REAL = r"^-?(0|[1-9][0-9]{0,14})?(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?$"
COMMA = r"^-?(0|[1-9][0-9]{0,14})(,[0-9]+)?$"
_EXACT = 1 << 53  # beyond this a float no longer tells integers apart
_DAMAGED = "The parquet file {name} is cut off or damaged. Write it again and take the whole file."
#: What no column is called; a file without a line of names would have somebody's data repeated as names.
_NO_NAME = re.compile(r"\s*(?:[^\s@]+@[^\s@]+\.[^\s@]+|[+(]?\d(?:[ ().\-/]{0,2}\d){8,}(?:\.0)?)\s*")

_UNCLOSED = "{name} is cut off or has a quotation mark that is never closed. Export it again."


class NoSuchColumn(Unusable):
    """A column was asked for that the file does not have; lists those that it has."""


def read_table(
    path: str | Path, columns: Sequence[str] | None = None, *, na: Sequence[str] = ()
) -> pd.DataFrame:
    """The rows of a CSV or parquet file (told apart by content, not by name), index 0..n-1.

    Args:
        path: the file.
        columns: which columns, in this order; all of them when None.
        na: texts that mean "missing" in every column of a CSV file, besides the empty cell.

    Returns:
        Integers as int64 (float64 with NaN where some are missing, Python integers and None where those would not
        be exact), numbers as float64, everything else of a CSV as text (object) with None for missing.
        A header without rows gives a table without rows.

    Raises:
        NoSuchColumn: a column is absent. Unusable: no such file, a folder, empty, not UTF-8, a row with too many or
            too few cells, names that occur twice, damaged or encrypted parquet, a spreadsheet.
    """
    file = Path(path)
    head = _head(file)
    if head[:4] == b"PAR1":
        return _parquet(file, columns)
    return _csv(file, head, columns, na)


def as_it_stands(path: Path, columns: Sequence[str] | None = None) -> tuple[pa.Table, str]:
    """The rows of a file without any reading of them, for who writes most of them out again.

    Returns:
        A CSV's cells as text (null where empty) and its separator; parquet in its own types and a comma.

    Raises:
        Unusable: as `read_table`.
    """
    head = _head(path)
    if head[:4] != b"PAR1":
        return _csv_text(path, head, columns, ())
    try:
        with pq.ParquetFile(path) as whole:
            wanted = _asked(whole.schema_arrow.names, columns, path)
            return whole.read(columns=wanted, use_threads=False), ","
    except (pa.ArrowException, OSError):
        raise Unusable(_DAMAGED.format(name=path.name)) from None


def file_kind(path: Path) -> Literal["csv", "parquet"]:
    """What a file is by its content; raises Unusable, as `read_table`, when it is neither."""
    head = _head(path)
    if head[:4] == b"PAR1":
        return "parquet"
    # A NUL or two are for who reads the rows to judge; UTF-16 is full of them.
    _refuse_other_kinds(path, head.replace(b"\0", b"") if head.count(b"\0") < len(head) // 100 else head)
    return "csv"


def header(path: Path) -> tuple[str, list[str]]:
    """The separator and the column names of a CSV file, for who reads the rows in pieces.

    Raises:
        Unusable: the names are not UTF-8. Rows that are not are for the caller to judge.
    """
    separator, names, _ = _header(path, _head(path), errors="replace")
    if any("\ufffd" in name for name in names):
        raise Unusable(_not_utf8(path))
    return separator, names


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_SAMPLE)
    except FileNotFoundError:
        raise Unusable(f"There is no file {file.name} at that path. Correct the path.") from None
    except IsADirectoryError:
        raise Unusable(f"{file.name} is a folder. Name one CSV or parquet file in it.") from None
    except OSError as error:
        raise Unusable(f"{file.name} cannot be read: {error.strerror}. Correct its permissions.") from None


def numbers(values: pd.Series, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A column as float64, NaN where missing.

    Raises:
        Unusable: when the column holds anything else than numbers.
    """
    if not pd.api.types.is_bool_dtype(values.dtype) and not pd.api.types.is_datetime64_any_dtype(
        values.dtype
    ):
        try:
            return np.asarray(
                pd.to_numeric(values, errors="raise").to_numpy(dtype=np.float64, na_value=np.nan)
            )
        except (ValueError, TypeError):
            pass
    raise Unusable(
        f"The column {name} must hold numbers and holds something else. Correct it, or leave it out."
    )


def _asked(have: Sequence[str], columns: Sequence[str] | None, file: Path) -> list[str]:
    if any(_NO_NAME.fullmatch(name) for name in have):
        raise Unusable(
            f"The first line of {file.name} holds data where the names of the columns should stand: one of them is an "
            "e-mail address or a number of nine digits or more. Put a line with names before it."
        )
    twice = [name for name, times in Counter(have).items() if times > 1]
    if twice:
        raise Unusable(f"{file.name} has more than one column called {_listed(twice)}. Rename them.")
    if columns is None:
        return list(have)
    absent = [name for name in dict.fromkeys(columns) if name not in have]
    if absent:
        raise NoSuchColumn(f"{file.name} has no column {_listed(absent)}. It has: {_listed(have)}.")
    return list(dict.fromkeys(columns))


def _listed(names: Sequence[str]) -> str:
    """At most 60 names of at most 40 letters each: a file without a header may have anything in its first line."""
    some = [n if len(n) <= 40 else n[:39] + "…" for n in names[:60]]
    return ", ".join(some) + (f" and {len(names) - 60} more" if len(names) > 60 else "")


def _parquet(file: Path, columns: Sequence[str] | None) -> pd.DataFrame:
    try:
        with pq.ParquetFile(file) as whole:
            wanted = _asked(whole.schema_arrow.names, columns, file)
            # No more columns than asked are decoded; a table without any still knows its rows.
            table = whole.read(columns=wanted, use_threads=False)
    except (pa.ArrowException, OSError):
        raise Unusable(_DAMAGED.format(name=file.name)) from None
    out = {name: _exact(table.column(name)) for name in wanted}
    return pd.DataFrame(out, columns=pd.Index(wanted), index=pd.RangeIndex(table.num_rows))


def _exact(column: pa.ChunkedArray) -> pd.Series:
    """To pandas without losing an integer: int64 with nulls turns to float64 only where that is exact."""
    held = column.type
    if pa.types.is_integer(held) and column.null_count:
        low, high = (pc.min_max(column)[end].as_py() or 0 for end in ("min", "max"))
        return cast("pd.Series", column.to_pandas(integer_object_nulls=max(-low, high) >= _EXACT))
    if pa.types.is_decimal(held) and held.precision <= 15:
        column = column.cast(pa.float64())
    return cast("pd.Series", column.to_pandas())


def _csv(file: Path, head: bytes, columns: Sequence[str] | None, na: Sequence[str]) -> pd.DataFrame:
    table, separator = _csv_text(file, head, columns, na)
    names = table.column_names
    out = {name: _values(table.column(name), comma=separator == ";") for name in names}
    return pd.DataFrame(out, columns=pd.Index(names), index=pd.RangeIndex(table.num_rows))


def _csv_text(
    file: Path, head: bytes, columns: Sequence[str] | None, na: Sequence[str]
) -> tuple[pa.Table, str]:
    """The cells as they stand, as text (null where empty), and what separates them."""
    _refuse_other_kinds(file, head)
    separator, names, blank = _header(file, head)
    wanted = _asked(names, columns, file)
    if _quotes(file) % 2:
        raise Unusable(_UNCLOSED.format(name=file.name))
    bad: list[pa_csv.InvalidRow] = []

    def remember(row: pa_csv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    try:
        table = pa_csv.read_csv(
            file,
            read_options=pa_csv.ReadOptions(
                column_names=names,
                skip_rows=blank,
                skip_rows_after_names=1,
                use_threads=False,
                block_size=1 << 24,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=separator,
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,
                invalid_row_handler=remember,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=wanted,
                null_values=["", *na],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowException, OSError) as error:
        raise Unusable(_refusal(file, bad, str(error), len(names))) from None
    return table, separator


def _refuse_other_kinds(file: Path, head: bytes) -> None:
    if not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise Unusable(f"{file.name} is empty. Export it again.")
    if head[:4] == b"PARE":
        raise Unusable(f"{file.name} is encrypted parquet. Decrypt it first.")
    if head[:4] == b"PK\x03\x04" or head[:4] == b"\xd0\xcf\x11\xe0":
        raise Unusable(f"{file.name} is a spreadsheet or an archive. Save the sheet as CSV in UTF-8.")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head:
        raise Unusable(f"{file.name} is UTF-16 or no text at all. Save it as CSV in UTF-8.")


def _header(file: Path, head: bytes, errors: str = "strict") -> tuple[str, list[str], int]:
    """The separator, the names in the first line, how many blank lines stand before it.

    A column without a name is called by its number.
    """
    # A cut may fall inside a character: the last bytes of a full sample say nothing about the encoding.
    cut = head if len(head) < _SAMPLE else head[: head.rfind(b"\n") + 1] or head[:-4]
    try:
        text = cut.decode("utf-8-sig", errors)
    except UnicodeDecodeError:
        raise Unusable(_not_utf8(file)) from None
    best, most = SEPARATORS[0], (-1, -1)
    for separator in SEPARATORS:
        try:
            widths = [len(r) for r in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if r][
                :200
            ]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        same = sum(w == widths[0] for w in widths)
        if (same, widths[0]) > most:
            best, most = separator, (same, widths[0])
    first = next((r for r in csv.reader(io.StringIO(text, newline=""), delimiter=best) if r), [""])
    blank = len(text[: len(text) - len(text.lstrip("\r\n"))].splitlines())
    return best, [name.strip() or f"column {i}" for i, name in enumerate(first, start=1)], blank


def _not_utf8(file: Path) -> str:
    return f"{file.name} is not UTF-8. Save it again as CSV in UTF-8 (in a spreadsheet: CSV UTF-8)."


def _refusal(file: Path, bad: list[pa_csv.InvalidRow], said: str, width: int) -> str:
    """One sentence without a word of what stands in the row."""
    if "UTF" in said:
        return _not_utf8(file)
    if bad:
        where = f" {bad[0].number}" if bad[0].number is not None else ""
        return (
            f"Row{where} of {file.name} has {bad[0].actual_columns} cells where the first line has {width}. "
            "Put quotes around cells that hold the separator, or export the file again."
        )
    return _UNCLOSED.format(name=file.name)


def _quotes(file: Path) -> int:
    """How many quotation marks: an odd number means a cell that swallows the rest of the file."""
    with file.open("rb") as stream:
        return sum(block.count(b'"') for block in iter(lambda: stream.read(1 << 22), b""))


def _values(column: pa.ChunkedArray, *, comma: bool) -> pd.Series:
    """Text to numbers where every value is one, judged on the distinct values only."""
    coded = column.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    distinct = coded.dictionary
    known = pc.if_else(pc.is_in(distinct, pa.array(NO_NUMBER)), None, distinct)
    if known.null_count == len(known):
        return pd.Series([None] * len(column), dtype=object)
    for pattern in (INTEGER, REAL, *([COMMA] if comma else [])):
        if pc.all(_number(known, pattern)).as_py():
            plain = pc.replace_substring(known, ",", ".") if pattern is COMMA else known
            values = plain.cast(pa.int64() if pattern is INTEGER else pa.float64())
            return _exact(pa.chunked_array([values.take(coded.indices)]))
    texts = np.array([*distinct.to_pylist(), None], dtype=object)
    places = coded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    return pd.Series(texts[places], dtype=object)


def _number(values: pa.Array, pattern: str) -> pa.Array:
    shaped = pc.match_substring_regex(values, pattern)
    # The pattern of a number lets a lone sign, point or exponent through; there must be a digit before an exponent.
    return pc.and_(shaped, pc.match_substring_regex(values, r"^-?\.?[0-9]"))
