"""Several tables of one synthesis, each drawn with the model's parameters drawn anew, and one evidence about all.

Errors from tables of one single fit leave out that the fit itself could have come out otherwise. Each table's method
therefore learns a random half of the training rows, without replacement: its parameters vary as over bootstrap samples
(Friedman and Hall 2007), and no household counts twice, so that the smallest leaf keeps its promise. A private method
measures once; its noisy counts are drawn anew from what they leave open, which costs nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from anonymization.dp.accountant import Loss
from anonymization.pipeline import Candidate
from anonymization.tables import parquet_bytes, sha256

from .choosing import Judge, choose
from .constraints import kept
from .methods import synthesizer
from .private import PrivateTree
from .protocol import UNWATCHED, Bounds, SynthesisError, SynthesisPlan, Synthesizer, Watch, bounds
from .synthesis import (
    NOT_PRIVATE,
    PRIVATE,
    Split,
    disclosure,
    fidelity,
    held_out_alone,
    split,
    synthesise,
)

SCHEMA = "syntheses/1"
#: What a table's own evidence may hold in place of that of all.
_OWN = ("quality", "utility", "privacy", "attacks")
_EVIDENCE = "Bounds stated from above: the evidence of five tables of 20,000 rows and 18 columns took 100 s and 0.8 GB."
#: Apart enough that no two tables share a seed, whatever rounds the rules take.
_APART = 10_007


@dataclass(frozen=True, slots=True)
class Syntheses:
    """What may become a release.

    Args:
        tables: m of them, row keys first.
        evidence: of all together; `tables` holds each one's own.
        digests: SHA-256 of each table's Parquet bytes.
        names: of related tables; empty where all are draws of one table.
    """

    tables: tuple[pd.DataFrame, ...]
    evidence: dict[str, Any]
    digests: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Each table with the evidence that a gate weighs: its own fidelity, and what all of them give away."""
        each = self.evidence["tables"]["each"]
        return tuple(
            Candidate(table, {**self.evidence, **{k: one[k] for k in _OWN if k in one}}, digest)
            for table, one, digest in zip(self.tables, each, self.digests, strict=True)
        )


def planned(plan: SynthesisPlan, rows: int, tables: int) -> tuple[Bounds, Bounds]:
    """What learning and drawing take, and what measuring takes, of a table of so many rows; no row is read."""
    one = synthesizer(plan).plan(plan.columns, rows)
    fits = Bounds(one.seconds * tables, one.megabytes, one.basis)
    return fits, bounds(rows * tables, len(plan.columns), start=60, each=100, basis=_EVIDENCE)


def synthesise_several(
    df: pd.DataFrame,
    plan: SynthesisPlan,
    tables: int,
    seed: int,
    watch: Watch = UNWATCHED,
    measured: Mapping[str, Any] | None = None,
) -> Syntheses:
    """So many tables and what was measured about them.

    Args:
        df, plan, seed: as `synthesise`.
        tables: m; with 1 the method learns from all training rows and nothing is drawn anew.
        measured: of a private method, what `PrivateTree.told` gave once it was paid for; nothing more is spent then.

    Raises:
        As `synthesise`.
    """
    if tables == 1 and measured is None:
        return _single(synthesise(df, plan, seed, watch))
    parts = split(df, plan, seed)
    cost = planned(plan, parts.size, tables)
    private = synthesizer(plan)
    if isinstance(private, PrivateTree):
        if measured is None:
            private.fit(parts.rows, _stage(watch, "noisy counts"))
        else:
            private.take(measured)
    drawn: list[pd.DataFrame] = []
    each: list[dict[str, Any]] = []
    began = time.process_time()
    for at in range(tables):
        stage = f"table {at + 1} of {tables}"
        method, wanted = _fitted(private, parts, plan, seed + at, _stage(watch, stage), redrawn=tables > 1)
        rows, done = kept(method.sample, wanted, seed + _APART * at, plan.rules)
        drawn.append(rows)
        each.append({"rows": len(rows), "constraints": done})
    made = time.process_time()
    for at, rows in enumerate(drawn):
        watch.step(at, tables, "measuring fidelity")
        # What is combined over all tables is measured once.
        others = drawn[1:] if at == 0 else []
        each[at] |= fidelity(parts, rows, plan, seed, others, fresh=tables > 1)
        each[at]["utility"]["models"] = each[0]["utility"]["models"]
    watch.step(0, 1, "measuring disclosure")
    together = disclosure(parts, pd.concat(drawn, ignore_index=True), plan, seed)
    out = tuple(_keyed(rows, plan.unit_id) for rows in drawn)
    digests = tuple(sha256(parquet_bytes(table)) for table in out)
    worst = max(range(tables), key=lambda i: each[i]["quality"]["pairs"]["mean"])
    loss = private.loss if isinstance(private, PrivateTree) else None
    evidence = {
        "schema": SCHEMA,
        "differentially_private": loss is not None,
        "says": PRIVATE if loss else NOT_PRIVATE,
        "loss": _loss(loss) if loss else None,
        "method": {"name": private.name, "version": private.version, "seed": seed},
        "settings": {
            "tail": plan.tail,
            "min_leaf": plan.min_leaf if plan.method == "cart" else None,
            "holdout_share": plan.holdout_share,
            "redrawn": _REDRAWN[bool(loss)] if tables > 1 else "",
        },
        "cost": {
            "planned_seconds": sum(b.seconds for b in cost),
            "planned_megabytes": max(b.megabytes for b in cost),
            "basis": " ".join(b.basis for b in cost),
            "tables_cpu_seconds": round(made - began, 2),
            "evidence_cpu_seconds": round(time.process_time() - made, 2),
        },
        "rows": {
            "training": len(parts.training),
            "holdout": len(parts.holdout),
            "synthetic": sum(map(len, drawn)),
        },
        "columns": {name: str(kind.value) for name, kind in plan.columns.items()},
        "constraints": each[worst]["constraints"],
        "quality": each[worst]["quality"],
        "utility": each[worst]["utility"],
        **together,
        "tables": {
            "m": tables,
            "worst": worst + 1,
            "says": "quality and utility are the worst table's; privacy and attacks are of all tables together.",
            "each": [{**one, "digest": digest} for one, digest in zip(each, digests, strict=True)],
        },
        "output": {"digest": digests[0], "rows": len(out[0]), "columns": [str(c) for c in out[0].columns]},
    }
    return Syntheses(out, evidence, digests)


