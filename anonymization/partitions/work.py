"""One partition through one pass: the only functions that workers run. Each can be done twice with one result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anonymization.draws import uniforms
from anonymization.keys import KeyRing
from anonymization.partitions import leaks, measuring
from anonymization.partitions.conform import ARROW, conform
from anonymization.partitions.held import held
from anonymization.partitions.intake import PLACE, RAW, ROW
from anonymization.partitions.shapes import Shape
from anonymization.partitions.stages import Stage
from anonymization.partitions.store import Store, in_frames
from anonymization.recipe import Recipe
from anonymization.schema import FieldType
from anonymization.steps.base import Context, GlobalStep, Intent, Step, StepEvidence
from anonymization.tables import arrow_of, frame_of

#: Rows of the release that are put in order together.
BUCKET = 100_000


@dataclass(frozen=True, slots=True)
class Job:
    """What all passes of one run share.

    Args:
        steps, intents: of the recipe, in order.
        types: of the input's columns. text, comma: how its cells are written (see sources).
        gaps: of the input's columns (see tables.gaps_of).
        household: the column whose rows stay together.
        rows: rows of the input.
        shuffled: whether the release's order is a secret one.
        processes: how many processes a step may start itself.
    """

    recipe: Recipe
    steps: tuple[Step | GlobalStep, ...]
    intents: tuple[Intent, ...]
    keys: KeyRing
    scope: str
    reference_date: date
    store: Store
    types: Mapping[str, FieldType]
    gaps: Mapping[str, bool]
    text: bool
    comma: bool
    household: str
    rows: int
    shuffled: bool
    processes: int = 1

    @property
    def buckets(self) -> int:
        return max(1, -(-self.rows // BUCKET))

    def context(self, part: int = 0) -> Context:
        return Context(self.keys, self.scope, self.reference_date, self.processes, part)


@dataclass(slots=True)
class Told:
    """What a pass tells of one partition.

    Args:
        rows_in, rows: before and after.
        evidence: of each step that was carried out.
        shape: of the rows that were written.
        set_aside: (row number, reason).
    """

    rows_in: int
    rows: int = 0
    evidence: dict[int, StepEvidence] = field(default_factory=dict)
    shape: Shape | None = None
    set_aside: tuple[tuple[int, str], ...] = ()


def kept_as(what: str, part: int) -> str:
    """Where a partition's larger findings lie; each is there before the pass tells of the partition."""
    return f"{what}-{part:05d}"


def carry(job: Job, stage: Stage, source: str, last: bool, part: int) -> int:
    """One partition through one stage; the number of rows that came in."""
    job.store.begin()
    table, gaps, set_aside = _load(job, source, part)
    told = Told(rows_in=table.num_rows, set_aside=set_aside)
    frame = _frame(table, gaps)
    settings = job.recipe.risk.settings()
    if stage.number == 0:
        job.store.keep(kept_as("before", part), measuring.scan(frame, settings))
    context = job.context(part)
    for number in stage.acts:
        frame, told.evidence[number] = held(_act(job, stage, number, context), job.intents[number], frame)
    if stage.closes is not None:
        scan = _scan(job.steps[stage.closes], frame.copy(deep=True), context)
        job.store.keep(kept_as(f"scan{stage.closes}", part), scan)
    told.rows = len(frame)
    sink = job.store.sink(stage.name, part)
    if stage.writes:
        changed = {c for n in stage.acts for c in job.intents[n].changes}
        out = _arrow(frame, table, changed)
        told.shape = Shape.of(out, table.schema, changed)
        if last:
            job.store.keep(kept_as("after", part), measuring.scan(frame, settings))
            job.store.keep(kept_as("shown", part), leaks.shown(out, job.recipe))
        numbers = frame.index.to_numpy(dtype=np.int64)
        for rows in (
            _placed(job, out, numbers) if last else in_frames(out.append_column(ROW, pa.array(numbers)))
        ):
            sink.add(rows)
    sink.close(told)
    return told.rows_in


def _act(job: Job, stage: Stage, number: int, context: Context) -> Any:
    step = job.steps[number]
    if number == stage.opens and isinstance(step, GlobalStep):
        decision = job.store.kept(f"decision{number}")
        return lambda table: step.carry_out(table, decision, context)
    return lambda table: step.apply(table, context)


def _scan(step: Step | GlobalStep, frame: pd.DataFrame, context: Context) -> Any:
    return step.scan(frame, context) if isinstance(step, GlobalStep) else None


