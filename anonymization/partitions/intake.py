"""Rows into partitions: a household stays whole, and where it lands is a secret that says nothing about the order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anonymization.draws import uniforms
from anonymization.errors import Unusable
from anonymization.keys import KeyRing, normalise
from anonymization.partitions.sources import Source
from anonymization.partitions.store import Sink, Store, in_frames
from anonymization.partitions.survey import Survey

Ints = npt.NDArray[np.int64]
#: Names of what the engine adds to a row: its number in the input, and its place in the output.
ROW, PLACE = "__row__", "__place__"
RAW = "raw"
_HELD = 1 << 18  # rows that wait in memory for their partition's file
_PLAIN = r"^[!-~]+$"


@dataclass(frozen=True, slots=True)
class Taken:
    """What intake found.

    Args:
        parts: how many partitions have rows; rows: all rows that can be told apart into cells.
        digest: of the input; survey: of the columns; set_aside: (row number, reason) of the rows that cannot.
    """

    parts: int
    rows: int
    digest: str
    survey: Survey
    set_aside: tuple[tuple[int, str], ...]


def take_in(
    source: Source,
    store: Store,
    keys: KeyRing,
    scope: str,
    *,
    household: str,
    parts: int,
    digest: str,
    limit: int,
    told: Callable[[int], None],
) -> Taken:
    """Reads the source once, in batches, into at most `parts` partitions of the store, numbered from 0.

    Args:
        household: the column whose rows stay together; "" where every row stands alone.
        limit: how many rows may be set aside.
        told: told how many rows were read.

    Raises:
        Unusable: no rows at all in a file, too many that cannot be used.
    """
    if {ROW, PLACE} & set(source.names):
        raise Unusable(f"No column may be called {ROW} or {PLACE}: rename it.")
    survey = Survey()
    sinks: dict[int, Sink] = {}
    waiting: dict[int, list[pa.Table]] = {}
    held = 0
    for batch, numbers in source.batches():
        survey.see(batch, text=source.text)
        batch = batch.append_column(ROW, pa.array(numbers))  # noqa: PLW2901
        for number, rows in _split(batch, keys, scope, household, parts):
            waiting.setdefault(number, []).append(rows)
        held += batch.num_rows
        if held >= _HELD:
            _write(waiting, sinks, store)
            held = 0
            store.begin()
        told(survey.rows)
        if len(source.set_aside) > limit:
            break
    refuse_too_many([r for _, r in source.set_aside], limit)
    if not survey.rows and source.text:
        raise Unusable("The file has a header but no rows. Send the extract itself.")
    _write(waiting, sinks, store)
    if not sinks:  # a table without rows is a partition without rows
        _sink(0, sinks, store)
    for sink in sinks.values():
        sink.close(None)
    return Taken(len(sinks), survey.rows, digest, survey, tuple(source.set_aside))


def refuse_too_many(reasons: list[str], limit: int) -> None:
    """Raises Unusable when more rows are set aside than the limit allows; says why they were."""
    if len(reasons) <= limit:
        return
    from anonymization.partitions.conform import reasons_counted  # noqa: PLC0415 - only to refuse

    why = "; ".join(f"{n} rows: {reason}" for reason, n in list(reasons_counted(reasons).items())[:5])
    raise Unusable(
        f"{len(reasons)} rows or more cannot be used and at most {limit} may be set aside ({why}). "
        "Correct the extract, or say what the columns hold."
    )


def _split(
    batch: pa.Table, keys: KeyRing, scope: str, household: str, parts: int
) -> list[tuple[int, pa.Table]]:
    if parts == 1 or not batch.num_rows:
        return [(0, batch)] if batch.num_rows else []
    units = unit_hashes(batch.column(household)) if household else batch.column(ROW).to_numpy()
    where = (uniforms(keys, scope, "partition", units) * parts).astype(np.int64)
    order = np.argsort(where, kind="stable")
    ends = np.searchsorted(where[order], np.arange(parts + 1))
    sorted_rows = batch.take(pa.array(order))
    return [
        (i, sorted_rows.slice(start, end - start))
        for i, (start, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True))
        if end > start
    ]


def _write(waiting: dict[int, list[pa.Table]], sinks: dict[int, Sink], store: Store) -> None:
    for number, tables in waiting.items():
        sink = sinks.get(number) or _sink(number, sinks, store)
        for frame in in_frames(pa.concat_tables(tables)):
            sink.add(frame.combine_chunks())
    waiting.clear()


def _sink(number: int, sinks: dict[int, Sink], store: Store) -> Sink:
    """Partitions are numbered as they come, so that none is without rows."""
    sinks[number] = store.sink(RAW, len(sinks))
    return sinks[number]


def unit_hashes(units: pa.ChunkedArray) -> Ints:
    """A number for each row's unit, shape (rows,): equal for values that have one pseudonym. Not a secret by itself."""
    return text_hashes(units)


def text_hashes(cells: pa.ChunkedArray, shortest: int = 0) -> Ints:
    """A 64-bit hash of each cell's normalised text (see keys.normalise), shape (rows,); 0 where it is missing.

    Args:
        shortest: texts of fewer characters count as missing.
    """
    if pa.types.is_binary(cells.type):
        try:
            cells = cells.cast(pa.string())
        except pa.ArrowInvalid:
            cells = pa.chunked_array([[(v or b"").decode("utf-8", "replace") for v in cells.to_pylist()]])
    if pa.types.is_integer(cells.type):
        cells = cells.cast(pa.string())
    coded = cells.combine_chunks().dictionary_encode() if cells.num_chunks else pa.array([], pa.string())
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    distinct = coded.dictionary if pa.types.is_dictionary(coded.type) else pa.array([], pa.string())
    plain = pa.types.is_string(distinct.type) and pc.all(pc.match_substring_regex(distinct, _PLAIN)).as_py()
    texts = distinct.to_pylist()
    if not plain:
        texts = [normalise(v) or "" for v in texts]
    texts = np.array([*(t if len(t) >= max(1, shortest) else "" for t in texts), ""], dtype=object)
    hashed = pd.util.hash_array(texts, categorize=False).view(np.int64)
    hashed[texts == ""] = 0
    places = coded.indices.fill_null(len(distinct)).to_numpy() if len(coded) else np.zeros(0, dtype=np.int64)
    return np.asarray(hashed[places], dtype=np.int64)
