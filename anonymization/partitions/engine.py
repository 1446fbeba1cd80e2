"""The passes in their order: intake, one pass for each stage of the recipe, a second look, and the rows in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import pyarrow as pa

from anonymization.errors import RecipeProblem
from anonymization.keys import KeyRing
from anonymization.partitions import leaks, measuring
from anonymization.partitions.conform import reasons_counted
from anonymization.partitions.executors import Executor
from anonymization.partitions.intake import PLACE, RAW, ROW, Taken, refuse_too_many
from anonymization.partitions.shapes import Shape
from anonymization.partitions.stages import Stage, stages
from anonymization.partitions.store import Store
from anonymization.partitions.work import Job, Verified, Wanted, carry, kept_as, verify
from anonymization.partitions.work import Told as Said
from anonymization.planning import Plan
from anonymization.recipe import Recipe
from anonymization.schema import FieldType
from anonymization.steps.base import GlobalStep
from anonymization.steps.evidence import merged

#: Told (what is being done, rows done, rows in all); the rows start again with every pass.
Told = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """What came out: rows still in their buckets, and everything that is known of them.

    Args:
        evidence: of each step, in order.
        before, after: the risk reports; survivors, numbers: see leaks.Survivors.
        set_aside: (row number, reason), by row.
    """

    job: Job
    parts: int
    released: str
    shape: Shape
    rows: int
    rows_in: int
    evidence: tuple[dict[str, Any], ...]
    before: dict[str, Any]
    after: dict[str, Any]
    survivors: dict[str, int]
    numbers: int
    set_aside: tuple[tuple[int, str], ...]

    @property
    def schema(self) -> pa.Schema:
        return self.shape.schema()

    def tables(self) -> Iterator[pa.Table]:
        """The release in its order, a bucket at a time: the same rows in the same order for every partitioning."""
        names = (*self.shape.names, ROW, PLACE)
        for bucket in range(self.job.buckets):
            held = [
                self.shape.cast(self.job.store.one_table(self.released, part, bucket), names)
                for part in range(self.parts)
            ]
            rows = pa.concat_tables(held).sort_by([(PLACE, "ascending"), (ROW, "ascending")])
            yield rows.drop_columns([ROW, PLACE])

    def reasons(self) -> dict[str, int]:
        return reasons_counted([reason for _, reason in self.set_aside])


def household_of(recipe: Recipe, parts: int) -> str:
    """The column whose rows stay together in one partition: that of the risk, and of every step with a unit.

    Raises:
        RecipeProblem: they name several, and there is more than one partition.
    """
    steps = (str(getattr(step, "unit", "")) for step in recipe.built_steps())
    units = list(dict.fromkeys(u for u in (recipe.risk.household, *steps) if u))
    if len(units) > 1 and parts > 1:
        raise RecipeProblem(
            [
                (
                    f"Steps and risk name several units ({', '.join(units)}), whose rows cannot all stay together. "
                    "Name one of them throughout, or take one partition."
                )
            ]
        )
    return units[0] if units else ""


def job_of(
    todo: Plan,
    store: Store,
    keys: KeyRing,
    taken: Taken,
    types: Mapping[str, FieldType],
    *,
    scope: str,
    reference_date: date,
    text: bool = False,
    comma: bool = False,
    processes: int = 1,
) -> Job:
    """The run of a plan over what was taken in; `types` of the input's columns."""
    return Job(
        recipe=todo.recipe,
        steps=todo.recipe.built_steps(),
        intents=todo.intents,
        keys=keys,
        scope=scope,
        reference_date=reference_date,
        store=store,
        types=dict(types),
        gaps=taken.survey.gaps_of_text(types) if text else taken.survey.gaps(),
        text=text,
        comma=comma,
        household=household_of(todo.recipe, taken.parts),
        rows=taken.rows,
        shuffled=any(intent.rows == "reordered" for intent in todo.intents),
        processes=processes,
    )


