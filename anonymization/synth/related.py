"""Tables that hang together (household, person, enrolment, payment): parents are drawn first, children given them.

Each table is learnt by trees (`cart`): a parent with the number of its children, a child with what its parent holds.
A child's draw is then conditional on its parent's. Keys are made anew, so every reference holds by construction.
Siblings are drawn independently given their parent, which loses what they share beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType

from .cart import Cart
from .constraints import Rule, kept
from .protocol import UNWATCHED, Bounds, SynthesisError, Watch, bounds
from .tables import FEWEST_ROWS, plain

_COUNT, _ABOVE = "children of {0}", "parent's {0}"


@dataclass(frozen=True, slots=True)
class RelatedTable:
    """One table of several.

    Args:
        key: its row key; "" where no other table points at it.
        columns: what is synthesised, without keys.
        parent, parent_key: the table that its rows belong to, and the column that names the parent's row; "" for the
            root, which is the household: it is the unit of privacy, and nothing of it hangs on another's.
        most: the most rows that one parent has; more are left out, the first by their order in the table stay.
        rules: what every row must keep.
    """

    key: str
    columns: Mapping[str, FieldType]
    parent: str = ""
    parent_key: str = ""
    most: int = 20
    rules: tuple[Rule, ...] = ()


class RelatedTables:
    """Sequential synthesis of related tables.

    Args:
        tables: name to description, parents before children, one root.
        min_leaf: as in `Cart`, in rows of each table.
        tail: as in `SynthesisPlan`.

    Raises:
        RecipeProblem: when the tables do not hang together.
    """

    name = "related_cart"

    def __init__(self, tables: Mapping[str, RelatedTable], min_leaf: int = 50, tail: float = 0.005) -> None:
        self._tables, self._min_leaf, self._tail = dict(tables), min_leaf, tail
        self._models: dict[str, Cart] = {}
        said, seen = [], set[str]()
        for name, table in self._tables.items():
            if not table.columns:
                said.append(f"The table {name} has no column to synthesise; name one or leave it out.")
            if bool(table.parent) != bool(seen) or (table.parent and table.parent not in seen):
                said.append(f"The table {name} must come after its parent, and only the first has none.")
            elif table.parent and not (table.parent_key and self._tables[table.parent].key):
                said.append(f"The table {name} needs its parent's key, and the column that points at it.")
            seen.add(name)
        if said or not seen:
            raise RecipeProblem(said or ["Name the tables to synthesise."])

    def plan(self, rows: Mapping[str, int]) -> Bounds:
        """What it will take, from the number of rows of each table."""
        basis = "Upper line above measured fits of a household, person, enrolment and payment table."
        each = [bounds(rows[n], len(self._learnt(n)), start=5, each=60, basis=basis) for n in self._tables]
        return Bounds(sum(b.seconds for b in each), math.ceil(sum(b.megabytes for b in each)), basis)

    def fit(self, frames: Mapping[str, pd.DataFrame], watch: Watch = UNWATCHED) -> None:
        """Learns all tables; called off, it keeps nothing.

        Raises:
            SynthesisError: when a table or column is missing, keys are not unique, or a table is too small.
        """
        self._models = {}
        ready: dict[str, pd.DataFrame] = {}
        models: dict[str, Cart] = {}
        for name in self._tables:
            ready[name] = self._read(name, frames, ready)
        for at, (name, table) in enumerate(self._tables.items()):
            watch.step(at, len(self._tables), "tables")
            kinds = self._learnt(name)
            given = pd.DataFrame(index=ready[name].index)
            if table.parent:
                above = ready[table.parent]
                where = above.set_index(self._tables[table.parent].key).loc[ready[name][table.parent_key]]
                given = _above(where.reset_index(drop=True), self._tables[table.parent].columns)
            counts = {
                _COUNT.format(child): _children(ready[name][table.key], ready[child][known.parent_key])
                for child, known in self._tables.items()
                if known.parent == name
            }
            seen = pd.concat([given, ready[name][list(table.columns)], pd.DataFrame(counts)], axis=1)
            models[name] = Cart(kinds, self._min_leaf)
            models[name].fit(seen[list(kinds)])
        self._models = models

    def sample(self, households: int, seed: int) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """New tables, and what was done in each so that its rules are kept; the same seed draws the same tables."""
        if not self._models:
            raise SynthesisError("The synthesizer must be fitted before it is sampled.")
        drawn: dict[str, pd.DataFrame] = {}
        whole: dict[str, pd.DataFrame] = {}
        done: dict[str, Any] = {}
        for at, (name, table) in enumerate(self._tables.items()):
            model, given, owner = self._models[name], pd.DataFrame(), np.zeros(0, dtype=np.int64)
            count = households
            if table.parent:
                above = whole[table.parent]
                numbers = above[_COUNT.format(name)].to_numpy(dtype=np.int64).clip(0, table.most)
                owner = np.repeat(np.arange(len(above)), numbers)
                given = _above(above.iloc[owner].reset_index(drop=True), self._tables[table.parent].columns)
                count = len(owner)
            rows, done[name] = _kept_in_place(model, given, count, seed + 1_000 * at, table.rules)
            whole[name] = rows
            out = rows[list(table.columns)].copy()
            if table.key:
                out.insert(0, table.key, [f"{name[:1].upper()}{i:09d}" for i in range(1, count + 1)])
            if table.parent:
                keys = drawn[table.parent][self._tables[table.parent].key].to_numpy()
                out.insert(1 if table.key else 0, table.parent_key, keys[owner])
            drawn[name] = out
        return drawn, done

    def _learnt(self, name: str) -> dict[str, FieldType]:
        """What the trees of a table see, in order: the parent's columns, its own, the numbers of children."""
        table = self._tables[name]
        above = self._tables[table.parent].columns if table.parent else {}
        counts = {_COUNT.format(c): FieldType.INTEGER for c, t in self._tables.items() if t.parent == name}
        return {**{_ABOVE.format(c): kind for c, kind in above.items()}, **table.columns, **counts}

    def _read(
        self, name: str, frames: Mapping[str, pd.DataFrame], ready: Mapping[str, pd.DataFrame]
    ) -> pd.DataFrame:
        """Rows that belong to a parent, in plain types, at most `most` of each."""
        table = self._tables[name]
        df = frames.get(name)
        keys = [k for k in (table.key, table.parent_key) if k]
        absent = [name] if df is None else [c for c in [*keys, *table.columns] if c not in df.columns]
        if df is None or absent:
            raise SynthesisError(
                f"There is no {absent[0]} in what was given; correct the recipe or the extract."
            )
        if table.key and not (df[table.key].is_unique and df[table.key].notna().all()):
            raise SynthesisError(f"The key {table.key} of {name} is missing or given twice; clean it first.")
        out = df.reset_index(drop=True)
        if table.parent:
            known = out[table.parent_key].isin(ready[table.parent][self._tables[table.parent].key])
            out = out[known]
            out = out[out.groupby(table.parent_key).cumcount() < table.most].reset_index(drop=True)
        if len(out) < FEWEST_ROWS:
            raise SynthesisError(
                f"The table {name} needs {FEWEST_ROWS} rows or more: with fewer, rows would be copied."
            )
        held = {c: plain(out[c], kind, self._tail) for c, kind in table.columns.items()}
        return pd.DataFrame({**{k: out[k] for k in keys}, **held})


