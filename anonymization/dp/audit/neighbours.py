"""Neighbouring registries: one with its worst household, one without it, and a crowd of such pairs in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.dp.queries import DpQuery

#: The column that tells the worlds of a crowd apart.
WORLD = "world"
#: Between a value and its world, where a value must be another one in every world.
BESIDE = "@"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two neighbouring tables and the question that both are asked.

    Args:
        query: the question.
        with_it, without: the tables, with and without the worst household.
        worlds: 1, or in a crowd how many pairs the tables hold side by side.
    """

    query: DpQuery
    with_it: pd.DataFrame
    without: pd.DataFrame
    worlds: int = 1


def pair(
    query: DpQuery, others: Sequence[Mapping[str, object]], worst: Sequence[Mapping[str, object]]
) -> Pair:
    """The registry of `others` with and without the rows of one household, `worst`; rows as dicts of columns."""
    columns = list(worst[0])
    return Pair(query, _table([*others, *worst], columns), _table(others, columns))


def _table(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    # One data type for both tables: object, as from a CSV file, so that no neighbour changes another's.
    return pd.DataFrame({c: pd.Series([r[c] for r in rows], dtype=object) for c in columns})


def crowd(one: Pair, worlds: int) -> Pair:
    """Many copies of a pair in one table, each in groups of its own, asked about in one question.

    Every cell of a world depends on the rows of that world alone, and has noise of its own: one real answer to the
    crowd's question shows `worlds` independent answers to the pair's. Households are other households in every world,
    and a key that is to be found is another key in every world. That cells do depend on nothing else is what asking
    one by one, without a crowd, watches over.
    """
    names = tuple(f"w{i}" for i in range(worlds))
    query = one.query
    if not query.unknown_keys:
        query = replace(query, group_by={**query.group_by, WORLD: names})
    with_it, without = (_copies(table, one.query, names) for table in (one.with_it, one.without))
    return Pair(query, with_it, without, worlds)


def _copies(table: pd.DataFrame, query: DpQuery, names: Sequence[str]) -> pd.DataFrame:
    out = {c: np.tile(table[c].to_numpy(dtype=object), len(names)) for c in table.columns}
    world = np.repeat(np.array(names, dtype=object), len(table))
    for column in (query.unit_id, *query.unknown_keys[:1]):
        its = [f"{value}{BESIDE}{w}" for value, w in zip(out[column], world, strict=True)]
        out[column] = np.array(its, dtype=object)
    return pd.DataFrame({**out, WORLD: world})


def told_apart(query: DpQuery, frame: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """An answer to a crowd's question with its keys as in the pair, and the world that each row is of."""
    if WORLD in frame.columns:
        return frame, _numbered(frame[WORLD])
    for column in query.unknown_keys[:1]:
        parts = frame[column].astype(str).str.rpartition(BESIDE)
        if len(frame) and (parts[1] == BESIDE).all():
            return frame.assign(**{column: parts[0]}), _numbered(parts[2])
    return frame, np.zeros(len(frame), dtype=np.int64)


def _numbered(names: pd.Series[Any]) -> npt.NDArray[np.int64]:
    return names.astype(str).str.removeprefix("w").to_numpy().astype(np.int64)
