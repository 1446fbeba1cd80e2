"""`enclave db|dataset|extract|release`: the data side."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from enclave.cli.columns import classify
from enclave.cli.common import as_json, enclave, extract_named, settings, signed_in, table
from enclave.cli.jobs import synthesise

DAY = click.DateTime(formats=["%Y-%m-%d"])
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def db() -> None:
    """The product's own database."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring it to the schema of this version; doing it twice changes nothing."""
    from enclave.store.migrate import upgrade  # noqa: PLC0415

    upgrade(settings().database)
    click.echo("The database is up to date.")


@click.group()
def dataset() -> None:
    """Datasets and their data dictionaries."""


@dataset.command("list")
def dataset_list() -> None:
    """What is in the catalogue."""
    house = enclave()
    rows = [(d.slug, d.title, d.unit.value, len(d.columns), d.steward) for d in house.catalogue.datasets()]
    table(rows, "dataset", "title", "a row is a", "columns", "steward")


@dataset.command("describe")
@click.argument("file", type=FILE)
def dataset_describe(file: Path) -> None:
    """Add a dataset, or a new version of its data dictionary, from a YAML file."""
    from enclave.catalogue.dictionary import load_dictionary  # noqa: PLC0415

    house = enclave()
    described = house.catalogue.describe(signed_in(house), load_dictionary(file))
    click.echo(f"The catalogue describes {described.slug} with {len(described.columns)} columns.")


dataset.add_command(classify)


@click.group()
def extract() -> None:
    """Dated snapshots of a registry."""


@extract.command("list")
def extract_list() -> None:
    """What was received; never a row."""
    house = enclave()
    found = house.extracts.all(signed_in(house))
    table(
        [(e.reference, e.dataset, e.as_of, e.rows, e.state.value, e.id) for e in found],
        "reference", "dataset", "as of", "rows", "state", "id",
    )  # fmt: skip


@extract.command("register")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dataset", "slug", required=True)
@click.option("--as-of", type=DAY, required=True, help="The day that the snapshot shows.")
@click.option("--source", required=True, help="Where it was taken from, in words.")
def extract_register(file: Path, slug: str, as_of: datetime, source: str) -> None:
    """Check a CSV or Parquet file against the data dictionary and put it into quarantine."""
    house = enclave()
    got = house.extracts.register(
        signed_in(house), dataset=slug, path=file, as_of=as_of.date(), source=source
    )
    click.echo(
        f"{got.reference}: {got.rows:,} rows are in quarantine. Next: enclave extract process {got.id}"
    )


@extract.command("process")
@click.argument("id_", metavar="ID")
def extract_process(id_: str) -> None:
    """Run the dataset's recipe and publish, or hold, what it makes."""
    house = enclave()
    who = signed_in(house)
    done = house.making.process(
        who, extract_named(house, who, id_), lambda _n, _all, says: click.echo(f"  {says}", err=True)
    )
    click.echo(f"{done.reference} is {done.state.value}: {done.rows:,} rows, {len(done.columns)} columns.")
    for reason in done.reasons:
        click.echo(f"  {reason}")


@extract.command("aggregate")
@click.argument("id_", metavar="ID")
def extract_aggregate(id_: str) -> None:
    """Draw the dataset's standing private tables, each charged to the budget first."""
    house = enclave()
    who = signed_in(house)
    for made in house.aggregating.aggregate(who, extract_named(house, who, id_)):
        click.echo(f"{made.reference}: {made.title}")


extract.add_command(synthesise)


@extract.command("destroy")
@click.argument("id_", metavar="ID")
def extract_destroy(id_: str) -> None:
    """Delete the sealed file and the key that opens it; releases stay."""
    house = enclave()
    click.echo(f"{house.extracts.destroy(signed_in(house), id_).reference} is destroyed.")


@click.group()
def release() -> None:
    """What was made and may be held."""


@release.command("list")
def release_list() -> None:
    """What is published."""
    house = enclave()
    table(
        [(r.reference, r.tier.value, r.title, r.rows, r.id) for r in house.releases.published()],
        "reference", "tier", "title", "rows", "id",
    )  # fmt: skip


@release.command("evidence")
@click.argument("id_", metavar="ID")
def release_evidence(id_: str) -> None:
    """The evidence pack of a release, as JSON."""
    house = enclave()
    as_json(house.releases.evidence(signed_in(house), id_))


@release.command("withdraw")
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True)
def release_withdraw(id_: str, reason: str) -> None:
    """Take a release out of use; its record stays, with the reason."""
    house = enclave()
    click.echo(f"{house.releases.withdraw(signed_in(house), id_, reason).reference} is withdrawn.")


@release.command("verify")
def release_verify() -> None:
    """Read every object of every release and every project's cut again and compare digests."""
    from enclave.register.proof import verify_objects  # noqa: PLC0415

    faults, count = verify_objects(enclave().kit)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise click.ClickException(f"{len(faults)} of {count} objects are not what their manifests say.")
    click.echo(f"All {count} objects have the digests that their manifests say.")
