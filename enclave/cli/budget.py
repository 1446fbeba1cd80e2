"""`enclave budget`: the privacy ledger."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from enclave.cli.common import as_json, enclave, signed_in, table

if TYPE_CHECKING:
    from enclave.budget.balance import Balance

_TABLES = "(standing tables)"
_PROJECT = click.option(
    "--project", default="", help="A project's slug; without it, the dataset's own tables."
)


@click.group()
def budget() -> None:
    """The privacy ledger."""


@budget.command("show")
@click.option("--json", "machine", is_flag=True, help="For a program: every grant, its raises, what is left.")
def budget_show(*, machine: bool) -> None:
    """What was granted, spent and is left, and what everybody together has spent on each dataset."""
    from enclave.budget.balance import in_words  # noqa: PLC0415 - loads what commands without it do not need

    house = enclave()
    who = signed_in(house)
    balances, datasets = house.budgets.balances(who), house.budgets.datasets(who)
    if machine:
        as_json(
            {
                "grants": [
                    {**_shown(b), "raises": [asdict(r) for r in house.budgets.raises(who, b.grant.id)]}
                    for b in balances
                ],
                "datasets": [asdict(d) for d in datasets],
            }
        )
        return
    table(
        [
            (
                b.grant.dataset,
                b.grant.project or _TABLES,
                b.limit.accounting.value,
                in_words(b.limit, rho=bool(b.limit.rho)),
                in_words(b.spent, rho=bool(b.limit.rho)),
            )
            for b in balances
        ],
        "dataset", "project", "accounting", "granted", "spent",
    )  # fmt: skip
    for b in balances:
        click.echo(f"{b.grant.dataset}, {b.grant.project or _TABLES}: {b.says()}")
    for total in datasets:
        click.echo(total.says())


def _shown(balance: Balance) -> dict[str, Any]:
    from enclave.budget.balance import left_of  # noqa: PLC0415 - as above

    grant = balance.grant
    return {
        "grant": grant.id,
        "dataset": grant.dataset,
        "project": grant.project,
        "unit": grant.unit,
        "charges": len(balance.charged),
        "spent": asdict(balance.spent),
        "left": left_of(balance),
    }


@budget.command("grant")
@click.argument("slug", metavar="DATASET")
@_PROJECT
@click.option("--accounting", type=click.Choice(["pure", "approx", "zcdp"]), help="How charges are added up.")
@click.option("--epsilon", type=float, default=0.0, help="With pure and approx.")
@click.option("--delta", type=float, default=0.0, help="With approx; with zcdp for keys found in the data.")
@click.option("--rho", type=float, default=0.0, help="With zcdp.")
@click.option(
    "--raise", "higher", is_flag=True, help="Raise a budget to this; what was granted stays on record."
)
@click.option("--reason", default="", help="Why it is raised.")
def budget_grant(
    *, slug: str, project: str, accounting: str | None, epsilon: float, delta: float, rho: float, higher: bool,
    reason: str,
) -> None:  # fmt: skip
    """Give a project, or a dataset's own tables, a privacy budget; or raise it."""
    from anonymization.dp import Accounting  # noqa: PLC0415 - as above

    house = enclave()
    who = signed_in(house)
    kind = Accounting(accounting) if accounting else None
    if higher:
        balance = house.budgets.raise_grant(
            who,
            dataset=slug,
            project=project,
            epsilon=epsilon,
            delta=delta,
            rho=rho,
            accounting=kind,
            reason=reason,
        )
        click.echo(f"Raised the budget on {slug}. {balance.says()}")
        return
    house.catalogue.dataset(slug)
    if project:
        house.workspaces.project(who, project)  # a slip in the name would hold budget that nobody can spend
    house.budgets.grant(
        who, dataset=slug, project=project, epsilon=epsilon, delta=delta, rho=rho, accounting=kind
    )
    made = house.budgets.balance(slug, project)
    click.echo(f"Granted a budget on {slug}. {made.says() if made else ''}")


@budget.command("quote")
@click.argument("file", metavar="QUERY.yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_PROJECT
@click.option("--dataset", "slug", default="", help="Which dataset, where the query names no table.")
@click.option("--within", type=float, help="A wanted error of each cell, in place of a price.")
@click.option(
    "--contributions", type=int, help="Your guess of how many lie behind a cell, for a mean or ratio."
)
@click.option("--json", "machine", is_flag=True)
def budget_quote(
    *, file: Path, project: str, slug: str, within: float | None, contributions: int | None, machine: bool
) -> None:
    """What a question would cost, how far its noise would reach and what it would leave; spends nothing."""
    import yaml  # noqa: PLC0415 - only where a query is read

    from enclave.extracts.quoting import quote  # noqa: PLC0415 - as above
    from enclave.kernel.actors import Capability  # noqa: PLC0415 - as above

    try:
        wanted = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        wanted = None
    if not isinstance(wanted, dict):
        raise click.ClickException(
            "The file holds no query: a measure, a price, and what else it needs, in YAML."
        )
    dataset = slug or str(wanted.get("table") or "")
    if not dataset:
        raise click.ClickException("Say which dataset is asked: --dataset, or `table:` in the query.")
    house = enclave()
    signed_in(house).must(Capability.BUDGET_READ)
    more = {"within": within, "contributions": contributions}
    asked = {**wanted, **{name: value for name, value in more.items() if value is not None}}
    found = quote(house.asking, house.budgets, dataset, asked, project)
    as_json(found.to_dict()) if machine else click.echo(found.says())


@budget.command("audit")
def budget_audit() -> None:
    """Recompute every charge from its stored query alone; compare grants, raises and charges with the audit log."""
    from enclave.extracts.making import loss_of  # noqa: PLC0415 - as above

    house = enclave()
    faults = house.budgets.audit(signed_in(house), loss_of)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise click.ClickException("The ledger does not hold.")
    click.echo("The ledger holds: every charge covers what its query costs, and no grant is overspent.")