def _load(
    job: Job, source: str, part: int, columns: tuple[str, ...] = ()
) -> tuple[pa.Table, Mapping[str, bool], tuple[tuple[int, str], ...]]:
    """The rows (with their numbers in ROW), the gaps of the whole table, and what was set aside just now."""
    tables = list(job.store.tables(source, part))
    if source != RAW:
        shape: Shape = job.store.kept(f"shape-{source}")
        wanted = (*(columns or shape.names), ROW)
        return shape.cast(pa.concat_tables(tables, promote_options="permissive"), wanted), shape.gaps, ()
    if not tables:
        return frame_types(job).append_column(ROW, pa.array([], pa.int64())), job.gaps, ()
    raw = pa.concat_tables(t.select([*(columns or job.types), ROW]) for t in tables)
    types = {name: job.types[name] for name in columns or job.types}
    household = job.household if job.household in types else ""
    done = conform(raw, types, household=household, comma=job.comma)
    numbers = raw.column(ROW).combine_chunks().filter(pa.array(done.good))
    all_numbers = raw.column(ROW).to_numpy()
    set_aside = tuple((int(all_numbers[i]), reason) for i, reason in done.reasons)
    return done.table.append_column(ROW, numbers), job.gaps, set_aside


def frame_types(job: Job) -> pa.Table:
    """The input's columns without rows."""
    return pa.table({name: pa.array([], ARROW[kind]) for name, kind in job.types.items()})


def _frame(table: pa.Table, gaps: Mapping[str, bool]) -> pd.DataFrame:
    return frame_of(table.drop_columns([ROW]), gaps, table.column(ROW).to_numpy())


def _arrow(frame: pd.DataFrame, source: pa.Table, changed: set[str]) -> pa.Table:
    """As Arrow; a column that no step changed has the type that it came with."""
    out = arrow_of(frame)
    for i, name in enumerate(out.column_names):
        if (
            name not in changed
            and name in source.column_names
            and out.column(i).type != source.schema.field(name).type
        ):
            out = out.set_column(i, name, out.column(i).cast(source.schema.field(name).type))
    return out


def _placed(job: Job, table: pa.Table, numbers: Any) -> list[pa.Table]:
    """The rows in buckets by their place in the release, each in order: the same places in every partition."""
    if job.shuffled:
        places = uniforms(job.keys, job.scope, "order", numbers)
        bucket = (places * job.buckets).astype(np.int64)
    else:
        places = numbers.astype(np.float64)
        bucket = numbers * job.buckets // max(1, job.rows)
    order = np.lexsort((numbers, places))
    table = (
        table.append_column(ROW, pa.array(numbers))
        .append_column(PLACE, pa.array(places))
        .take(pa.array(order))
    )
    ends = np.searchsorted(bucket[order], np.arange(job.buckets + 1))
    return [table.slice(a, b - a) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]


@dataclass(frozen=True, slots=True)
class Verified:
    """Args: before, after: households' risk; sought: direct identifiers looked up among what the release shows."""

    before: measuring.Together | None
    after: measuring.Together | None
    sought: Mapping[str, leaks.Sought]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the second look needs. Args: before, after: distinct keys with their risks, None where not needed."""

    before: measuring.Risks | None
    after: measuring.Risks | None
    shown: leaks.Shown
    released: str


def verify(job: Job, part: int) -> int:
    """The second look at one partition, once everything is known of all of them; the number of rows."""
    job.store.begin()
    wanted: Wanted = job.store.kept("wanted")
    settings = job.recipe.risk.settings()
    keys = tuple(dict.fromkeys((*settings.keys, settings.household))) if settings.household else settings.keys
    direct = leaks.direct_columns(job.recipe)
    names = tuple(dict.fromkeys((*direct, *(keys if wanted.before is not None else ()))))
    sought: Mapping[str, leaks.Sought] = {}
    before = after = None
    rows = 0
    if names:
        table, gaps, _ = _load(job, RAW, part, names)
        told: Told = job.store.told("pass0", part)
        if told.set_aside:
            out = pa.array([n for n, _ in told.set_aside], pa.int64())
            table = table.filter(pc.invert(pc.is_in(table.column(ROW), out)))
        rows = table.num_rows
        sought = leaks.sought(table.select(direct), wanted.shown)
        if wanted.before is not None:
            before = measuring.together(_frame(table, gaps), wanted.before, settings)
    if wanted.after is not None:
        table, gaps, _ = _load(job, wanted.released, part, keys)
        after = measuring.together(_frame(table, gaps), wanted.after, settings)
    sink = job.store.sink("verify", part)
    sink.close(Verified(before, after, sought))
    return rows


def some_rows(job: Job, parts: int, least: int = 50_000) -> pd.DataFrame:
    """Whole households of the extract, as many as the first partitions have: a keyed sample, for attacks to try."""
    held, rows = [], 0
    for part in range(parts):
        if rows >= least:
            break
        table, gaps, _ = _load(job, RAW, part)
        held.append(_frame(table, gaps))
        rows += table.num_rows
    return pd.concat(held, ignore_index=True)
