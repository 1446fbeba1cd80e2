"""`enclave dataset classify`: what every column is, proposed; decided by a steward; the recipe that follows."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enclave.cli.common import as_json, enclave, signed_in, table

if TYPE_CHECKING:
    import pandas as pd

    from anonymization.columns import Classification
    from anonymization.columns.comparing import Comparison
    from anonymization.columns.proposal import Column
    from enclave.bootstrap import Enclave
    from enclave.kernel.actors import Actor

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW = click.Path(dir_okay=False, path_type=Path)


@click.command("classify")
@click.argument("file", type=FILE)
@click.option("--dictionary", type=FILE, help="A data dictionary (YAML): its roles are heard too.")
@click.option("--dataset", "slug", default="", help="Slug of the dataset, where no dictionary names it.")
@click.option("--unit", type=click.Choice(["household", "person"]), default="household", show_default=True)
@click.option("--out", type=NEW, help="Write the classification here.")
@click.option("--against", type=FILE, help="A confirmed classification: say what is new or changed in FILE.")
@click.option(
    "--confirm", "edited", type=FILE, help="The classification that you have looked through, to be signed."
)
@click.option("--ask", is_flag=True, help="Ask about each open column here, instead of editing the file.")
@click.option("--recipe", type=NEW, help="With --confirm: write the draft of a recipe here.")
@click.option(
    "--show-samples", is_flag=True, help="Show masked samples on this terminal; they are kept nowhere."
)
@click.option("--json", "machine", is_flag=True, help="As JSON, for another program.")
def classify(
    *,
    file: Path,
    dictionary: Path | None,
    slug: str,
    unit: str,
    out: Path | None,
    against: Path | None,
    edited: Path | None,
    ask: bool,
    recipe: Path | None,
    show_samples: bool,
    machine: bool,
) -> None:
    """Propose what every column of FILE (CSV or Parquet) is; with --confirm, sign it and draft the recipe.

    Exit code 15 as long as a column is undecided after --against or --confirm.
    """
    from anonymization.columns import ClassificationProblem, load_classification  # noqa: PLC0415 - heavy
    from anonymization.columns.comparing import compare  # noqa: PLC0415
    from anonymization.errors import AnonymizationError  # noqa: PLC0415
    from anonymization.files import read_table  # noqa: PLC0415
    from enclave.kernel.errors import Invalid  # noqa: PLC0415

    try:
        rows = read_table(file)
        proposal = _proposal(rows, dictionary, slug, unit)
        before = load_classification(against) if against else None
        news = compare(proposal, before) if before else None
        proposal = news.classification if news else proposal
        if edited is not None:
            _confirm(proposal, load_classification(edited), before, rows, ask=ask, out=out, recipe=recipe)
            return
    except ClassificationProblem as error:
        raise Invalid(error.problems) from None
    except AnonymizationError as error:
        raise click.ClickException(error.sentence) from None
    if out is not None:
        out.write_text(proposal.to_yaml(), encoding="utf-8")
    if machine:
        as_json(proposal.model_dump(mode="json"))
    else:
        _show(proposal, rows if show_samples else None)
        _tell(proposal, news, out)
    if news is not None and proposal.undecided:
        raise Invalid([f"{len(proposal.undecided)} columns are undecided: {', '.join(proposal.undecided)}."])


def _proposal(rows: pd.DataFrame, dictionary: Path | None, slug: str, unit: str) -> Classification:
    from anonymization.columns import classify as propose  # noqa: PLC0415 - heavy
    from enclave.catalogue.dictionary import load_dictionary  # noqa: PLC0415

    if dictionary is None:
        return propose(rows, dataset=slug, unit="person" if unit == "person" else "household")
    described = load_dictionary(dictionary)
    known = {c.name: c.role.value for c in described.columns}
    return propose(rows, dataset=described.slug, unit=described.unit.value, known=known)


def _show(proposal: Classification, samples: pd.DataFrame | None) -> None:
    """The readable table, riskiest first; masked samples go to a terminal or nowhere."""
    from anonymization.columns.masking import masked_samples  # noqa: PLC0415

    if samples is not None and not sys.stdout.isatty():
        raise click.ClickException(
            "Masked samples are for a terminal, not for a file or a pipe. Leave them out."
        )
    lines = []
    for c in proposal.columns:
        line = [c.name, c.decided.role.value, c.decided.kind, "+".join(c.decided.treatment), f"{c.confidence:.0%}",
                "yes" if c.confirmed else "no"]  # fmt: skip
        if samples is not None:
            line.append(", ".join(masked_samples(samples[c.name])))
        lines.append((*line, c.news or c.reason))
    heads = [
        "column",
        "role",
        "kind",
        "a recipe would",
        "sure",
        "decided",
        *(["samples"] if samples is not None else []),
    ]
    table(lines, *heads, "why")


def _tell(proposal: Classification, news: Comparison | None, out: Path | None) -> None:
    if news is not None:
        for what, names in (("new", news.new), ("changed", news.changed), ("gone", news.gone)):
            if names:
                click.echo(f"Columns that are {what}: {', '.join(names)}.")
        if not proposal.undecided:
            click.echo("Nothing is new: what was confirmed stands.")
            return
    if out is not None:
        click.echo(
            f"Wrote {out}. Correct `decided` where it is wrong, set confirmed: true, then: --confirm {out}"
        )


def _confirm(
    fresh: Classification,
    edited: Classification,
    before: Classification | None,
    rows: pd.DataFrame,
    *,
    ask: bool,
    out: Path | None,
    recipe: Path | None,
) -> None:
    """Signs what was decided, writes it and the recipe's draft, and leaves an event in the audit log."""
    from anonymization.columns.confirming import confirmed_by  # noqa: PLC0415
    from enclave.kernel.actors import Capability  # noqa: PLC0415

    house = enclave()
    who = signed_in(house)
    who.must(Capability.CATALOGUE_CLASSIFY)
    if ask:
        edited = edited.model_copy(
            update={"columns": tuple(c if c.confirmed else _asked(c) for c in edited.columns)}
        )
    done = confirmed_by(edited, fresh, by=who.name, on=house.kit.clock.today(), before=before)
    draft = _draft(done, rows, house.kit.clock.today()) if recipe else ""
    if recipe is not None:
        recipe.write_text(draft, encoding="utf-8")
        click.echo(f"Wrote {recipe}: a draft. Sharpen it, then run it.")
    if out is not None:
        out.write_text(done.to_yaml(), encoding="utf-8")
        click.echo(f"Wrote {out}. Keep it: the next extract is compared with it (--against {out}).")
    _record(house, who, done)
    click.echo(f"{len(done.columns)} columns are decided by {who.name}.")


