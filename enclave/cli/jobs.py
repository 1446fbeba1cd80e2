"""`enclave jobs`, what the worker was ordered to do and calling it off; and `enclave extract synthesise`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from enclave.cli.common import as_json, enclave, extract_named, signed_in, table

if TYPE_CHECKING:
    from enclave.extracts.synthesis_plans import Planned
    from enclave.kernel.work import Job


@click.group()
def jobs() -> None:
    """What the worker was ordered to do: how far it is, and calling it off."""


@jobs.command("list")
@click.option("--json", "machine", is_flag=True, help="As JSON, for another program.")
@click.option("--all", "every", is_flag=True, help="Those that are done too.")
def jobs_list(*, machine: bool, every: bool) -> None:
    """Every order that is not done: its state, how far it is, and what its plan allows."""
    house = enclave()
    found = [j for j in house.orders.all(signed_in(house)) if every or j.state != "done"]
    if machine:
        as_json([_told(job) for job in found])
        return
    table(
        [(j.id, j.kind, j.state, j.attempts, progress_in_words(j), j.error) for j in found],
        "id", "step", "state", "attempts", "progress", "says",
    )  # fmt: skip


@jobs.command("cancel")
@click.argument("id_", metavar="ID")
def jobs_cancel(id_: str) -> None:
    """Call an order off. What was paid for privacy stays paid; a release that was made before stands."""
    house = enclave()
    job = house.orders.cancel(signed_in(house), id_)
    if job.state == "cancelled":
        click.echo("The order is called off. It can be ordered again.")
    else:
        click.echo("The worker was told to stop; it does within seconds. See: enclave jobs list.")


@click.command("synthesise")
@click.argument("id_", metavar="ID")
@click.option("--recipe", "name", default="", help="A recipe of the dataset; without it, its usual one.")
@click.option(
    "--plan", "only_plan", is_flag=True, help="Say what it takes and what the gate will ask; read no row."
)
@click.option(
    "--order", "for_worker", is_flag=True, help="Have the worker do it, and see it in enclave jobs list."
)
@click.option("--again", is_flag=True, help="With --order: once more although it was done and held.")
@click.option("--json", "machine", is_flag=True, help="The plan as JSON, for another program.")
def synthesise(id_: str, name: str, *, only_plan: bool, for_worker: bool, again: bool, machine: bool) -> None:
    """Make the synthetic release of an extract by a recipe; done twice it is made once. Ctrl-C calls it off."""
    house = enclave()
    who = signed_in(house)
    id_ = extract_named(house, who, id_)
    todo = house.synthesising.plan(who, id_, name)
    if machine:
        as_json(_plan(todo))
    else:
        for line in plan_in_words(todo):
            click.echo(line, err=not only_plan)
    if only_plan:
        return
    if for_worker:
        if todo.problems:
            raise click.ClickException("Nothing was ordered. " + " ".join(todo.problems))
        from enclave.extracts.orders import synthesis_key  # noqa: PLC0415

        key = synthesis_key(id_, name)
        job = house.extracts.order(who, "synthesise", {"extract": id_, "recipe": name}, key=key, again=again)
        click.echo(f"The order is {job.state}. See: enclave jobs list. Stop it: enclave jobs cancel {job.id}")
        return
    from anonymization.synth.protocol import Watch  # noqa: PLC0415

    told = set[str]()

    def progress(done: int, of: int, what: str) -> None:
        stage, _, _ = what.partition(":")
        if stage not in told:
            told.add(stage)
            click.echo(f"  {what} ({done} of {of})", err=True)

    made = house.synthesising.synthesise(who, id_, name, watch=Watch(progress))
    click.echo(f"{made.reference} is {made.state.value}: {made.rows:,} synthetic rows.")
    for reason in made.reasons:
        click.echo(f"  {reason}")


def plan_in_words(todo: Planned) -> list[str]:
    """The plan, a line for each thing that somebody decides on."""
    recipe = todo.recipe
    among = f" among {', '.join(recipe.among)}" if recipe.among else ""
    lines = [
        f"Recipe {recipe.name} (version {recipe.version}): {recipe.title}, by {recipe.method}{among}.",
        f"It makes {recipe.tables} tables.",
        f"Learns from {todo.source}: {todo.rows:,} rows, {len(todo.columns)} columns ({', '.join(todo.columns)}).",
    ]
    if todo.left_out:
        lines.append(f"Left out: {', '.join(todo.left_out)}.")
    lines.append(
        f"Ended beyond {todo.seconds:,.0f} seconds of processor time ({todo.wall:,.0f} in all) and "
        f"{todo.megabytes:,.0f} MB. {todo.basis}"
    )
    if todo.loss is not None:
        paid = (
            "is paid for already"
            if todo.paid
            else "is charged to the dataset's own budget before noise is drawn"
        )
        lines.append(
            f"Epsilon {todo.loss.epsilon:.4g}, delta {todo.loss.delta:.2g} for each household; it {paid}."
        )
        if todo.left:
            lines.append(todo.left)
    lines.append(f"The gate {todo.gate[0]} will ask:")
    lines += [f"  - {rule}" for rule in todo.gate[1]]
    lines += [f"It cannot be started: {problem}" for problem in todo.problems]
    return lines


def progress_in_words(job: Job) -> str:
    """How far it is, in a few words; "" before it began."""
    at = job.progress
    if not at:
        return ""
    bound = f" of {at['bound_seconds']}" if "bound_seconds" in at else ""
    stopping = ", stopping" if job.called_off and job.state == "queued" else ""
    return f"{at['stage']} {at['done']}/{at['of']}, {at['seconds']} s{bound}{stopping}"


def _told(job: Job) -> dict[str, Any]:
    return {
        "id": job.id, "kind": job.kind, "state": job.state, "attempts": job.attempts, "error": job.error,
        "progress": dict(job.progress), "called_off": job.called_off,
    }  # fmt: skip


def _plan(todo: Planned) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    return asdict(todo)
