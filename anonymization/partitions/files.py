"""A recipe over a file: streamed in, worked on in sealed partitions, streamed out; stopped anywhere, it goes on.

The work directory holds what the extract holds, sealed under a key that derives from the pseudonym keys; it is removed
when the release is there. What a run is (recipe, input, key, day, types) is bound into the seal: files of another
run do not open, so a wrong directory costs time and never correctness.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from anonymization.errors import Unusable
from anonymization.evidence import evidence_pack
from anonymization.keys import KeyRing
from anonymization.partitions.engine import Made, Told, household_of, job_of, run_passes
from anonymization.partitions.executors import Executor, Serial
from anonymization.partitions.intake import Taken, take_in
from anonymization.partitions.kinds import kind_of, kinds, schema_of, treated_as_numbers
from anonymization.partitions.memory import lean
from anonymization.partitions.sealed import Seal
from anonymization.partitions.sources import CsvSource, ParquetSource, open_file
from anonymization.partitions.store import DirectoryStore, open_directory
from anonymization.partitions.work import some_rows
from anonymization.planning import Plan, plan
from anonymization.recipe import Recipe
from anonymization.schema import FieldType, Schema
from anonymization.tables import write_parquet

#: Attacks on rows of an extract by its plan; returns their evidence.
Attack = Callable[[pd.DataFrame, Plan], dict[str, object]]
#: Rows that make a partition a comfortable size: some hundred megabytes of one worker's memory.
_COMFORTABLE = 200_000
_MOST = 1_000
_FEW = 10
FORMAT = "work/1"


@dataclass(frozen=True, slots=True)
class FileRun:
    """How a file is run.

    Args:
        recipe, keys, scope, reference_date: as `pipeline.run`.
        types: what a data dictionary says of the columns; the file and its cells say the rest.
        roles: the data dictionary's, which the recipe's may exceed and never fall short of; None for none.
        partitions: into how many; 0 for as many as are comfortable. The release does not depend on it.
        limit: how many rows may be set aside, as a share of all rows; ten may in any case, unless it is 0.
        executor: who does the work; processes: how many a step may start where the work runs in this process.
        told: told (what, rows done, rows in all).
        attack: tried on a random part of the extract (whole households) before the work directory goes; its evidence
            joins the pack.
    """

    recipe: Recipe
    keys: KeyRing
    scope: str
    reference_date: date
    types: Mapping[str, FieldType] = field(default_factory=dict)
    roles: Mapping[str, str] | None = None
    partitions: int = 0
    limit: float = 0.01
    executor: Executor = field(default_factory=Serial)
    processes: int = 1
    told: Told = lambda _says, _done, _rows: None
    attack: Attack | None = None


@dataclass(frozen=True, slots=True)
class FileMade:
    """What a run left. Args: evidence: the pack; digest: SHA-256 of the Parquet file; rows: of the release."""

    evidence: dict[str, object]
    digest: str
    rows: int
    set_aside: tuple[tuple[int, str], ...]
    made: Made
    todo: Plan


def run_file(how: FileRun, path: Path, release: Path, work: Path, csv: Path | None = None) -> FileMade:
    """Carries out a recipe on a CSV or Parquet file.

    Args:
        path: the extract.
        release: where the Parquet file goes; it appears whole or not at all.
        work: the work directory; one that a stopped run left is taken up where it stopped.
        csv: where the same rows go as CSV as well.

    Raises:
        RecipeProblem, Unusable, BrokenIntent: as `pipeline.run`; too many rows cannot be used; the directory is in use.
    """
    lean()
    source = open_file(path)
    _has_header(how, source)
    plan(
        how.recipe, expected_schema(how, source)
    )  # what is wrong with the recipe is said before a row is read
    digest = source.digest
    with _work(how, work, digest) as store:
        taken = _taken(how, source, store, digest)
        types = kinds(
            source.names,
            taken.survey,
            text=source.text,
            comma=source.comma,
            declared=how.types,
            numbers=treated_as_numbers(how.recipe, source.names),
        )
        todo = plan(how.recipe, schema_of(types, how.recipe, how.roles))
        job = job_of(
            todo, store, how.keys, taken, types, scope=how.scope, reference_date=how.reference_date,
            text=source.text, comma=source.comma, processes=how.processes if how.executor.alone else 1,
        )  # fmt: skip
        made = run_passes(job, taken, how.executor, limit=_limit(how, taken.rows), told=how.told)
        attacks = {} if how.attack is None else {"attacks": how.attack(some_rows(job, taken.parts), todo)}
        out = _write(made, release, csv, how.told)
        evidence = {**evidence_pack(todo, made, digest, out), **attacks}
        store.remove()
    return FileMade(evidence, out, made.rows, made.set_aside, made, todo)


def plan_file(how: FileRun, path: Path) -> Plan:
    """The plan, from the names of the columns and what is declared of them; no row is read."""
    source = open_file(path)
    _has_header(how, source)
    return plan(how.recipe, expected_schema(how, source))


def expected_schema(how: FileRun, source: CsvSource | ParquetSource) -> Schema:
    """As far as it is known without reading a row: what the recipe treats as numbers is taken for numbers."""
    numbers = treated_as_numbers(how.recipe, source.names)
    types = {n: FieldType.NUMBER if n in numbers else FieldType.STRING for n in source.names}
    if isinstance(source, ParquetSource):
        types |= {n: kind_of(held) for n, held in source.held().items()}
    return schema_of({**types, **how.types}, how.recipe, how.roles)


def comfortable(rows: int, processes: int = 1) -> int:
    """Into how many partitions so many rows go, so that each fits a worker and every worker has one."""
    return min(_MOST, max(-(-rows // _COMFORTABLE), min(processes, rows // 20_000), 1))


def _limit(how: FileRun, rows: int) -> int:
    return max(int(how.limit * rows), _FEW if how.limit else 0)


def _has_header(how: FileRun, source: CsvSource | ParquetSource) -> None:
    """A file without a header has people in its first line: those are not repeated in a refusal."""
    if 2 * len(set(source.names) & set(how.recipe.columns)) < len(how.recipe.columns):
        raise Unusable(
            "The first line of the file does not hold the names of most columns that the recipe decides. Give the file "
            "its header, or take the recipe that was written for it."
        )


def _taken(how: FileRun, source: CsvSource | ParquetSource, store: DirectoryStore, digest: str) -> Taken:
    known: Taken | None = store.kept("taken")
    if known is not None:
        return known
    expected = source.rows()
    parts = how.partitions or comfortable(expected)
    taken = take_in(
        source, store, how.keys, how.scope,
        household=household_of(how.recipe, parts), parts=parts, digest=digest,
        limit=_limit(how, max(expected, 1)) + 100,  # an estimate; the exact limit is held to when all rows were read
        told=lambda rows: how.told("Reads the rows.", rows, max(rows, expected)),
    )  # fmt: skip
    store.keep("taken", taken)
    return taken


@contextmanager
def _work(how: FileRun, work: Path, digest: str) -> Iterator[DirectoryStore]:
    """The work directory, for this process alone."""
    run = hashlib.sha256(json.dumps(_identity(how, digest), sort_keys=True).encode()).digest()
    store = open_directory(work, Seal(how.keys.sub_key(how.scope, "work files"), run))
    handle = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(
                "Another run is using this work directory. Wait for it, or name another."
            ) from None
        store.sweep()
        yield store
    finally:
        os.close(handle)


def _identity(how: FileRun, digest: str) -> dict[str, object]:
    """What makes two runs the same run."""
    return {
        "format": FORMAT,
        "product": version("registry-enclave"),
        "arrow": pa.__version__,
        "recipe": how.recipe.digest,
        "input": digest,
        "key_version": how.keys.version,
        "scope": how.scope,
        "reference_date": how.reference_date.isoformat(),
        "types": {name: kind.value for name, kind in how.types.items()},
        "partitions": how.partitions,
    }


def _write(made: Made, release: Path, csv: Path | None, told: Told) -> str:
    """The release in its order, streamed; the digest of the Parquet file."""
    done = 0

    def rows(writer: pa_csv.CSVWriter | None) -> Iterator[pa.Table]:
        nonlocal done
        for table in made.tables():
            if writer is not None:
                writer.write_table(table)
            yield table
            done += table.num_rows
            told("Writes the release.", done, made.rows)

    part = _beside(release)
    csv_part = None if csv is None else _beside(csv)
    try:
        with part.open("xb") as sink:
            if csv_part is None:
                write_parquet(rows(None), made.schema, sink)
            else:
                with csv_part.open("xb") as text, pa_csv.CSVWriter(text, made.schema) as writer:
                    write_parquet(rows(writer), made.schema, sink)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        part.replace(release)
        if csv is not None and csv_part is not None:
            csv_part.replace(csv)
    finally:
        part.unlink(missing_ok=True)
        if csv_part is not None:
            csv_part.unlink(missing_ok=True)
    return digest


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
