"""`enclave person|request|entitlement|output|register`: the people side."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from enclave.cli.common import as_json, enclave, signed_in, table
from enclave.cli.data import DAY

if TYPE_CHECKING:
    from enclave.kernel.actors import Role


@click.group()
def person() -> None:
    """Accounts."""


@person.command("create")
@click.argument("username")
@click.option("--name", required=True)
@click.option("--email", default="")
@click.option("--organisation", default="")
@click.option("--role", "roles", multiple=True, required=True)
@click.option("--agreement-signed", type=DAY)
@click.option("--training-valid-until", type=DAY)
@click.option("--second-factor/--no-second-factor", default=True, help="Ask for a one-time code at sign-in.")
@click.option(
    "--first", is_flag=True, help="The first account of an installation; works only while there is none."
)
@click.password_option()
def person_create(
    username: str,
    name: str,
    email: str,
    organisation: str,
    roles: tuple[str, ...],
    agreement_signed: datetime | None,
    training_valid_until: datetime | None,
    second_factor: bool,
    first: bool,
    password: str,
) -> None:
    """Open an account. The one-time code's secret is shown once."""
    from enclave.kernel.actors import service  # noqa: PLC0415
    from enclave.projects.model import Person  # noqa: PLC0415

    house = enclave()
    wanted = _roles(roles)
    if first:
        with house.kit.read() as uow:
            if uow.find(Person):
                raise click.ClickException(
                    "There are accounts already. Sign in as a system administrator instead."
                )
        who = service("setup")
    else:
        who = signed_in(house)
    made = house.people.create(
        who,
        username=username,
        name=name,
        email=email,
        organisation=organisation,
        roles=wanted,
        password=password,
        agreement_signed_on=agreement_signed.date() if agreement_signed else None,
        training_valid_until=training_valid_until.date() if training_valid_until else None,
        with_totp=second_factor,
    )
    click.echo(f"The account {made.username} is open.")
    if made.totp_secret:
        click.echo(f"Secret for the authenticator app (shown once): {made.totp_secret}")


@person.command("list")
def person_list() -> None:
    """Every account and how it stands."""
    house = enclave()
    found, now = house.people.everybody(signed_in(house)), house.kit.clock.now()
    table(
        [
            (
                p.username,
                ", ".join(r.value for r in p.roles),
                "disabled" if not p.active else "locked" if p.locked_until and p.locked_until > now else "active",
                "yes" if p.totp_secret else "no",
                p.agreement_signed_on or "-",
                p.training_valid_until or "-",
                p.name,
            )
            for p in found
        ],
        "username", "roles", "state", "second factor", "agreement", "training until", "name",
    )  # fmt: skip


@person.command("disable")
@click.argument("username")
def person_disable(username: str) -> None:
    """Shut an account; everything that it is signed in with ends."""
    house = enclave()
    click.echo(f"The account {house.people.disable(signed_in(house), username).username} is disabled.")


@person.command("enable")
@click.argument("username")
def person_enable(username: str) -> None:
    """Open a disabled account again."""
    house = enclave()
    click.echo(f"The account {house.people.enable(signed_in(house), username).username} is enabled.")


@person.command("roles")
@click.argument("username")
@click.option("--role", "roles", multiple=True, required=True, help="Once for each role; the others end.")
def person_roles(username: str, roles: tuple[str, ...]) -> None:
    """Give an account these roles and no others."""
    house, wanted = enclave(), _roles(roles)
    done = house.people.change_roles(signed_in(house), username, wanted)
    click.echo(f"{done.username} is now: {', '.join(r.value.replace('_', ' ') for r in done.roles)}.")


@person.command("password")
@click.argument("username")
@click.password_option("--new-password", prompt="New password", help="Asked for when it is not given.")
def person_password(username: str, new_password: str) -> None:
    """Give an account another password; it is signed out everywhere."""
    house = enclave()
    done = house.people.reset_password(signed_in(house), username, new_password)
    click.echo(f"{done.username} has another password and is signed out everywhere.")


@person.command("second-factor")
@click.argument("username")
def person_second_factor(username: str) -> None:
    """Give an account another one-time code; its secret is shown once."""
    house = enclave()
    done = house.people.reset_second_factor(signed_in(house), username)
    click.echo(f"{done.username} has another second factor and is signed out everywhere.")
    click.echo(f"Secret for the authenticator app (shown once): {done.totp_secret}")


@person.command("training")
@click.argument("username")
@click.option("--valid-until", type=DAY, required=True, help="The last day for which it counts.")
def person_training(username: str, valid_until: datetime) -> None:
    """Record that somebody has renewed their training."""
    house = enclave()
    done = house.people.renew_training(signed_in(house), username, valid_until.date())
    click.echo(f"The training of {done.username} is valid until {done.training_valid_until}.")


@person.command("agreement")
@click.argument("username")
@click.option("--signed-on", type=DAY, required=True, help="The day on which it was signed.")
def person_agreement(username: str, signed_on: datetime) -> None:
    """Record that somebody has signed the agreement."""
    house = enclave()
    done = house.people.record_agreement(signed_in(house), username, signed_on.date())
    click.echo(f"The agreement of {done.username} was signed on {done.agreement_signed_on}.")


@person.command("unlock")
@click.argument("username")
def person_unlock(username: str) -> None:
    """End the wait after wrong tries."""
    house = enclave()
    click.echo(f"{house.people.unlock(signed_in(house), username).username} may sign in again.")


@person.command("sign-out")
@click.argument("username")
def person_sign_out(username: str) -> None:
    """End everything that an account is signed in with."""
    house = enclave()
    done = house.people.sign_out_everywhere(signed_in(house), username)
    click.echo(f"{done.username} is signed out everywhere.")


