"""Tables as bytes: one table, one sequence of bytes, so that a digest means something."""

from __future__ import annotations

import hashlib
import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """A copy with positions for an index and text for column names (index labels are never trusted here)."""
    copy = table.reset_index(drop=True)
    copy.columns = pd.Index([str(c) for c in copy.columns])
    return copy


def parquet_bytes(table: pd.DataFrame) -> bytes:
    """The table as Parquet: the same rows, types and library versions give the same bytes.

    Columns of mixed Python values are written as text. No index and no pandas metadata are stored.
    """
    columns = {}
    for name in table.columns:
        values = table[name].reset_index(drop=True)
        try:
            columns[str(name)] = pa.Array.from_pandas(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[str(name)] = pa.Array.from_pandas(values.astype("string"))
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd", version="2.6", store_schema=False)
    return sink.getvalue()


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()
