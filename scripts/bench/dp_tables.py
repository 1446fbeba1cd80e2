"""Tables, questions and true values of the bench of private answers.

Households and persons are those of `people`: made up, seeded, vectorised. Keys and bounds are public facts written
here, never read from a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from people import people

FOLDER = Path(__file__).parents[2] / "build/bench"

GROUP, UNIT = "district", "household"
KEYS = list(range(1, 65))
#: Public bounds of one contribution: expenditure a head, income of a household, age in years.
BOUNDS = {"expenditure": (0.0, 600.0), "income": (0.0, 5_000.0), "enrolled": (0.0, 1.0), "age": (0.0, 98.0)}
#: Rows of a household that count in questions about persons; none of these tables has more.
MOST_ROWS = 12
_PERSONS_AT_ONCE = 1_000_000
_HOUSEHOLD_COLUMNS = ["household", "district", "hhsize", "expenditure", "income", "enrolled"]
_PERSON_COLUMNS = ["household", "person", "district", "sex", "age"]


def _question(name: str, measure: str, column: str | None = None, **more: Any) -> dict[str, Any]:
    lower, upper = BOUNDS[column] if column else (None, None)
    given = {"name": name, "measure": measure, "column": column, "lower": lower, "upper": upper}
    plain = {"part": "households", "unit": UNIT, "per": "household", "most_rows": 1, "sizes_public": False}
    return {**given, **plain, "noise": "laplace", "delta": 0.0, **more}


_PERSONS = {"part": "persons", "per": "row", "most_rows": MOST_ROWS}
_ONE_PERSON = {"part": "persons", "per": "row", "most_rows": 1, "unit": "person"}
_GAUSSIAN = {"part": "gaussian", "noise": "gaussian", "delta": 1e-6}
#: Parts of the bench: questions that are asked of one table, in one process of each library.
PARTS = {"households": "households", "persons": "persons", "gaussian": "households"}

#: At the same guarantee: one household, added or removed, whatever it holds.
SAME = (
    _question("count", "count"),
    _question("sum", "sum", "income"),
    _question("mean", "mean", "expenditure"),
    _question("coverage", "coverage", "enrolled"),
    _question("median", "quantile", "expenditure"),
    _question("persons_count", "count", **_PERSONS),
    _question("persons_mean", "mean", "age", **_PERSONS),
    _question("count, Gaussian", "count", **_GAUSSIAN),
    _question("mean, Gaussian", "mean", "expenditure", **_GAUSSIAN),
    _question("coverage, Gaussian", "coverage", "enrolled", **_GAUSSIAN),
)
#: Guarantees that protect less: shown apart, so that what protects less does not look better.
LESS = (
    _question("mean, group sizes public", "mean", "expenditure", sizes_public=True),
    _question("persons_count, one person", "count", **_ONE_PERSON),
    _question("persons_mean, one person", "mean", "age", **_ONE_PERSON),
)


def table(kind: str, rows: int) -> Path:
    """A table of `households` or `persons` with exactly so many rows, made once."""
    path = FOLDER / f"dp-{kind}-{rows}.parquet"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        made = _many(kind, rows)
        part = path.with_suffix(".part")
        made.to_parquet(part, index=False)
        part.replace(path)
    return path


def _many(kind: str, rows: int) -> pd.DataFrame:
    parts: list[pd.DataFrame] = []
    have = households = persons = 0
    while have < rows:
        at_once = min(_PERSONS_AT_ONCE, 6 * rows)
        every = people(at_once, seed=len(parts) + 1)
        every["household"] += households
        every["person"] += persons
        households, persons = int(every["household"].iloc[-1]), int(every["person"].iloc[-1])
        if kind == "persons":
            part = every[_PERSON_COLUMNS]
        else:
            part = every.drop_duplicates("household").copy()
            draw = np.random.default_rng(len(parts)).random(len(part))
            part["enrolled"] = draw < np.where(part["poor"], 0.62, 0.14)
            part = part[_HOUSEHOLD_COLUMNS]
        parts.append(part)
        have += len(part)
    return pd.concat(parts, ignore_index=True).head(rows)


def truth(question: dict[str, Any], df: pd.DataFrame) -> list[float]:
    """What is true of the table, nothing cut or bounded: the error of bounds counts as error."""
    column = question["column"]
    groups = (
        df[GROUP].to_frame().assign(value=df[column].astype(float) if column else 1.0).groupby(GROUP)["value"]
    )
    how = {"count": groups.size, "sum": groups.sum, "quantile": groups.median}
    found = how.get(question["measure"], groups.mean)()
    return [float(v) for v in found.reindex(KEYS)]