def _above(df: pd.DataFrame, columns: Mapping[str, FieldType]) -> pd.DataFrame:
    return df[list(columns)].rename(columns=_ABOVE.format)


def _children(keys: pd.Series, pointing: pd.Series) -> pd.Series:
    return keys.map(pointing.value_counts()).fillna(0).astype("float64")


def _kept_in_place(
    model: Cart, given: pd.DataFrame, count: int, seed: int, rules: Sequence[Rule]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """As `kept`, but each row stays with its parent: a row that breaks a rule is drawn again for the same parent."""
    if not len(given.columns):
        return kept(model.sample, count, seed, rules)
    left, parts = np.arange(count), list[pd.DataFrame]()
    done: dict[str, Any] = {
        "rules": dict.fromkeys((r.says for r in rules), 0),
        "rows_drawn": 0,
        "rows_mended": 0,
    }
    for turn in range(20):
        if turn and not len(left):
            break
        rows = model.sample_given(given.iloc[left], seed + turn).set_axis(left, axis=0)
        before = np.zeros(len(rows), dtype=bool)
        for rule in rules:
            wrong = rule.broken(rows)
            done["rules"][rule.says] += int(wrong.sum())
            before |= wrong
            rows = rule.mended(rows, wrong) if wrong.any() else rows
        after = np.zeros(len(rows), dtype=bool)
        for rule in rules:
            after |= rule.broken(rows)
        done["rows_drawn"] += len(rows)
        done["rows_mended"] += int((before & ~after).sum())
        parts.append(rows[~after])
        left = left[after]
    if len(left):
        raise SynthesisError(
            "Too few drawn rows keep the rules of the data dictionary; check them against the extract."
        )
    return pd.concat(parts).sort_index().reset_index(drop=True), {**done, "rows_kept": count}
