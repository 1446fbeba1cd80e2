"""Ours: the declarative query, answered by `anonymization.dp.answer` as the query service does."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pandas as pd
from task import Answer, NotOffered, Question, Spec, run

from anonymization import dp


def load(spec: Spec) -> tuple[pd.DataFrame, Spec]:
    """The table, with every column it has: what the service reads."""
    return pd.read_parquet(spec["table"]), spec


def query(spec: Spec, question: Question, epsilon: float) -> dp.DpQuery:
    """The question as a query of ours."""
    if question["sizes_public"]:
        raise NotOffered("The number of households in a group is never taken as public.")
    share = question["measure"] == "coverage"
    gaussian = question["noise"] == "gaussian"
    given: dict[str, Any] = {
        "table": "bench",
        "unit_id": question["unit"],
        "measure": "ratio" if share else question["measure"],
        "group_by": {spec["group"]: spec["keys"]},
    }
    given |= {"mechanism": "gaussian", "rho": spec["rho"][str(epsilon)]} if gaussian else {"epsilon": epsilon}
    if share:
        given["numerator"] = question["column"]
    elif question["column"]:
        given |= {"column": question["column"], "lower": question["lower"], "upper": question["upper"]}
    if question["measure"] == "quantile":
        given["quantile"] = 0.5
    if question["per"] == "row":
        given |= {"per": "row", "max_rows": question["most_rows"]}
    return dp.DpQuery.from_dict(given)


def ask(table: tuple[pd.DataFrame, Spec], question: Question, epsilon: float) -> Answer:
    """Values in the order of the spec's keys."""
    df, spec = table
    try:
        frame = dp.answer(query(spec, question, epsilon), df).frame
    except dp.QueryError as error:
        raise NotOffered(str(error)) from None
    found = dict(zip(frame[spec["group"]], frame["value"], strict=True))
    return [None if pd.isna(found[k]) else float(found[k]) for k in spec["keys"]]


if __name__ == "__main__":
    run(load, ask, f"anonymization.dp on opendp {version('opendp')}")
