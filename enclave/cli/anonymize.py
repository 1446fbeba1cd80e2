"""`enclave anonymize`: a recipe over a file, end to end, without portal or database."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from anonymization.keys import KeyRing
    from anonymization.partitions.executors import Executor
    from anonymization.partitions.files import Attack, FileRun
    from anonymization.planning import Plan
    from anonymization.recipe import Recipe
    from policies import Decision

DAY = click.DateTime(formats=["%Y-%m-%d"])
FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--recipe", "recipe_file", required=True, metavar="R", help="A recipe in YAML, or a packaged one's name."
)
@click.option("--in", "source", required=True, type=FILE, metavar="FILE", help="The extract: CSV or Parquet.")
@click.option("--out", "folder", type=FILE, metavar="DIR", help="Where the release and its evidence go.")
@click.option(
    "--plan", "only_plan", is_flag=True, help="Say what would be done and what it costs; read no row."
)
@click.option("--as-of", type=DAY, help="The day at which ages are taken. Default: today.")
@click.option("--dictionary", type=FILE, help="A data dictionary: types and roles of the columns.")
@click.option(
    "--type", "types", multiple=True, metavar="COLUMN=TYPE", help="string, integer, number, boolean or date."
)
@click.option("--scope", default="", help="What the pseudonyms are for. Default: the recipe's dataset.")
@click.option(
    "--key-file",
    type=FILE,
    help="The secret behind pseudonyms and draws; made when absent. Default: one-time.",
)
@click.option(
    "--limit",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Share of rows that may be set aside (ten in any case).",
)
@click.option(
    "--partitions", type=click.IntRange(1, 10_000), help="Into how many parts. The release is the same."
)
@click.option(
    "--processes", type=click.IntRange(1, 512), default=os.cpu_count() or 1, show_default="all processors"
)
@click.option("--scheduler", default="", metavar="tcp://…", help="Work on an existing Dask cluster instead.")
@click.option("--work", type=FILE, metavar="DIR", help="Sealed work files; a stopped run goes on from them.")
@click.option("--resume", is_flag=True, help="Go on with a stopped run; refuse when there is none.")
@click.option("--csv", is_flag=True, help="Write the release as CSV too.")
@click.option("--attack", is_flag=True, help="Attack the recipe with a hold-out; into the evidence.")
@click.option("--gate", is_flag=True, help="Exit with 1 where the policy would not let the release pass.")
def anonymize(
    recipe_file: str,
    source: Path,
    folder: Path | None,
    as_of: datetime | None,
    dictionary: Path | None,
    types: tuple[str, ...],
    scope: str,
    key_file: Path | None,
    limit: float,
    partitions: int | None,
    processes: int,
    scheduler: str,
    work: Path | None,
    *,
    only_plan: bool,
    resume: bool,
    csv: bool,
    attack: bool,
    gate: bool,
) -> None:
    """Run a recipe on a file: the release, evidence.json and evidence.md in DIR.

    Needs no portal and no database, and publishes nothing. Exit codes: 0 done, 1 the data cannot be used (or, with
    --gate, the policy holds the release), 2 the command or the recipe is wrong.
    """
    from anonymization.errors import AnonymizationError, RecipeProblem  # noqa: PLC0415 - heavy
    from anonymization.partitions.files import FileRun, plan_file  # noqa: PLC0415 - heavy

    try:
        recipe = _recipe(recipe_file)
        said, roles = _described(dictionary, types)
        how = FileRun(
            recipe,
            _no_keys(),
            scope or f"dataset:{recipe.dataset}",
            as_of.date() if as_of else datetime.now(UTC).date(),
            types=said,
            roles=roles,
            limit=limit,
        )
        # What is wrong with the recipe is said before anything is made.
        todo = plan_file(how, source)
        if only_plan:
            _print_plan(todo)
            return
        if folder is None:
            raise click.UsageError("Name the folder for the release: --out DIR")
        if resume and (key_file is None or not (work or folder / ".work").is_dir()):
            raise click.UsageError(
                "There is no stopped run to go on with. A run that may be resumed needs --key-file, and the same work "
                "directory and file again."
            )
        how = replace(how, keys=_keys(key_file))
        decision = _run(
            how,
            source,
            folder,
            work,
            partitions,
            processes,
            scheduler,
            csv=csv,
            attack=attack,
            one_time=key_file is None,
        )
    except RecipeProblem as error:
        _refuse(error.problems, 2)
    except AnonymizationError as error:
        _refuse([error.sentence], 1)
    else:
        if gate and decision.outcome.value != "allow":
            sys.exit(1)


def _run(
    how: FileRun,
    source: Path,
    folder: Path,
    work: Path | None,
    partitions: int | None,
    processes: int,
    scheduler: str,
    *,
    csv: bool,
    attack: bool,
    one_time: bool,
) -> Decision:
    from anonymization.partitions.files import comfortable, run_file  # noqa: PLC0415 - heavy
    from anonymization.partitions.sources import open_file  # noqa: PLC0415 - heavy
    from enclave.cli.anonymize_report import (  # noqa: PLC0415
        as_markdown,
        columns_that_identify,
        facts_of,
        refuse_other_files,
    )
    from policies import PolicyBook  # noqa: PLC0415

    parts = partitions or comfortable(open_file(source).rows(), 1 if scheduler else processes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(
            f"The folder {folder.name} cannot be made: {error.strerror}. Name another."
        ) from None
    refuse_other_files(folder)
    executor = _executor(scheduler, min(processes, parts))
    bar = _Bar()
    try:
        how = replace(
            how,
            partitions=parts,
            executor=executor,
            processes=processes,
            told=bar,
            attack=_attack(how) if attack else None,
        )
        name = how.recipe.dataset
        made = run_file(
            how,
            source,
            folder / f"{name}.parquet",
            work or folder / ".work",
            folder / f"{name}.csv" if csv else None,
        )
    finally:
        executor.close()
        bar.close()
        if one_time and work is None:  # nobody can open what a stopped run left
            shutil.rmtree(folder / ".work", ignore_errors=True)
    telling = columns_that_identify(folder / f"{name}.parquet", how.recipe.roles)
    evidence = {**made.evidence, "columns_that_identify": telling}
    decision = PolicyBook.packaged().decide("deidentification", facts_of(evidence), datetime.now(UTC).date())
    evidence["gate"] = decision.to_dict()
    _write(folder / "evidence.json", json.dumps(evidence, indent=2, ensure_ascii=False, default=str) + "\n")
    _write(folder / "evidence.md", as_markdown(evidence))
    if made.set_aside:
        lines = [f"{row + 1},{json.dumps(reason, ensure_ascii=False)}\n" for row, reason in made.set_aside]
        _write(folder / "set-aside.csv", "row,reason\n" + "".join(lines))
        click.echo(f"{len(made.set_aside):,} rows were set aside; set-aside.csv says which and why.")
    click.echo(f"{made.rows:,} rows in {folder / f'{name}.parquet'}, sha256 {made.digest}.")
    click.echo(f"The policy {decision.policy} says: {decision.outcome.value}.")
    for finding in decision.findings:
        if finding.outcome.value != "allow":
            click.echo(f"  {finding.outcome.value}: {finding.sentence}")
    if not attack and decision.outcome.value != "allow":
        click.echo("The attacks were not made. To measure the risks that they find, run again with --attack.")
    return decision


def _recipe(named: str) -> Recipe:
    from anonymization.recipe import load_recipe, packaged_recipe, packaged_recipes  # noqa: PLC0415 - heavy

    return packaged_recipe(named) if named in packaged_recipes() else load_recipe(Path(named))


def _described(
    dictionary: Path | None, types: tuple[str, ...]
) -> tuple[Mapping[str, Any], Mapping[str, str] | None]:
    """What is said of the columns: types by name, and roles where there is a data dictionary."""
    from anonymization.schema import FieldType  # noqa: PLC0415

    out: dict[str, FieldType] = {}
    roles = None
    if dictionary is not None:
        from enclave.catalogue.dictionary import load_dictionary  # noqa: PLC0415
        from enclave.kernel.errors import Invalid  # noqa: PLC0415

        try:
            described = load_dictionary(dictionary)
        except Invalid as error:
            raise click.UsageError("\n".join(error.problems)) from None
        out = {c.name: FieldType(c.type.value) for c in described.columns}
        roles = {c.name: c.role.value for c in described.columns}
    for entry in types:
        name, _, kind = entry.rpartition("=")
        if not name or kind not in set(FieldType):
            raise click.UsageError(f"--type wants COLUMN=TYPE, with one of: {', '.join(FieldType)}")
        out[name] = FieldType(kind)
    return out, roles


def _keys(file: Path | None) -> KeyRing:
    """The keys of a file; of a one-time secret when none is named."""
    from anonymization.keys import KeyRing  # noqa: PLC0415

    if file is None:
        click.echo(
            "No --key-file: the pseudonyms of this run are under a one-time key and match no other run.",
            err=True,
        )
        return KeyRing(secrets.token_bytes(32))
    if not file.exists():
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_hex(32) + "\n")
        click.echo(
            f"Made a new key in {file}. Keep it apart from the data; whoever has both can undo pseudonyms.",
            err=True,
        )
    return KeyRing(file.read_bytes().strip())


def _no_keys() -> KeyRing:
    """For a plan, which makes no pseudonym."""
    from anonymization.keys import KeyRing  # noqa: PLC0415

    return KeyRing(secrets.token_bytes(32))


def _executor(scheduler: str, processes: int) -> Executor:
    from anonymization.partitions.executors import Pool, Serial  # noqa: PLC0415

    if scheduler:
        from anonymization.partitions.dask_cluster import Dask  # noqa: PLC0415

        return Dask(scheduler)
    return Pool(processes) if processes > 1 else Serial()


def _attack(how: FileRun) -> Attack:
    """The attacks of `anonymization.attacks`, on a part of the extract."""

    def tried(rows: Any, todo: Plan) -> dict[str, object]:
        from anonymization.attacks.microdata import attack_microdata  # noqa: PLC0415 - heavy

        return attack_microdata(
            how.recipe, rows, how.keys, scope=how.scope, reference_date=how.reference_date, schema=todo.schema
        )

    return tried


def _print_plan(todo: Plan) -> None:
    from anonymization.partitions.stages import stages  # noqa: PLC0415

    for number, sentence in enumerate(todo.sentences, start=1):
        click.echo(f"{number}. {sentence}")
    passes = len(stages(todo.recipe.built_steps()))
    gone = [n for n in todo.schema.names if todo.result.get(n) is None]
    changed = sorted({c for i in todo.intents for c in i.changes} & set(todo.result.names))
    click.echo(f"Costs: {passes + 2} passes over the rows ({passes} to change them, one in, one to measure).")
    click.echo(f"Goes: {', '.join(gone) or 'nothing'}. Changes: {', '.join(changed) or 'nothing'}.")
    if todo.watch:
        click.echo(f"Stays visible outside the key variables: {', '.join(todo.watch)}.")


class _Bar:
    """Progress on standard error: a bar on a terminal, a line for each pass elsewhere."""

    def __init__(self) -> None:
        self._says, self._since, self._shown = "", datetime.now(UTC), 0.0

    def __call__(self, says: str, done: int, rows: int) -> None:
        now = datetime.now(UTC)
        if says != self._says:
            self.close()
            self._says, self._since, self._shown = says, now, 0.0
            if not sys.stderr.isatty():
                click.echo(says, err=True)
        spent = (now - self._since).total_seconds()
        if not sys.stderr.isatty() or (done < rows and spent - self._shown < 0.2):
            return
        self._shown = spent
        rate = done / spent if spent else 0.0
        left = f", {(rows - done) / rate:,.0f} s left" if rate and done < rows else ""
        filled = "█" * (20 * done // max(1, rows))
        click.echo(
            f"\r\033[K{filled:░<20} {done:,} of {rows:,} rows, {rate:,.0f}/s{left}  {says[:60]}",
            nl=False,
            err=True,
        )

    def close(self) -> None:
        if self._says and sys.stderr.isatty():
            click.echo("", err=True)


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    part.replace(path)


def _refuse(problems: Any, code: int) -> None:
    for problem in problems:
        click.echo(problem, err=True)
    sys.exit(code)