def _roles(names: tuple[str, ...]) -> tuple[Role, ...]:
    from enclave.kernel.actors import Role  # noqa: PLC0415

    try:
        return tuple(Role(name) for name in names)
    except ValueError:
        raise click.ClickException(
            f"A role is one of: {', '.join(r.value for r in Role if r != 'service')}."
        ) from None


@click.group()
def request() -> None:
    """Access requests."""


@request.command("queue")
def request_queue() -> None:
    """What waits for a decision."""
    house = enclave()
    found = house.requests.queue(signed_in(house))
    table(
        [(r.reference, r.requester, r.answers.dataset, len(r.answers.variables), r.submitted_at, r.id) for r in found],
        "reference", "requester", "dataset", "variables", "submitted", "id",
    )  # fmt: skip


@request.command("show")
@click.argument("id_", metavar="ID")
def request_show(id_: str) -> None:
    """One request, and what the policy would say."""
    from dataclasses import asdict  # noqa: PLC0415

    house = enclave()
    who = signed_in(house)
    as_json(asdict(house.requests.read(who, id_)))
    for sentence in house.requests.preview(who, id_).refusals:
        click.echo(sentence)


@request.command("approve")
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True)
def request_approve(id_: str, reason: str) -> None:
    """Approve it; the project and its data follow."""
    house = enclave()
    done = house.requests.approve(signed_in(house), id_, reason)
    click.echo(f"{done.reference} is approved as project {done.project}.")


@request.command("refuse")
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True)
def request_refuse(id_: str, reason: str) -> None:
    """Refuse it, with the reason that the requester reads."""
    house = enclave()
    click.echo(f"{house.requests.refuse(signed_in(house), id_, reason).reference} is refused.")


@request.command("return")
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True)
def request_return(id_: str, reason: str) -> None:
    """Return it for changes."""
    house = enclave()
    click.echo(f"{house.requests.send_back(signed_in(house), id_, reason).reference} is returned.")


@click.group()
def entitlement() -> None:
    """Who may use what, until when."""


@entitlement.command("list")
@click.argument("project")
def entitlement_list(project: str) -> None:
    """A project's entitlements."""
    found = enclave().entitlements.of_project(project)
    table(
        [(e.dataset, e.tier.value, e.state.value, e.rows, e.ends, e.id) for e in found],
        "dataset", "tier", "state", "rows", "ends", "id",
    )  # fmt: skip


@entitlement.command("revoke")
@click.argument("id_", metavar="ID")
@click.option("--reason", required=True)
def entitlement_revoke(id_: str, reason: str) -> None:
    """End access now; running sessions stop."""
    house = enclave()
    click.echo(f"{house.entitlements.revoke(signed_in(house), id_, reason).dataset}: access is revoked.")


@click.group()
def output() -> None:
    """Outputs that want to leave."""


@output.command("queue")
def output_queue() -> None:
    """What waits for your check."""
    house = enclave()
    found = house.airlock.queue(signed_in(house))
    table(
        [(o.reference, o.project, o.title, len(o.files), o.submitted_at, o.id) for o in found],
        "reference", "project", "title", "files", "submitted", "id",
    )  # fmt: skip


@output.command("review")
@click.argument("id_", metavar="ID")
@click.option("--verdict", type=click.Choice(["approve", "return", "refuse"]), required=True)
@click.option("--comment", default="")
def output_review(id_: str, verdict: str, comment: str) -> None:
    """Give your verdict, blind to the other checker's."""
    from enclave.airlock.model import Verdict  # noqa: PLC0415

    house = enclave()
    done = house.airlock.review(signed_in(house), id_, Verdict(verdict), comment)
    click.echo(f"{done.reference} is {done.state.value.replace('_', ' ')}.")


@output.command("quality")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True)
def output_quality(days: int) -> None:
    """How well and how fast outputs were checked: turnaround, agreement, test outputs caught."""
    from dataclasses import asdict  # noqa: PLC0415

    house = enclave()
    as_json(asdict(house.airlock.quality(signed_in(house), days)))


@output.command("seed")
@click.argument("name", metavar="NAME")
def output_seed(name: str) -> None:
    """Put a bad output of the house's own making among those that wait; it never leaves, whatever the verdicts."""
    house = enclave()
    planted = house.airlock.seed(signed_in(house), name)
    click.echo(f"{planted.reference} waits among the others. Who decides it is told afterwards.")


@output.command("recall")
@click.argument("reference", metavar="REFERENCE")
@click.option("--reason", required=True, help="Why; everybody can read it in the public register.")
def output_recall(reference: str, reason: str) -> None:
    """Take a released output back: nobody fetches it any more, and a tombstone says why. It cannot be undone."""
    house = enclave()
    done = house.airlock.recall(signed_in(house), reference, reason)
    click.echo(f"{done.reference} is recalled. Everybody who fetched it is asked to delete it.")


@click.command()
def register() -> None:
    """The public register: who uses the data, for what, on whose approval, what came out."""
    for entry in enclave().register.entries():
        click.echo(f"{entry.title} ({entry.organisation})")
        click.echo(f"  For: {entry.purpose.replace('-', ' ')}. {entry.summary}")
        click.echo(f"  Approved by {entry.approved_by} on {entry.approved_on}, until {entry.ends}.")
        for item in entry.outputs:
            click.echo(f"  Came out: {item.title} ({item.reference}, {item.released_on})")
            if item.recalled_on is not None:
                click.echo(f"    Recalled on {item.recalled_on}: {item.recalled_because}")