def run_passes(job: Job, taken: Taken, executor: Executor, *, limit: int, told: Told) -> Made:
    """All passes over partitions that are in the store already; what is done already is not done again.

    Raises:
        Unusable, BrokenIntent: as the steps; more rows than `limit` cannot be used.
    """
    passes = stages(job.steps)
    source = RAW
    for stage in passes:
        last = stage is passes[-1]
        _over(
            job,
            partial(carry, job, stage, source, last),
            stage.name,
            taken,
            executor,
            _says(job, stage),
            told,
        )
        tolds = _facts(job, stage, taken)
        if stage.number == 0:
            set_aside = (*taken.set_aside, *(r for t in tolds for r in t.set_aside))
            refuse_too_many([reason for _, reason in set_aside], limit)
        if stage.writes:
            job.store.keep(f"shape-{stage.name}", Shape.unified([t.shape for t in tolds if t.shape]))
            if source != RAW:
                job.store.drop(source)
            source = stage.name
        if stage.closes is not None and job.store.kept(f"decision{stage.closes}") is None:
            step = job.steps[stage.closes]
            scans = [job.store.kept(kept_as(f"scan{stage.closes}", p)) for p in range(taken.parts)]
            decision = step.decide(scans, job.context()) if isinstance(step, GlobalStep) else None
            job.store.keep(f"decision{stage.closes}", decision)
    return _second_look(job, taken, executor, passes, told)


def _over(
    job: Job, work: Callable[[int], int], name: str, taken: Taken, executor: Executor, says: str, told: Told
) -> None:
    """One pass over the partitions that are not done yet."""
    left = [p for p in range(taken.parts) if job.store.told(name, p) is None]
    rows = [0]
    told(says, 0, taken.rows)

    def done(more: int) -> None:
        rows[0] += more
        told(says, min(rows[0], taken.rows), taken.rows)

    executor.run(work, left, done)


def _says(job: Job, stage: Stage) -> str:
    doing = [job.intents[n].says for n in stage.acts]
    if stage.closes is not None:
        doing.append(f"Looks at all rows for {job.steps[stage.closes].kind}.")
    return " ".join(doing) or "Puts the rows in order."


def _facts(job: Job, stage: Stage, taken: Taken) -> list[Said]:
    """What a pass told of its partitions, without the evidence of its steps, which may be large."""
    return [replace(job.store.told(stage.name, p), evidence={}) for p in range(taken.parts)]


def _second_look(job: Job, taken: Taken, executor: Executor, passes: Sequence[Stage], told: Told) -> Made:
    parts = range(taken.parts)
    settings = job.recipe.risk.settings()
    job.store.begin()
    first, last = _facts(job, passes[0], taken), _facts(job, passes[-1], taken)
    before = measuring.measure((job.store.kept(kept_as("before", p)) for p in parts), settings)
    after = measuring.measure((job.store.kept(kept_as("after", p)) for p in parts), settings)
    shown = leaks.merged([job.store.kept(kept_as("shown", p)) for p in parts])
    wanted = Wanted(
        before.risks if before.shared else None, after.risks if after.shared else None, shown, passes[-1].name
    )
    job.store.keep("wanted", wanted)
    says = "Measures the risk before and after, and looks for identifiers that are left."
    _over(job, partial(verify, job), "verify", taken, executor, says, told)
    left = leaks.Survivors(shown)
    homes: tuple[list[measuring.Together], list[measuring.Together]] = ([], [])
    for part in parts:
        look: Verified = job.store.told("verify", part)
        left.add(look.sought)
        for found, home in zip((look.before, look.after), homes, strict=True):
            home.extend([found] if found else [])
    by_step = [
        merged(job.store.told(stage.name, p).evidence[number] for p in parts)
        for stage in passes
        for number in stage.acts
    ]
    aside = sorted((*taken.set_aside, *(r for t in first for r in t.set_aside)))
    return Made(
        job=job,
        parts=taken.parts,
        released=passes[-1].name,
        shape=job.store.kept(f"shape-{passes[-1].name}"),
        rows=sum(t.rows for t in last),
        rows_in=sum(t.rows_in for t in first),
        evidence=tuple(by_step),
        before=measuring.report_of(before, homes[0]),
        after=measuring.report_of(after, homes[1]),
        survivors=left.by_identifier(),
        numbers=left.in_text(),
        set_aside=tuple(aside),
    )
