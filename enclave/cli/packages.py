"""`enclave packages`: what sessions may import beyond the runtime. An allow-list, hashes checked, read only inside."""

from __future__ import annotations

from pathlib import Path

import click

from enclave.cli.common import enclave, signed_in, table
from enclave.cli.common import settings as read_settings
from enclave.hub.packages import Mirror, Package
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.events import Event


@click.group()
def packages() -> None:
    """The package mirror of sessions."""


@packages.command("list")
def packages_list() -> None:
    """What sessions may import beyond the runtime."""
    table([(p.name, p.version, p.sha256[:16]) for p in _mirror().allowed()], "package", "version", "SHA-256")


@packages.command("add")
@click.argument("wanted", metavar="NAME==VERSION")
@click.option("--sha256", default="", help="Of the package's own wheel, when you know it from elsewhere.")
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of wheels instead of this machine's index.",
)
def packages_add(wanted: str, sha256: str, folder: Path | None) -> None:
    """Allow a package, with everything it needs that the runtime lacks. Sessions opened from now on have it."""
    house = enclave()
    who = signed_in(house)
    who.must(Capability.SYSTEM_OPERATE)
    source = ("--no-index", "--find-links", str(folder)) if folder else ()
    _told(who, Event.PACKAGE_ALLOW, _mirror().add(wanted, sha256=sha256, source=source), "is allowed")


@packages.command("remove")
@click.argument("name", metavar="NAME")
def packages_remove(name: str) -> None:
    """Take a package off the list. Sessions opened from now on lack it."""
    house = enclave()
    who = signed_in(house)
    who.must(Capability.SYSTEM_OPERATE)
    _told(who, Event.PACKAGE_REMOVE, _mirror().remove(name), "is removed")


@packages.command("verify")
def packages_verify() -> None:
    """Hash every wheel again; exit code 2 when one is missing or another one."""
    mirror = _mirror()
    faults = mirror.verify()
    for fault in faults:
        click.echo(fault)
    if faults:
        raise click.ClickException("The mirror is not what was allowed.")
    click.echo(f"All {len(mirror.allowed())} wheels are the ones that were allowed.")


def _mirror() -> Mirror:
    settings = read_settings()
    constraints = Path(__file__).resolve().parents[2] / "constraints-session.txt"
    return Mirror(settings.packages, settings.session_runtime / "bin" / "python", constraints)


def _told(who: Actor, event: Event, changed: list[Package], words: str) -> None:
    house = enclave()
    with house.kit.write() as uow:
        for package in changed:
            facts: dict[str, object] = {"version": package.version, "sha256": package.sha256}
            uow.audit(event, who, f"package:{package.name}", facts)
        uow.commit()
    for package in changed:
        click.echo(f"{package.name} {package.version} {words}.")
    if not changed:
        click.echo("Nothing is new: it was allowed already, or the runtime has it.")