def _record(house: Enclave, who: Actor, done: Classification) -> None:
    from collections import Counter  # noqa: PLC0415

    facts = {
        "columns": len(done.columns),
        "roles": dict(sorted(Counter(c.decided.role.value for c in done.columns).items())),
        "changed": sum(c.changed for c in done.columns),
        "classification": done.digest,
    }
    house.catalogue.classified(who, done.dataset or "undescribed", facts)


def _draft(done: Classification, rows: pd.DataFrame, today: date) -> str:
    """The recipe, proved: it loads, and it plans on this table."""
    from anonymization.columns.drafting import draft_recipe, schema_of  # noqa: PLC0415
    from anonymization.pipeline import plan  # noqa: PLC0415
    from anonymization.recipe import load_recipe  # noqa: PLC0415
    from policies import PolicyBook  # noqa: PLC0415

    book = PolicyBook.packaged()
    k = int(str(book.parameter("deidentification", "smallest-class", "threshold", today)))
    share = float(str(book.parameter("deidentification", "re-identification-risk", "threshold", today)))
    text = draft_recipe(done, name=done.dataset, k=k, share=share)
    plan(load_recipe(text), schema_of(done, [str(c) for c in rows.columns]))
    return text


def _asked(column: Column) -> Column:
    """One open column, put to the steward."""
    from anonymization.columns.confirming import accept, change  # noqa: PLC0415
    from anonymization.columns.drafting import choice_of  # noqa: PLC0415
    from anonymization.columns.lexicon import kinds  # noqa: PLC0415

    click.echo(f"\n{column.name}: {column.news or column.reason}")
    says = f"{column.decided.role.value} ({column.decided.kind}), {'+'.join(column.decided.treatment)}"
    answer = click.prompt(
        f"  {says}. Accept, change or leave open?", type=click.Choice(["a", "c", "l"]), default="a"
    )
    if answer == "l":
        return column
    if answer == "a":
        return accept(column) if not column.changed else column.model_copy(update={"confirmed": True})
    kind = click.prompt(
        "  What is it", type=click.Choice([*kinds(), "category", "measure"]), show_choices=True
    )
    why = click.prompt("  Why")
    return change(column, choice_of(kind, column), why)
