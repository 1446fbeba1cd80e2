"""`enclave receipt`: private answers and their receipts, verified with nothing but the house's public key."""

from __future__ import annotations

from pathlib import Path

import click

from enclave.cli.common import enclave, signed_in

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def receipt() -> None:
    """Receipts of private answers."""


@receipt.command("key")
def receipt_key() -> None:
    """Print the house's public key, to be published where those who verify will look."""
    click.echo(enclave().receipts.signer.public_key)


@receipt.command("show")
@click.argument("key")
@click.option("--project", default="", help="The project that paid; without it the dataset's own budget.")
def receipt_show(key: str, project: str) -> None:
    """Print the receipt of an answered charge, as the house issued it, by the charge's KEY."""
    from enclave.budget.receipts import to_bytes  # noqa: PLC0415 - heavy neighbours

    house = enclave()
    made = house.querying.receipt(signed_in(house), key, project)
    click.echo(to_bytes(made), nl=False)


@receipt.command("verify")
@click.argument("names", nargs=-1, type=FILE, required=True, metavar="FILE...")
@click.option("--key", help="The house's public key (64 hex digits); without it, the key of these settings.")
@click.option(
    "--receipt", "given", type=FILE, help="The receipt of one FILE; otherwise <stem>.receipt.json beside it."
)
def receipt_verify(names: tuple[Path, ...], key: str | None, given: Path | None) -> None:
    """Verify answers against their receipts, offline. With --key nothing of this installation is read."""
    from enclave.budget.receipts import verify_answer  # noqa: PLC0415 - loads cryptography

    if given is not None and len(names) != 1:
        raise click.UsageError("Give one FILE with --receipt.")
    public = key or enclave().receipts.signer.public_key
    bad = 0
    for path in names:
        beside = given or path.with_name(f"{path.stem}.receipt.json")
        faults = (
            verify_answer(path.read_bytes(), beside.read_bytes(), public)
            if beside.is_file()
            else [f"There is no receipt beside it ({beside.name})."]
        )
        bad += bool(faults)
        click.echo(f"{path.name}: {' '.join(faults) or 'it is the answer, and the receipt holds.'}")
    if bad:
        raise click.ClickException(f"{bad} of {len(names)} files are not what a receipt of this house says.")
