"""SmartNoise SQL on a pandas table: a row of households is one unit (row privacy); rows of persons have a private key.

Epsilon is what it spends on each noisy column; an average takes two, so each gets half: what a question costs is
checked with its own `get_privacy_cost`. Keys are public, so no group is dropped and no delta is needed.
"""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import Any

import pandas as pd
import snsql
from task import Answer, NotOffered, Question, Spec, run

_AGGREGATES = {"count": "COUNT(*)", "sum": "SUM({})", "mean": "AVG({})", "coverage": "AVG({})"}
_SLACK = 1 + 1e-9
Table = tuple[pd.DataFrame, Spec, list[Any]]


def load(spec: Spec) -> Table:
    """The table, and a place for the database that its reader makes of it."""
    df = pd.read_parquet(spec["table"], columns=spec["columns"])
    flags = df.select_dtypes("bool").columns
    return df.astype(dict.fromkeys(flags, "int64")), spec, []


def ask(table: Table, question: Question, epsilon: float) -> Answer:
    """Values in the order of the spec's keys."""
    df, spec, made = table
    if question["measure"] not in _AGGREGATES:
        raise NotOffered("It has no quantiles.")
    if question["sizes_public"]:
        raise NotOffered("The number of households in a group is never taken as public.")
    what = _AGGREGATES[question["measure"]].format(question["column"])
    # S608: every part of the text is a constant of the bench.
    sql = f"SELECT {spec['group']}, {what} AS answer FROM b.bench GROUP BY {spec['group']}"  # noqa: S608
    columns = 2 if what.startswith("AVG") else 1
    metadata = _metadata(question, spec)
    # Its database is made once, by the first question; only metadata and epsilon change between questions.
    if not made:
        made.append(snsql.sql.reader.PandasReader(df, metadata))
    privacy = snsql.Privacy(epsilon=epsilon / columns, delta=question["delta"] / columns)
    if question["noise"] == "gaussian":
        privacy.mechanisms.map |= dict.fromkeys(snsql.Stat, snsql.Mechanism.gaussian)
    private = snsql.sql.private_reader.PrivateReader(made[0], metadata, privacy)
    spent, _ = private.get_privacy_cost(sql)
    if spent > epsilon * _SLACK:
        raise NotOffered(f"It would spend {spent:g} in place of {epsilon:g}.")
    found = {int(row[0]): row[1] for row in private.execute(sql)[1:]}
    return [found.get(k) for k in spec["keys"]]


def _metadata(question: Question, spec: Spec) -> dict[str, Any]:
    rows_are_units = question["per"] == "household" or question["unit"] != spec["unit"]
    about: dict[str, Any] = {"row_privacy": rows_are_units, "censor_dims": False, "clamp_counts": True}
    if not rows_are_units:
        about |= {"max_ids": question["most_rows"], spec["unit"]: {"type": "int", "private_id": True}}
    about[spec["group"]] = {"type": "int"}
    if question["column"]:
        bounds = {"lower": question["lower"], "upper": question["upper"]}
        about[question["column"]] = {"type": "float", **bounds}
    return {"": {"b": {"bench": about}}}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run(load, ask, f"smartnoise-sql {version('smartnoise-sql')} on opendp {version('opendp')}")
