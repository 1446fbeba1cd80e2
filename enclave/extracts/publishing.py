"""From the ledger's stored answers to the files of an open release."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date

import pandas as pd

from anonymization.standing.combining import Rules
from anonymization.standing.files import CSV, DESCRIBED, File, Publication, bundle
from anonymization.standing.layout import Layout
from enclave.catalogue.model import Dataset
from enclave.extracts.tables import StandingList, StandingTable


def publication(
    dataset: Dataset, listed: StandingList, table: StandingTable, as_of: date, spent: Sequence[float]
) -> Publication:
    """What the page beside the files says: source, price, noise, and how the cells were made."""
    epsilon = " + ".join(f"{part:g}" for part in spent)
    facts = {
        "Dataset": dataset.title,
        "Source": " ".join(dataset.source.split()),
        "Privacy loss": f"epsilon {epsilon} (differential privacy)",
        "Privacy unit": "one household, added or removed, with everything about it",
        "Noise": "discrete Laplace on whole numbers, by OpenDP",
        "Money": listed.currency,
    }
    if table.layout is None or table.money is None:
        facts.pop("Money")
    layout = table.layout or Layout(dataset.unit_id)
    return Publication(dataset.slug, table.name, table.title, as_of, layout, facts, _notes(table))


def _notes(table: StandingTable) -> list[str]:
    layout, money = table.layout, table.money
    if layout is None:
        return []
    said = [
        "Each household is in exactly one cell. Whoever lacks a group, band or area counts as not stated."
    ]
    if layout.band:
        said.append(
            f"Bands are of {layout.band.title}; their edges are public and were not taken from the data. "
            "A band holds its upper edge."
        )
    if layout.poor:
        said.append(
            f"Poor are {layout.poor.title}. Households whose band is not stated are neither poor nor not poor."
        )
    if layout.programmes:
        said.append("A household without an entry for a programme counts as not in it.")
    if money is not None:
        said.append(
            f"A household counts when both what it received ({money.received.name}) and what it consumed "
            f"({money.consumed.name}) are stated. More than {money.received.upper:,.0f} received counts as that, "
            f"and more than {money.consumed.upper:,.0f} consumed as that."
        )
    return said


def table_files(
    table: StandingTable, said: Publication, released: Sequence[str], rules: Rules
) -> tuple[list[File], int, tuple[str, ...]]:
    """(files, rows, columns) of the release; the first file is the one that pages show.

    Args:
        released: the ledger's answers as CSV, one for each query of the table.
        rules: when a figure is withheld.
    """
    if table.layout is None:
        csv = released[0]
        lines = csv.splitlines()
        return [(f"{table.name}.csv", csv.encode(), CSV)], len(lines) - 1, tuple(lines[0].split(","))
    answers = [pd.read_csv(io.StringIO(csv), dtype=dict.fromkeys(table.layout.keys, str)) for csv in released]
    figures = table.figures(answers, rules)
    if table.money is None:
        cells = {table.name: answers[0]}
    else:
        cells = {f"{table.name}-{n}": a for n, a in zip(("received", "consumed"), answers, strict=True)}
    return bundle(said, figures, cells), len(figures), tuple(DESCRIBED)
