"""`enclave tables`: the steward's list of standing tables, its price and errors beforehand, and what was drawn."""

from __future__ import annotations

import click

from enclave.cli.common import as_json, enclave, extract_named, signed_in, table

_JSON = click.option("--json", "in_json", is_flag=True, help="As JSON, for programs.")


@click.group()
def tables() -> None:
    """Standing tables: what is drawn on each new extract for everybody, inside a yearly budget."""


@tables.command("plan")
@click.argument("slug", metavar="DATASET")
@_JSON
def tables_plan(slug: str, *, in_json: bool) -> None:
    """What a draw costs and how far each figure may be off, before anything is spent."""
    from enclave.extracts.foretelling import plan  # noqa: PLC0415 - loads OpenDP

    house = enclave()
    _, listed = house.aggregating.listed(signed_in(house), slug)
    made = plan(listed)
    if in_json:
        as_json(made)
        return
    year = made["year"]
    click.echo(
        f"A draw of {slug} costs epsilon {made['epsilon_of_a_draw']:g}. The extracts of one calendar year may spend "
        f"epsilon {year['epsilon']:g}, which is to last for {year['extracts']}."
    )
    for drawn in made["tables"]:
        asked = ", ".join(f"{q['measure']} in {q['cells']:,} cells" for q in drawn["questions"])
        click.echo(f"\n{drawn['title']} ({drawn['name']}): epsilon {drawn['epsilon']:g} for {asked}")
        table(
            [
                (e["figure"], e["where"], f"{e['reach']:,.0f}", f"{e['needs']:,}" if e["needs"] else "")
                for e in drawn["errors"]
            ],
            "figure", "of", "95% of the noise within", "needed behind it for 5 points",
        )  # fmt: skip
    click.echo(
        "\nThe noise moves a number by more than the third column in 5 of 100 cases. A share needs as many households "
        f"(adequacy: as much {made['currency']} of consumption) behind it as the fourth column says, or its range is "
        "wider than 5 points either way. Nothing was spent, and no row was read."
    )


@tables.command("draw")
@click.argument("extract", metavar="EXTRACT")
@_JSON
def tables_draw(extract: str, *, in_json: bool) -> None:
    """Draw and publish the standing tables of an extract; a second draw is free and gives the same."""
    house = enclave()
    who = signed_in(house)
    made = house.aggregating.aggregate(who, extract_named(house, who, extract))
    if in_json:
        as_json([{"reference": r.reference, "title": r.title, **r.summary} for r in made])
        return
    for release in made:
        click.echo(f"{release.reference}: {release.title} ({release.state.value})")
    if not made:
        click.echo("No list of standing tables is kept for this dataset.")


@tables.command("list")
@click.argument("slug", metavar="DATASET")
@_JSON
def tables_list(slug: str, *, in_json: bool) -> None:
    """What was drawn of each extract, and what each calendar year has left."""
    house = enclave()
    who = signed_in(house)
    _, listed = house.aggregating.listed(who, slug)
    drawn, spent = house.aggregating.drawn(who, slug)
    if in_json:
        as_json(
            {
                "dataset": slug,
                "tables": [{"name": t.name, "title": t.title, "kind": t.kind.value} for t in listed.tables],
                "years": [
                    {"year": year, "spent": amount, "epsilon": listed.epsilon}
                    for year, amount in spent.items()
                ],
                "extracts": [
                    {
                        "extract": row.extract.id,
                        "reference": row.extract.reference,
                        "as_of": row.extract.as_of,
                        "releases": [
                            {"reference": r.reference, "title": r.title, "state": r.state.value}
                            for r in row.releases
                        ],
                    }
                    for row in drawn
                ],
            }
        )
        return
    table([(t.name, t.title, t.kind.value) for t in listed.tables], "table", "title", "kind")
    click.echo("")
    table(
        [
            (row.extract.reference, row.extract.as_of, ", ".join(r.reference for r in row.releases) or "not drawn")
            for row in drawn
        ],
        "extract", "as of", "releases",
    )  # fmt: skip
    for year, amount in spent.items():
        click.echo(f"\nExtracts of {year} have spent epsilon {amount:g} of {listed.epsilon:g}.")
