"""The page that travels with the files: what they are, what the noise means, every indicator and every column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .codes import Code

if TYPE_CHECKING:
    from .files import Publication

_NOISE = """\
Noise was added to every number on purpose, so that whether any one household is in the registry makes next to no
difference to what is published (differential privacy). In 95 of 100 figures, the true one lies between `ci_low`
and `ci_high`. That range covers the noise; errors in the registry itself come on top. A figure that the noise
leaves too unsure is withheld, and `withheld` says why: that is decided from released numbers alone and says
nothing about the households. Add up `value_raw`, not `value`: figures that are kept inside what is possible
have a bias.

Every figure of a table is made from the same released cells (`*.cells.csv`), so figures agree with one another,
and everybody can make them again."""


def readme(
    publication: Publication,
    codes: Sequence[Code],
    columns: Mapping[str, tuple[str, str]],
    cells: Sequence[str],
) -> str:
    """Markdown."""
    name = publication.table
    files = [
        (f"{name}.csv", "the figures, one row each"),
        (f"{name}.parquet", "the same, typed"),
        (f"{name}.sdmx.csv", "the same as SDMX-CSV 2.0 (shares in per cent)"),
        (f"{name}.codes.csv", "every code in words, with its identifier in SDMX"),
        *((f"{cell}.cells.csv", "the released noisy cells") for cell in cells),
        (f"{name}.csv-metadata.json", "the columns for programs (CSV on the Web)"),
    ]
    indicators = [
        f"| `{c.key}` | {c.name} | {c.means} |" for c in codes if c.dimension == "indicator"
    ]  # fmt: skip
    notes = [f"- {note}" for note in publication.notes]
    made = ["## How cells were made", "", *notes, ""] if notes else []
    lines = [
        f"# {publication.title}",
        "",
        f"As of {publication.as_of.isoformat()}.",
        "",
        *(f"- {key}: {text}" for key, text in publication.facts.items()),
        "",
        "## What the noise means",
        "",
        _NOISE,
        "",
        *made,
        "## Files",
        "",
        *(f"- `{file}`: {says}" for file, says in files),
        "",
        "## Indicators",
        "",
        "| code | name | meaning |",
        "|---|---|---|",
        *indicators,
        "",
        "## Columns",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *(f"| `{column}` | {kind} | {says} |" for column, (kind, says) in columns.items()),
        "",
    ]
    return "\n".join(lines)
