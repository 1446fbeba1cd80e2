"""Plan, then run: what a recipe would do to an extract, and doing it, each step held to what it said."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa

from anonymization.errors import BrokenIntent, RecipeProblem
from anonymization.evidence import evidence_pack
from anonymization.keys import KeyRing
from anonymization.partitions.engine import Made, Told, household_of, job_of, run_passes
from anonymization.partitions.executors import Serial
from anonymization.partitions.intake import take_in
from anonymization.partitions.kinds import kinds
from anonymization.partitions.sources import FrameSource, Source
from anonymization.partitions.store import MemoryStore
from anonymization.planning import Plan, plan
from anonymization.recipe import Recipe
from anonymization.schema import Schema
from anonymization.tables import parquet_bytes, release_frame, sha256, write_parquet

#: Called with (steps done, steps in all, what is being done), for a progress bar.
Progress = Callable[[int, int, str], None]

__all__ = ["Candidate", "Plan", "Progress", "plan", "process", "run"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may become a release: the table, its evidence, and the SHA-256 of the Parquet bytes to store."""

    table: pd.DataFrame
    evidence: dict[str, object]
    digest: str

    def parquet(self) -> bytes:
        """The bytes; raises BrokenIntent when the table was changed since it was measured."""
        data = parquet_bytes(self.table)
        if sha256(data) != self.digest:
            raise BrokenIntent(
                "The table was changed after it was measured, so it may not be stored. Run the recipe again."
            )
        return data


def run(
    recipe: Recipe,
    table: pd.DataFrame,
    keys: KeyRing,
    *,
    scope: str,
    reference_date: date,
    schema: Schema | None = None,
    progress: Progress | None = None,
    processes: int = 2,
    partitions: int = 1,
) -> Candidate:
    """Carries out `recipe` on `table` (which is not changed).

    Args:
        recipe: what to do.
        table: the extract, one row a unit (or several, as the recipe says); its index is ignored.
        keys: the pseudonym keys.
        scope: what the pseudonyms are for.
        reference_date: the day at which ages are taken.
        schema: the data dictionary's types; without it they are read off the table's dtypes.
        progress: told before each step.
        processes: how many processes free text may use.
        partitions: in how many parts the rows are treated; the release is the same for any number.

    Raises:
        RecipeProblem: as `plan`. Unusable: the table lacks something. BrokenIntent: a defect; nothing may be
            released.
    """
    source = FrameSource(table)
    todo = plan(recipe, schema or Schema.infer(source.frame, recipe.roles))
    if set(source.names) != set(todo.schema.names):
        raise RecipeProblem(
            ["The table's columns are not those of the schema that was planned for. Plan again."]
        )
    source.frame = source.frame[list(todo.schema.names)]
    says = dict(enumerate(todo.sentences))

    def told(passed: str, _done: int, _rows: int) -> None:
        if progress:
            for number in [n for n, sentence in says.items() if sentence in passed]:
                progress(number, len(todo.intents), says.pop(number))

    made = process(
        todo, source, keys, scope=scope, reference_date=reference_date, partitions=partitions, processes=processes,
        told=told,
    )  # fmt: skip
    data = pa.concat_tables([made.schema.empty_table(), *made.tables()])
    sink = io.BytesIO()
    write_parquet([data], made.schema, sink)
    digest = sha256(sink.getvalue())
    if progress:
        progress(len(todo.intents), len(todo.intents), "Measures the risk before and after.")
    return Candidate(release_frame(data), evidence_pack(todo, made, source.digest, digest), digest)


def process(
    todo: Plan,
    source: Source,
    keys: KeyRing,
    *,
    scope: str,
    reference_date: date,
    partitions: int = 1,
    processes: int = 1,
    told: Told = lambda _says, _done, _rows: None,
) -> Made:
    """Carries out a plan on rows in memory, in this process; files: `anonymization.partitions.files`.

    Raises:
        As `run`; no row may be set aside.
    """
    store = MemoryStore()
    household = household_of(todo.recipe, partitions)
    taken = take_in(
        source, store, keys, scope, household=household, parts=partitions, digest="", limit=0,
        told=lambda rows: told("Reads the rows.", rows, source.rows()),
    )  # fmt: skip
    types = kinds(source.names, taken.survey, text=False, comma=False, declared={})
    job = job_of(
        todo, store, keys, taken, types, scope=scope, reference_date=reference_date, processes=processes
    )
    return run_passes(job, taken, Serial(), limit=0, told=told)
