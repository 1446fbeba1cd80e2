"""Neighbouring registries: one with its worst household, one without it, and a crowd of such pairs in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from anonymization.dp.queries import DpQuery

#: The column that tells the worlds of a crowd apart.
WORLD = "world"


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
    """Many copies of a pair in one table, each in a group of its own, asked about in one question.

    Every cell of a world depends on the rows of that world alone, and has noise of its own: one real answer to the
    crowd's question shows `worlds` independent answers to the pair's. Households are other households in every world.
    That cells do depend on nothing else is what asking one by one, without a crowd, watches over.
    """
    names = tuple(f"w{i}" for i in range(worlds))
    query = replace(one.query, group_by={**one.query.group_by, WORLD: names})
    with_it, without = (_copies(table, one.query.unit_id, names) for table in (one.with_it, one.without))
    return Pair(query, with_it, without, worlds)


def _copies(table: pd.DataFrame, unit_id: str, names: Sequence[str]) -> pd.DataFrame:
    out = {c: np.tile(table[c].to_numpy(dtype=object), len(names)) for c in table.columns}
    world = np.repeat(np.array(names, dtype=object), len(table))
    out[unit_id] = np.array(
        [f"{unit}-{w}" for unit, w in zip(out[unit_id], world, strict=True)], dtype=object
    )
    return pd.DataFrame({**out, WORLD: world})
