"""Starting things: the whole house, the demo's story, the worker, the check before."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import click

from enclave.cli.common import settings as read_settings


@click.command()
@click.option("--demo", is_flag=True, help="With the demo ministry: its registry, its people, their data.")
@click.option(
    "--households", type=click.IntRange(200, 50_000_000), help="How many households the demo registers."
)
def up(*, demo: bool, households: int | None) -> None:
    """Start everything on this machine and keep it running until Ctrl-C."""
    if demo:
        os.environ["REGISTRY_ENCLAVE_DEMO"] = "true"
    if households:
        os.environ["REGISTRY_ENCLAVE_DEMO_HOUSEHOLDS"] = str(households)
    settings = read_settings()
    from enclave.cli.house import open_house, welcome  # noqa: PLC0415 - loads everything

    try:
        with open_house(settings, click.echo) as supervisor:
            if settings.demo:
                from enclave.demo.load import load  # noqa: PLC0415

                load(settings, click.echo)
            welcome(settings, click.echo)
            supervisor.run_forever()
    except KeyboardInterrupt:
        click.echo("\nEverything is stopped. Not all was loaded: starting again continues where it stopped.")
        sys.exit(130)
    click.echo("Everything is stopped.")


@click.command()
@click.option("--households", type=click.IntRange(200, 50_000_000), default=20_000, show_default=True)
@click.option(
    "--kill-object-store", is_flag=True, help="Kill it between storing and requesting, as a crash would."
)
@click.option("--keep", is_flag=True, help="Continue on what the last run left instead of starting afresh.")
@click.option(
    "--build", "folder", type=click.Path(path_type=Path), default=Path("build/demo"), show_default=True
)
@click.option(
    "--first-port", type=int, default=8700, show_default=True, help="The first of twenty ports that it uses."
)
@click.option("--stay", is_flag=True, help="Keep everything running after the story, until Ctrl-C.")
def demo(
    *, households: int, kill_object_store: bool, keep: bool, folder: Path, first_port: int, stay: bool
) -> None:
    """Walk the whole story unattended through the real interfaces; write build/demo/report.json."""
    from enclave.cli.story import Plan, tell  # noqa: PLC0415 - loads everything

    plan = Plan(folder, first_port, households, crash=kill_object_store, keep=keep, stay=stay)
    sys.exit(tell(plan, click.echo))


@click.command()
def worker() -> None:
    """Do the queued jobs until stopped (one of the processes that `up` starts)."""
    from enclave.bootstrap import build  # noqa: PLC0415 - heavy
    from enclave.jobs.handlers import CHORES, HANDLERS  # noqa: PLC0415
    from enclave.jobs.worker import Worker  # noqa: PLC0415
    from enclave.log import configure  # noqa: PLC0415

    settings = read_settings()
    configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Worker(build(settings), HANDLERS, CHORES).run(stop)


@click.command()
@click.option("--json", "machine", is_flag=True, help="As JSON, for another program.")
def canary(*, machine: bool) -> None:
    """Try every known way out of a session, in a throw-away one; exit code 1 when one is open.

    With --json the report carries this house's signature; `enclave receipt key` prints the public key.
    """
    from enclave.hub.verify import report, verify  # noqa: PLC0415

    settings = read_settings()
    exits = verify(settings)
    if machine:
        click.echo(json.dumps(report(settings, exits, datetime.now(UTC)), indent=2))
    else:
        for way in exits:
            click.echo(f"{'closed' if way.closed else 'OPEN  '}  {way.name}: {way.how}")
    opened = [e for e in exits if not e.closed]
    if opened:
        raise click.ClickException(
            f"{len(opened)} of {len(exits)} ways out are open. Start no session on this machine."
        )
    if not machine:
        click.echo(f"All {len(exits)} ways out that the canary knows are closed.")


@click.command()
def preflight() -> None:
    """Say what this machine can and cannot do for sealed sessions."""
    from enclave.hub.preflight import preflight as look  # noqa: PLC0415

    report = look()
    for sentence in report.sentences:
        click.echo(sentence)
    if not report.ready:
        raise click.ClickException("Sealed sessions cannot be started on this machine.")
