"""What is published of a standing table: figures in three formats, the released cells, codes, and what they mean."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from .codes import Code, codes
from .indicators import HOUSEHOLDS, SHARE
from .layout import Layout
from .readme import readme
from .sdmx import flow, sdmx

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

File = tuple[str, bytes, str]
CSV, PARQUET, MARKDOWN = "text/csv", "application/vnd.apache.parquet", "text/markdown"
CSVW = "application/csvm+json"
_DIMENSIONS = ("area", "group", "band", "programme", "indicator")
#: Columns of the figures' files: XML Schema type, and what they hold.
DESCRIBED: dict[str, tuple[str, str]] = {
    "as_of": ("date", "The day that the registry's extract shows."),
    "area": ("string", "Code of the area; _T is all of them."),
    "group": ("string", "Group of households, as column=code; _T is all households."),
    "band": ("string", "Band of welfare; _T is all of them."),
    "programme": ("string", "Programme; _T is any; a+b is those in a who are in b too."),
    "indicator": ("string", "Code of the figure; the file of codes says what it means."),
    "area_name": ("string", "The area in words."),
    "group_name": ("string", "The group in words."),
    "band_name": ("string", "The band in words."),
    "programme_name": ("string", "The programme in words."),
    "indicator_name": ("string", "The figure in words."),
    "unit": ("string", "households, share (0 to 1) or money (in the registry's currency)."),
    "value": ("double", "The figure, kept inside what is possible; empty where withheld."),
    "ci_low": ("double", "Lower end of the range that holds the true one in 95 of 100 cases, for the noise alone."),
    "ci_high": ("double", "Upper end of that range."),
    "value_raw": ("double", "The figure before it was kept inside what is possible: for further sums, without bias."),
    "denominator": ("double", "Of a share: the noisy number that it is a share of."),
    "low_reliability": ("boolean", "Published, but the range is wide."),
    "withheld": ("string", "Why there is no figure, decided from released numbers alone; empty otherwise."),
    "noise_scale": ("double", "Scale of the discrete Laplace noise of one cell of the numerator."),
    "noise_cells": ("integer", "How many cells the numerator adds up."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Publication:
    """What goes with the figures.

    Args:
        dataset, table: slug and name; title: for people.
        as_of: the day that the extract shows.
        facts: lines (name, text) about noise, price and source, for the page that explains the files.
        notes: sentences about how cells were made.
    """

    dataset: str
    table: str
    title: str
    as_of: date
    layout: Layout
    facts: Mapping[str, str]
    notes: Sequence[str] = ()


def bundle(publication: Publication, figures: pd.DataFrame, cells: Mapping[str, pd.DataFrame]) -> list[File]:
    """The files, the figures' CSV first.

    Args:
        figures: `indicators.frame`.
        cells: name to released table, from which everybody can make the figures again.
    """
    name = publication.table
    listed = codes(publication.layout, frozenset(figures["indicator"]))
    tidy = _tidy(publication, figures, listed)
    structure = flow(publication.dataset, name)
    exchanged = sdmx(tidy, listed, structure=structure, as_of=publication.as_of)
    parquet = io.BytesIO()
    tidy.assign(as_of=publication.as_of).to_parquet(parquet, index=False)
    described = {
        "@context": "http://www.w3.org/ns/csvw",
        "url": f"{name}.csv",
        "dc:title": publication.title,
        "tableSchema": {
            "columns": [
                {"name": c, "titles": c, "datatype": kind, "dc:description": says}
                for c, (kind, says) in DESCRIBED.items()
            ]
        },
    }
    return [
        (f"{name}.csv", _csv(tidy), CSV),
        (f"{name}.parquet", parquet.getvalue(), PARQUET),
        (f"{name}.sdmx.csv", _csv(exchanged), CSV),
        (f"{name}.codes.csv", _csv(_listed(listed)), CSV),
        *((f"{cell}.cells.csv", _csv(table), CSV) for cell, table in cells.items()),
        (f"{name}.csv-metadata.json", json.dumps(described, indent=1, ensure_ascii=False).encode(), CSVW),
        ("README.md", readme(publication, listed, DESCRIBED, tuple(cells)).encode(), MARKDOWN),
    ]


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _listed(listed: Sequence[Code]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - keeps the package light

    rows = [(c.dimension, c.key, c.sdmx, c.name, c.means) for c in listed]
    return pd.DataFrame(rows, columns=["dimension", "code", "sdmx_code", "name", "means"])


def _tidy(publication: Publication, figures: pd.DataFrame, listed: Sequence[Code]) -> pd.DataFrame:
    """The columns of `DESCRIBED`, figures rounded the same way in every file and ranges outwards."""
    import numpy as np  # noqa: PLC0415 - keeps the package light

    out = figures.copy()
    names = {(c.dimension, c.key): c.name for c in listed}
    for dimension in _DIMENSIONS:
        out[f"{dimension}_name"] = [names[dimension, key] for key in out[dimension]]
    out["as_of"] = publication.as_of.isoformat()
    digits = np.where(out["unit"] == SHARE, 1e6, np.where(out["unit"] == HOUSEHOLDS, 1.0, 100.0))

    def rounded(column: str, way: np.ufunc) -> npt.NDArray[np.float64]:
        # What is a whole number of digits already must not move outwards by a float's last bit.
        scaled = np.round(out[column].to_numpy() * digits, 6)
        moved: npt.NDArray[np.float64] = way(scaled) / digits
        return moved

    for column, way in (
        ("value", np.rint),
        ("value_raw", np.rint),
        ("ci_low", np.floor),
        ("ci_high", np.ceil),
    ):
        out[column] = rounded(column, way)
    return out[list(DESCRIBED)]