def noisy_counts(
    df: pd.DataFrame, plan: SynthesisPlan, seed: int, watch: Watch = UNWATCHED
) -> dict[str, Any]:
    """What a private method measures of the rows that it learns from; spends its loss. The caller charges it first.

    Nothing is read off the rows but the counts: what could fail on the rows themselves comes after.
    """
    method = synthesizer(plan)
    if not isinstance(method, PrivateTree):
        raise SynthesisError(
            "Only a differentially private method measures noisy counts; correct the recipe."
        )
    held = held_out_alone(df, plan, seed)
    method.fit(df.iloc[np.flatnonzero(~held)], watch)
    return method.told()


def best_of(
    df: pd.DataFrame,
    plan: SynthesisPlan,
    methods: Sequence[str],
    tables: int,
    seed: int,
    judge: Judge,
    *,
    seconds: float,
    megabytes: int,
    watch: Watch = UNWATCHED,
) -> Syntheses:
    """Tables by the best of some methods; the evidence says which, and why, and holds what was measured of all.

    Args:
        As `choose` and `synthesise_several`.
    """
    choice = choose(df, plan, methods, seed, judge, seconds=seconds, megabytes=megabytes, watch=watch)
    if tables == 1:
        return _single(choice.candidate)
    made = synthesise_several(df, choice.plan, tables, seed, watch)
    return replace(made, evidence={**made.evidence, "choice": choice.candidate.evidence["choice"]})


_REDRAWN = {
    False: "Each table's method learnt another random half of the training rows.",
    True: "Each table's noisy counts were drawn anew from what noise and sampling leave open.",
}


def _fitted(
    first: Synthesizer, parts: Split, plan: SynthesisPlan, seed: int, watch: Watch, *, redrawn: bool
) -> tuple[Synthesizer, int]:
    """A method with its parameters drawn anew, and how many rows to draw."""
    if isinstance(first, PrivateTree):
        wanted = plan.rows or round(first.households / (1 - plan.holdout_share))
        return (first.redrawn(seed) if redrawn else first), wanted
    method, rows = synthesizer(plan), parts.training
    if redrawn:
        half = np.random.default_rng([seed, 1]).permutation(len(rows))[: math.ceil(len(rows) / 2)]
        rows = rows.iloc[np.sort(half)].reset_index(drop=True)
    method.fit(rows, watch)
    return method, plan.rows or parts.size


def _stage(watch: Watch, stage: str) -> Watch:
    """The same watch, told which table it is."""

    def told(done: int, of: int, what: str) -> None:
        watch.progress(done, of, f"{stage}: {what}")

    return Watch(told, watch.cancelled)


def _single(made: Candidate) -> Syntheses:
    evidence: dict[str, Any] = dict(made.evidence)
    one = {k: evidence[k] for k in ("quality", "utility", "constraints")} | {
        "rows": len(made.table),
        "digest": made.digest,
    }
    evidence["tables"] = {"m": 1, "worst": 1, "says": "", "each": [one]}
    return Syntheses((made.table,), evidence, (made.digest,))


def _keyed(rows: pd.DataFrame, unit_id: str) -> pd.DataFrame:
    """New row keys; the same numbers in each table, and nobody's."""
    if not unit_id:
        return rows
    table = rows.copy()
    table.insert(0, unit_id, [f"S{i:08d}" for i in range(1, len(rows) + 1)])
    return table


def _loss(loss: Loss) -> dict[str, Any]:
    return {"epsilon": loss.epsilon, "delta": loss.delta, "rho": loss.rho, "unit": "household"}
