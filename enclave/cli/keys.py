"""`enclave keys|project`: pseudonym keys in custody, and the end of a project, which takes its key along."""

from __future__ import annotations

import click

from enclave.cli.common import as_json, enclave, signed_in, table


@click.group()
def keys() -> None:
    """Pseudonym keys: one for each dataset and project, kept apart from the data. Nobody sees one."""


@keys.command("list")
@click.option("--json", "machine", is_flag=True, help="As JSON, for another program.")
def keys_list(*, machine: bool) -> None:
    """Every key and tombstone, what it belongs to, and whether it should be gone by now."""
    from dataclasses import asdict  # noqa: PLC0415

    house = enclave()
    held = house.keys.held(signed_in(house))
    if machine:
        as_json([asdict(h) for h in held])
        return
    table(
        [
            (h.key.scope, h.key.version, h.key.state, f"{h.key.since:%Y-%m-%d}", h.owner, "yes" if h.overdue else "")
            for h in held
        ],
        "scope", "version", "state", "since", "belongs to", "overdue",
    )  # fmt: skip


@keys.command("rotate")
@click.argument("scope")
@click.option("--reason", required=True, help="Why; it stands in the audit log.")
def keys_rotate(scope: str, reason: str) -> None:
    """New pseudonyms for whatever is made from now on; the old key stays readable until it is destroyed."""
    house = enclave()
    click.echo(f"The key of {scope} is at version {house.keys.rotate(signed_in(house), scope, reason)}.")


@keys.command("destroy")
@click.argument("scope")
@click.option("--reason", required=True, help="Why; it stands in the audit log.")
@click.option("--version", type=click.IntRange(min=1), help="Only this older version.")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def keys_destroy(scope: str, reason: str, version: int | None, *, yes: bool) -> None:
    """Make a scope's pseudonyms impossible to compute again, for everybody, for good."""
    house = enclave()
    who = signed_in(house)
    if not yes:
        click.confirm(f"Nobody can undo this. Destroy the key of {scope}?", abort=True, err=True)
    done = house.keys.destroy(who, scope, reason, version)
    click.echo(f"The key of {scope} {'is destroyed' if done else 'was destroyed before'}.")


@click.group()
def project() -> None:
    """Approved pieces of research."""


@project.command("list")
def project_list() -> None:
    """Every project and until when it runs."""
    house = enclave()
    found = house.closing.all(signed_in(house))
    table(
        [(p.slug, p.state.value, p.lead, p.starts, p.ends, p.title) for p in found],
        "project", "state", "lead", "from", "until", "title",
    )  # fmt: skip


@project.command("close")
@click.argument("slug", metavar="PROJECT")
@click.option("--reason", required=True, help="Why; its members and the audit log are told.")
def project_close(slug: str, reason: str) -> None:
    """End a project: every access ends now, and its pseudonym key is destroyed."""
    house = enclave()
    closed = house.closing.close(signed_in(house), slug, reason)
    click.echo(f"The project {closed.slug} is closed. The worker destroys its pseudonym key.")
