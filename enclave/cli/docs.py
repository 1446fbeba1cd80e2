"""`enclave docs`: the reference pages, made from the code; and the check that nobody forgot to make them again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import click

HEADER = "<!-- Made by `make docs` from the code. Do not edit. -->\n\n"


@click.group()
def docs() -> None:
    """The generated pages of docs/reference."""


@docs.command("write")
def docs_write() -> None:
    """Write them."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(f"wrote {path}")


@docs.command("check")
def docs_check() -> None:
    """Fail when a committed page is not what the code would make."""
    stale = [p for p, text in pages().items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    if stale:
        raise click.ClickException(
            "These pages are out of date; run `make docs`: " + ", ".join(map(str, stale))
        )
    click.echo("The generated pages agree with the code.")


def pages() -> dict[Path, str]:
    """Every generated page, by its path from the project's root."""
    reference = Path("docs/reference")
    made: dict[str, Callable[[], str]] = {
        "states.md": _states,
        "roles.md": _roles,
        "events.md": _events,
        "settings.md": _settings,
        "commands.md": _commands,
    }
    out = {reference / name: HEADER + make() for name, make in made.items()}
    out |= {reference / "policies" / f"{name}.md": HEADER + text for name, text in _policies().items()}
    # The portal adds pages of its own, as it adds commands: by entry point, never by an import upwards.
    for plugged in entry_points(group="registry_enclave.docs"):
        out |= {reference / name: HEADER + text for name, text in plugged.load()().items()}
    out[Path(".env.example")] = _env_example()
    return out


def _states() -> str:
    from enclave.airlock.model import OUTPUT_MACHINE  # noqa: PLC0415
    from enclave.budget.model import CHARGE_MACHINE  # noqa: PLC0415
    from enclave.extracts.model import EXTRACT_MACHINE  # noqa: PLC0415
    from enclave.projects.model import PROJECT_MACHINE  # noqa: PLC0415
    from enclave.releases.model import RELEASE_MACHINE  # noqa: PLC0415
    from enclave.requests.model import ENTITLEMENT_MACHINE, REQUEST_MACHINE  # noqa: PLC0415
    from enclave.workspaces.model import WORKSPACE_MACHINE  # noqa: PLC0415

    machines = (
        REQUEST_MACHINE, ENTITLEMENT_MACHINE, EXTRACT_MACHINE, RELEASE_MACHINE, CHARGE_MACHINE, PROJECT_MACHINE,
        WORKSPACE_MACHINE, OUTPUT_MACHINE,
    )  # fmt: skip
    parts = [
        "# States\n\nWhat can happen to a thing, and in which order. Whatever is not drawn is refused.\n"
    ]
    parts += [f"\n## {m.name.capitalize()}\n\n```mermaid\n{m.mermaid()}\n```\n" for m in machines]
    return "".join(parts)


def _roles() -> str:
    from enclave.kernel.actors import GRANTS, Capability, Role, sentence  # noqa: PLC0415

    roles = [r for r in Role if r is not Role.SERVICE]
    head = "| may | " + " | ".join(r.value.replace("_", " ") for r in roles) + " |\n"
    line = "|---|" + "---|" * len(roles) + "\n"
    rows = "".join(
        f"| {sentence(c)} (`{c.value}`) | "
        + " | ".join("yes" if c in GRANTS[r] else "" for r in roles)
        + " |\n"
        for c in Capability
    )
    return (
        "# Roles\n\nWho may do what. Whether it may be done *now* is a policy's matter (see [policies](policies/)).\n\n"
        + head
        + line
        + rows
    )


def _events() -> str:
    from enclave.kernel.events import Event  # noqa: PLC0415

    rows = "".join(f"- `{e.value}`\n" for e in Event)
    return f"# Audit events\n\nWhat is written into the log, as noun:verb.\n\n{rows}"


def _settings() -> str:
    from enclave.settings import Settings  # noqa: PLC0415

    rows = "".join(
        f"| `REGISTRY_ENCLAVE_{name.upper()}` | {_default(field.default)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )
    return (
        "# Settings\n\nRead from the environment and from `.env` (or the file that `REGISTRY_ENCLAVE_ENV_FILE` names), "
        "once. The product refuses to start with the "
        "demo's secrets outside the demo.\n\n| setting | default | meaning |\n|---|---|---|\n" + rows
    )


def _default(value: object) -> str:
    if hasattr(value, "get_secret_value"):
        return "(the demo's)"
    return f"`{value}`" if value not in ("", None) else "(empty)"


def _env_example() -> str:
    from enclave.settings import Settings  # noqa: PLC0415

    lines = ["# Copy to .env and fill in. Made by `make docs` from the code.\n"]
    for name, field in Settings.model_fields.items():
        value = "" if hasattr(field.default, "get_secret_value") or field.default is None else field.default
        lines.append(f"\n# {field.description}\n# REGISTRY_ENCLAVE_{name.upper()}={value}\n")
    return "".join(lines)


def _commands() -> str:
    from enclave.cli import app  # noqa: PLC0415

    parts = ["# Commands\n\nEverything that the portal does can be done here.\n"]
    context = click.Context(app, info_name="enclave")
    for noun in app.list_commands(context):
        command = app.get_command(context, noun)
        if command is not None:
            parts.append(_command(command, f"enclave {noun}"))
    return "".join(parts)


def _command(command: click.Command, path: str) -> str:
    words = inspect.cleandoc(command.help or "")
    if isinstance(command, click.Group):
        context = click.Context(command)
        inner = [command.get_command(context, name) for name in command.list_commands(context)]
        return f"\n## {path}\n\n{words}\n" + "".join(
            _command(c, f"{path} {c.name}") for c in inner if c is not None
        )
    arguments = " ".join(
        p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)
    )
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    listed = "".join(f"- `{'`, `'.join(o.opts)}` {o.help or ''}".rstrip() + "\n" for o in options)
    return f"\n### `{' '.join(f'{path} {arguments}'.split())}`\n\n{words}\n" + (
        f"\n{listed}" if listed else ""
    )


def _policies() -> dict[str, str]:
    from policies import PolicyBook  # noqa: PLC0415
    from policies.explain import page  # noqa: PLC0415

    book = PolicyBook.packaged()
    return {name: page(name, book) for name in book}
