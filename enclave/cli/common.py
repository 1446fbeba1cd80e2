"""What the commands share: the enclave, and who is typing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

if TYPE_CHECKING:
    from enclave.bootstrap import Enclave
    from enclave.kernel.actors import Actor
    from enclave.settings import Settings


def settings() -> Settings:
    """The settings, or a sentence about what is wrong with them."""
    from enclave.settings import Settings  # noqa: PLC0415 - only commands that need them read them

    try:
        return Settings()
    except ValidationError as error:
        said = [
            str(e["ctx"]["error"]) if "error" in e.get("ctx", {}) else f"{e['loc'][0]}: {e['msg']}"
            for e in error.errors()
        ]
        raise click.ClickException("\n".join(said)) from None


def enclave() -> Enclave:
    from enclave.bootstrap import build  # noqa: PLC0415 - heavy

    return build(settings())


def signed_in(house: Enclave) -> Actor:
    """Who is typing: REGISTRY_ENCLAVE_AS and REGISTRY_ENCLAVE_PASSWORD, or asked for. Being root is not a role."""
    import os  # noqa: PLC0415

    username = os.environ.get("REGISTRY_ENCLAVE_AS") or click.prompt("Username", err=True)
    password = os.environ.get("REGISTRY_ENCLAVE_PASSWORD") or click.prompt(
        "Password", hide_input=True, err=True
    )
    person = house.people.by_username(username)
    code = click.prompt("Code", err=True) if person is not None and person.totp_secret else ""
    return house.people.authenticate(username, password, code).actor()


def extract_named(house: Enclave, who: Actor, named: str) -> str:
    """The id of the extract that somebody names by its id or, as lists show it, by its reference."""
    if not named.startswith("EX-"):
        return named
    return next((e.id for e in house.extracts.all(who) if e.reference == named), named)


def table(rows: Iterable[Sequence[object]], *headings: str) -> None:
    """Prints aligned columns."""
    lines = [tuple(str(cell) for cell in row) for row in rows]
    if not lines:
        click.echo("Nothing.")
        return
    widths = [max(len(line[i]) for line in [headings, *lines]) for i in range(len(headings))]
    for line in [headings, *lines]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def as_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
