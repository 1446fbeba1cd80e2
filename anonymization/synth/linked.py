"""One release of related tables with its evidence: whole households held out, each table measured, and what links them.

Attacks and distances are made on the rows of each table by itself; what a household's composition as a whole gives away
is not attacked, and the evidence says so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.errors import RecipeProblem
from anonymization.tables import parquet_bytes, sha256

from .protocol import UNWATCHED, Bounds, SynthesisError, SynthesisPlan, Watch, bounds
from .related import RelatedTable, RelatedTables
from .several import Syntheses
from .synthesis import NOT_PRIVATE, Split, disclosure, fidelity
from .tables import finished, ready

SCHEMA = "syntheses/related-1"
_SAYS = (
    "Attacks and distances are of the rows of each table by itself. What the composition of a whole household gives "
    "away was not attacked."
)
_EVIDENCE = "Evidence of each table as of a table by itself."
Frames = Mapping[str, pd.DataFrame]
Flags = npt.NDArray[np.bool_]


def planned_related(
    tables: Mapping[str, RelatedTable], rows: Mapping[str, int], min_leaf: int = 50
) -> tuple[Bounds, Bounds]:
    """What learning and drawing take, and what measuring takes; no row is read."""
    fits = RelatedTables(tables, min_leaf).plan(rows)
    each = [bounds(rows[n], len(t.columns), start=30, each=100, basis=_EVIDENCE) for n, t in tables.items()]
    return fits, Bounds(sum(b.seconds for b in each), max(b.megabytes for b in each), _EVIDENCE)


def synthesise_related(
    frames: Frames,
    tables: Mapping[str, RelatedTable],
    plans: Mapping[str, SynthesisPlan],
    seed: int,
    programmes: tuple[str, str] = ("", ""),
    watch: Watch = UNWATCHED,
) -> Syntheses:
    """A synthetic set of related tables and what was measured about it.

    Args:
        frames: the tables by name; direct identifiers may be there and stay behind.
        tables: how they hang together, the household first.
        plans: for each table what is measured of it; columns as those of the table.
        seed: of the split, the draw and the measurements.
        programmes: (table, column) whose codes are programmes, for coverage; ("", "") for none.
        watch: told how far it is, asked whether to go on.

    Raises:
        SynthesisError: when a table cannot be used. RecipeProblem: when they do not hang together.
    """
    if set(plans) != set(tables) or any(set(plans[n].columns) != set(t.columns) for n, t in tables.items()):
        raise RecipeProblem(["Every related table needs a plan with its own columns; correct the recipe."])
    first = next(iter(tables))
    plan = plans[first]
    method = RelatedTables(tables, plan.min_leaf, plan.tail)
    whole = _whole(frames, tables)
    held = _held(whole, tables, plan, seed)
    training = {n: f.iloc[np.flatnonzero(~held[n])].reset_index(drop=True) for n, f in whole.items()}
    holdout = {n: f.iloc[np.flatnonzero(held[n])].reset_index(drop=True) for n, f in whole.items()}
    began = time.process_time()
    method.fit(training, watch)
    drawn, kept = method.sample(plan.rows or len(whole[first]), seed)
    made = time.process_time()
    each: list[dict[str, Any]] = []
    for at, (name, table) in enumerate(tables.items()):
        watch.step(at, len(tables), f"measuring {name}")
        parts = _parts(training[name], holdout[name], plans[name])
        rows = drawn[name][list(table.columns)]
        one = {**fidelity(parts, rows, plans[name], seed), **disclosure(parts, rows, plans[name], seed)}
        each.append({"name": name, "rows": len(rows), "constraints": kept[name], **one})
    out = tuple(drawn[n] for n in tables)
    digests = tuple(sha256(parquet_bytes(t)) for t in out)
    cost = planned_related(tables, {n: len(f) for n, f in whole.items()}, plan.min_leaf)
    evidence = {
        "schema": SCHEMA,
        "differentially_private": False,
        "says": f"{NOT_PRIVATE} {_SAYS}",
        "loss": None,
        "method": {"name": method.name, "version": "1", "seed": seed},
        "settings": {
            "tail": plan.tail,
            "min_leaf": plan.min_leaf,
            "holdout_share": plan.holdout_share,
            "redrawn": "",
        },
        "cost": {
            "planned_seconds": sum(b.seconds for b in cost),
            "planned_megabytes": max(b.megabytes for b in cost),
            "basis": " ".join(b.basis for b in cost),
            "tables_cpu_seconds": round(made - began, 2),
            "evidence_cpu_seconds": round(time.process_time() - made, 2),
        },
        "rows": {
            n: {"training": len(training[n]), "holdout": len(holdout[n]), "synthetic": len(drawn[n])}
            for n in tables
        },
        "columns": {n: {c: str(k.value) for c, k in t.columns.items()} for n, t in tables.items()},
        **{k: each[0][k] for k in ("constraints", "quality", "utility", "privacy")},
        "attacks": max((one["attacks"] for one in each), key=_risk),
        "across": {
            "references": _references(drawn, tables),
            "children": _children(training, holdout, drawn, tables),
            "coverage": _coverage((training, holdout, drawn), tables, programmes),
        },
        "tables": {
            "m": 1,
            "worst": 1,
            "says": f"At the top stand the figures of {first}, and the attacks on the worst table; each has its own.",
            "each": [{**one, "digest": digest} for one, digest in zip(each, digests, strict=True)],
        },
        "output": {"digest": digests[0], "rows": len(out[0]), "columns": [str(c) for c in out[0].columns]},
    }
    return Syntheses(out, evidence, digests, tuple(tables))


def _whole(frames: Frames, tables: Mapping[str, RelatedTable]) -> dict[str, pd.DataFrame]:
    """The tables without rows that belong to nobody; keys as text, positions anew."""
    out: dict[str, pd.DataFrame] = {}
    for name, table in tables.items():
        if name not in frames:
            raise SynthesisError(f"There is no table {name}; register an extract of it.")
        df = frames[name].reset_index(drop=True)
        keys = [k for k in (table.key, table.parent_key) if k]
        absent = [c for c in [*keys, *table.columns] if c not in df.columns]
        if absent:
            raise SynthesisError(
                f"The table {name} has no column {absent[0]}; correct the recipe or the extract."
            )
        df = df.assign(**{k: df[k].astype(str).where(df[k].notna(), None) for k in keys})
        if table.parent:
            df = df[df[table.parent_key].isin(out[table.parent][tables[table.parent].key])].reset_index(
                drop=True
            )
        out[name] = df
    return out


def _held(
    whole: Frames, tables: Mapping[str, RelatedTable], plan: SynthesisPlan, seed: int
) -> dict[str, Flags]:
    """Whole households are held out, with all that hangs on them."""
    held: dict[str, Flags] = {}
    for name, table in tables.items():
        df = whole[name]
        if not table.parent:
            chosen = np.zeros(len(df), dtype=bool)
            order = np.random.default_rng(seed).permutation(len(df))
            chosen[order[: round(len(df) * plan.holdout_share)]] = True
            held[name] = chosen
        else:
            above = whole[table.parent][tables[table.parent].key].iloc[np.flatnonzero(held[table.parent])]
            held[name] = df[table.parent_key].isin(above).to_numpy(dtype=bool)
    return held


def _parts(training: pd.DataFrame, holdout: pd.DataFrame, plan: SynthesisPlan) -> Split:
    every = ready(pd.concat([training, holdout], ignore_index=True), replace(plan, unit_id=""))
    plain = [every.head(len(training)), every.iloc[len(training) :].reset_index(drop=True)]
    true = [finished(part, plain[0], plan.columns) for part in plain]
    return Split(training, plain[0], plain[1], true[0], true[1], len(every))


def _risk(attacks: Mapping[str, Any]) -> float:
    return max(map(float, attacks.get("risks", {}).values()), default=0.0)


def _references(drawn: Frames, tables: Mapping[str, RelatedTable]) -> dict[str, int]:
    """How many rows of each table point at a parent that is not there."""
    return {
        n: int((~drawn[n][t.parent_key].isin(drawn[t.parent][tables[t.parent].key])).sum())
        for n, t in tables.items()
        if t.parent
    }


def _numbers(frames: Frames, tables: Mapping[str, RelatedTable], name: str) -> npt.NDArray[np.int64]:
    """How many children of a table each of its parents has."""
    table = tables[name]
    counts = frames[name][table.parent_key].value_counts()
    keys = frames[table.parent][tables[table.parent].key]
    return np.asarray(keys.map(counts).fillna(0).clip(upper=table.most), dtype=np.int64)


def _children(
    training: Frames, holdout: Frames, drawn: Frames, tables: Mapping[str, RelatedTable]
) -> dict[str, Any]:
    """Total variation of the number of children, beside the hold-out's; and the means."""
    out: dict[str, Any] = {}
    for name in (n for n, t in tables.items() if t.parent):
        every = [_numbers(f, tables, name) for f in (training, holdout, drawn)]
        top = max(int(v.max(initial=0)) for v in every) + 1
        real, never, made = [np.bincount(v, minlength=top) / max(len(v), 1) for v in every]
        out[name] = {
            "parent": tables[name].parent,
            "total_variation": float(np.abs(real - made).sum() / 2),
            "floor": float(np.abs(real - never).sum() / 2),
            "mean": {
                k: float(v.mean()) for k, v in zip(("training", "holdout", "synthetic"), every, strict=True)
            },
        }
    return out


