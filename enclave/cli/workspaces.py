"""`enclave workspace`: what projects take up, and the life of their workspaces."""

from __future__ import annotations

import click

from enclave.cli.common import as_json, enclave, signed_in, table


@click.group()
def workspace() -> None:
    """Where projects work."""


@workspace.command("usage")
def workspace_usage() -> None:
    """What every project takes up on this machine, the largest first."""
    house = enclave()
    table(
        [
            (u.project, u.state, u.files, f"{u.work_bytes / 2**20:.1f}", f"{u.data_bytes / 2**20:.1f}")
            for u in house.lifecycle.usage(signed_in(house))
        ],
        "project", "state", "files", "own MiB", "data MiB",
    )  # fmt: skip


@workspace.command("suspend")
@click.argument("slug", metavar="PROJECT")
@click.option("--reason", required=True, help="Why; its members read it.")
def workspace_suspend(slug: str, reason: str) -> None:
    """End every session of a project and open none until it is resumed."""
    house = enclave()
    house.lifecycle.suspend(signed_in(house), slug, reason)
    click.echo(f"The workspace of {slug} is suspended. Its sessions end within seconds.")


@workspace.command("resume")
@click.argument("slug", metavar="PROJECT")
def workspace_resume(slug: str) -> None:
    """Let sessions of a suspended workspace open again."""
    house = enclave()
    house.lifecycle.resume(signed_in(house), slug)
    click.echo(f"The workspace of {slug} is open again.")


@workspace.command("destroy")
@click.argument("slug", metavar="PROJECT")
@click.option("--yes", is_flag=True, help="Do not ask again.")
def workspace_destroy(slug: str, *, yes: bool) -> None:
    """Destroy what a closed project has left, and print the signed certificate: files, object versions, key."""
    house = enclave()
    who = signed_in(house)
    if not yes:
        click.confirm(f"Nobody can undo this. Destroy the workspace of {slug}?", abort=True, err=True)
    as_json(house.lifecycle.destroy(who, slug))
