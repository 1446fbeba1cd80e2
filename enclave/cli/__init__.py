"""The command line: `enclave <noun> <verb>`. Everything that the portal does can be done here."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points

import click

from enclave.kernel import errors

#: Exit codes, so that a script can tell what happened without reading the words.
CODES: dict[type[errors.EnclaveError], int] = {
    errors.NotFound: 10,
    errors.NotAllowed: 11,
    errors.Refused: 12,
    errors.IllegalMove: 13,
    errors.Conflict: 14,
    errors.Invalid: 15,
    errors.OverBudget: 16,
    errors.Unavailable: 17,
}


class _Lazy(click.Group):
    """Loads a noun's module only when it is used, so that `enclave --help` is quick."""

    nouns = {  # noqa: RUF012 - click builds one instance
        "up": "enclave.cli.run:up",
        "demo": "enclave.cli.run:demo",
        "worker": "enclave.cli.run:worker",
        "preflight": "enclave.cli.run:preflight",
        "canary": "enclave.cli.run:canary",
        "db": "enclave.cli.data:db",
        "dataset": "enclave.cli.data:dataset",
        "extract": "enclave.cli.data:extract",
        "release": "enclave.cli.data:release",
        "budget": "enclave.cli.budget:budget",
        "tables": "enclave.cli.tables:tables",
        "jobs": "enclave.cli.jobs:jobs",
        "keys": "enclave.cli.keys:keys",
        "project": "enclave.cli.keys:project",
        "person": "enclave.cli.people:person",
        "request": "enclave.cli.people:request",
        "entitlement": "enclave.cli.people:entitlement",
        "output": "enclave.cli.people:output",
        "register": "enclave.cli.people:register",
        "anonymize": "enclave.cli.anonymize:anonymize",
        "audit": "enclave.cli.audit:audit",
        "outputs": "enclave.cli.audit:outputs",
        "receipt": "enclave.cli.receipts:receipt",
        "workspace": "enclave.cli.workspaces:workspace",
        "packages": "enclave.cli.packages:packages",
        "docs": "enclave.cli.docs:docs",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted({*self.nouns, *(e.name for e in _plugged())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name in self.nouns:
            module, _, name = self.nouns[cmd_name].partition(":")
            command: click.Command = getattr(__import__(module, fromlist=[name]), name)
            return command
        return next((e.load() for e in _plugged() if e.name == cmd_name), None)


def _plugged() -> list[EntryPoint]:
    return list(entry_points(group="registry_enclave.commands"))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="registry-enclave")
def app() -> None:
    """A research data enclave beside a beneficiary registry.

    Start with `enclave up --demo`. Settings come from the environment and from .env; see docs/reference/settings.md.
    """


def main() -> None:
    """Runs the command line; a refusal is its sentence on standard error and an exit code of its own."""
    try:
        app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except errors.EnclaveError as error:
        lines = error.problems if isinstance(error, errors.Invalid) else (error.sentence,)
        for line in lines:
            click.echo(line, err=True)
        sys.exit(CODES.get(type(error), 1))