def _coverage(
    every: tuple[Frames, Frames, Frames], tables: Mapping[str, RelatedTable], programmes: tuple[str, str]
) -> dict[str, Any]:
    """The share of households that each programme reaches: of the training rows, the hold-out, the synthetic ones."""
    name, column = programmes
    if not name:
        return {}
    codes = sorted({str(v) for v in every[0][name][column].dropna()})
    shares = [_reached(frames, tables, name, column) for frames in every]
    return {
        code: {k: s.get(code, 0.0) for k, s in zip(("training", "holdout", "synthetic"), shares, strict=True)}
        for code in codes
    }


def _reached(frames: Frames, tables: Mapping[str, RelatedTable], name: str, column: str) -> dict[str, float]:
    """Share of the root's rows with a descendant in `name` that holds each code."""
    first = next(iter(tables))
    at, owner = name, frames[name][tables[name].parent_key]
    while tables[at].parent != first:
        at = tables[at].parent
        up = dict(zip(frames[at][tables[at].key], frames[at][tables[at].parent_key], strict=True))
        owner = owner.map(up)
    pairs = (
        pd.DataFrame({"code": frames[name][column].astype(str), "owner": owner}).dropna().drop_duplicates()
    )
    return {str(c): int(n) / max(len(frames[first]), 1) for c, n in pairs["code"].value_counts().items()}
