"""`enclave audit` and `enclave outputs`: verifying the log, and checking a file before it is sent in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from enclave.cli.common import as_json, enclave, signed_in

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def audit() -> None:
    """The log of everything that happened."""


@audit.command("verify")
@click.argument("file", type=FILE, required=False)
@click.option(
    "--anchors", type=FILE, help="The anchors to compare with; otherwise FILE.anchors.json, if it is there."
)
def audit_verify(file: Path | None, anchors: Path | None) -> None:
    """Verify the log: here with its locked anchors, or an exported FILE offline."""
    from enclave.audit.service import anchors_beside, read_anchors, verify_file  # noqa: PLC0415

    if file is None and anchors is not None:
        raise click.UsageError("Give the exported FILE that the anchors belong to.")
    faults = verify_file(file, anchors) if file else enclave().audit.verify()
    for fault in faults:
        click.echo(fault)
    if faults:
        raise click.ClickException("The log does not hold.")
    click.echo("The log holds: nothing is missing, nothing was changed.")
    if file:
        used = anchors or anchors_beside(file)
        count = len(read_anchors(used)) if used else 0
        click.echo(
            f"It agrees with {count} anchors of {used}."
            if count
            else "It is consistent in itself, not compared with any anchor: a forger could have chained it anew. "
            "Give --anchors ANCHORS, as `enclave audit export` writes them."
        )


@audit.command("export")
@click.argument("to", type=click.Path(path_type=Path))
def audit_export(to: Path) -> None:
    """Write the log as JSON lines, and TO.anchors.json with its locked anchors, for verification elsewhere."""
    house = enclave()
    who = signed_in(house)
    # The anchors first: what happens meanwhile must not be missing from the log.
    anchors = house.audit.anchors(who)
    text = house.audit.exported(who)
    beside = to.with_name(to.name + ".anchors.json")
    to.write_text(text, encoding="utf-8")
    beside.write_text(json.dumps(anchors, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{text.count(chr(10))} events are in {to}, {len(anchors)} anchors in {beside}.")


@audit.command("anchor")
def audit_anchor() -> None:
    """Put the head of the log under an object lock now (the worker does it every minute)."""
    house = enclave()
    ref = house.audit.anchor()
    click.echo("Nothing has happened yet." if ref is None else f"Anchored as {ref.key}.")


@click.group()
def outputs() -> None:
    """Files that may want to leave."""


@outputs.command("check")
@click.argument("names", nargs=-1, type=FILE, required=True, metavar="FILE...")
@click.option(
    "--threshold", type=int, default=10, show_default=True, help="The smallest count that may be shown."
)
@click.option(
    "--beside",
    "released",
    multiple=True,
    type=FILE,
    help="A table that was released before; give it for each. Files that are checked together count too.",
)
def outputs_check(names: tuple[Path, ...], threshold: int, released: tuple[Path, ...]) -> None:
    """Run the airlock's automatic checks on files and print the findings as JSON.

    A file's description is read from `<stem>.sdc.json` beside it. Exit code: 0 nothing found, 1 for review, 2 denied.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from anonymization.disclosure import ReleasedTable, counted_cells  # noqa: PLC0415
    from enclave.airlock.checks import check_output  # noqa: PLC0415
    from policies import Outcome, PolicyBook  # noqa: PLC0415

    def described(path: Path) -> bytes | None:
        sidecar = path.with_name(f"{path.stem}.sdc.json")
        return sidecar.read_bytes() if sidecar.exists() else None

    def cells(path: Path) -> list[ReleasedTable]:
        counted = counted_cells(path.name, path.read_bytes(), described(path))
        return [] if counted is None else [counted]

    earlier = [table for path in released for table in cells(path)]
    worst, said = 0, []
    for path in names:
        result = check_output(path.name, path.read_bytes(), described(path), threshold, earlier)
        earlier += cells(path)
        decision = PolicyBook.packaged().decide("output-file", result.facts, datetime.now(UTC).date())
        worst = max(worst, {Outcome.ALLOW: 0, Outcome.REVIEW: 1, Outcome.DENY: 2}[decision.outcome])
        said.append(
            {
                "file": path.name,
                "media_type": result.media_type,
                "outcome": decision.outcome.value,
                "findings": list(result.findings),
                "rules": list(decision.refusals),
                "policy": decision.cites,
            }
        )
    as_json(said)
    sys.exit(worst)
