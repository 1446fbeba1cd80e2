"""Tumult Analytics on Spark: a row of households is one unit; of persons, the household is the ID that is protected.

Rows of an ID beyond the public number are dropped by its `MaxRowsPerID`, as its documentation says.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Any

from pyspark.sql import SparkSession
from task import Answer, NotOffered, Question, Spec, run
from tmlt.analytics import (
    AddOneRow,
    AddRowsWithID,
    KeySet,
    MaxRowsPerID,
    PureDPBudget,
    QueryBuilder,
    RhoZCDPBudget,
    Session,
)

Table = tuple[Any, Spec, dict[str, Any]]


def load(spec: Spec) -> Table:
    """The table in Spark, which reads it when it is asked; settings as its documentation gives for one machine."""
    os.environ["PYSPARK_PYTHON"] = sys.executable  # its workers too live in this environment
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "8g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.sql.warehouse.dir", "warehouse")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    df = spark.read.parquet(spec["table"]).select(*spec["columns"])
    for name, kind in df.dtypes:
        if kind == "boolean":
            # Of whole numbers it takes the middle of the bounds as one too, which costs precision between 0 and 1.
            df = df.withColumn(name, df[name].cast("double"))
    return df, spec, {"keys": KeySet.from_dict({spec["group"]: spec["keys"]})}


def ask(table: Table, question: Question, epsilon: float) -> Answer:
    """Values in the order of the spec's keys."""
    df, spec, made = table
    if question["sizes_public"]:
        raise NotOffered("The number of households in a group is never taken as public.")
    by_id = question["per"] == "row" and question["unit"] == spec["unit"]
    rho = spec["rho"][str(epsilon)] if question["noise"] == "gaussian" else 0.0
    kind = f"{'ids' if by_id else 'rows'}, {question['noise']}"
    if kind not in made:
        made[kind] = Session.from_dataframe(
            privacy_budget=RhoZCDPBudget(float("inf")) if rho else PureDPBudget(float("inf")),
            source_id="bench",
            dataframe=df,
            protected_change=AddRowsWithID(id_column=spec["unit"]) if by_id else AddOneRow(),
        )
    query = QueryBuilder("bench")
    if by_id:
        query = query.enforce(MaxRowsPerID(question["most_rows"]))
    grouped = query.groupby(made["keys"])
    column, low, high = question["column"], question["lower"], question["upper"]
    if question["measure"] == "count":
        asked = grouped.count(name="answer")
    elif question["measure"] == "sum":
        asked = grouped.sum(column, low, high, name="answer")
    elif question["measure"] == "quantile":
        asked = grouped.median(column, low, high, name="answer")
    else:
        asked = grouped.average(column, low, high, name="answer")
    rows = made[kind].evaluate(asked, RhoZCDPBudget(rho) if rho else PureDPBudget(epsilon)).collect()
    found = {row[spec["group"]]: row["answer"] for row in rows}
    return [found.get(k) for k in spec["keys"]]


if __name__ == "__main__":
    run(load, ask, f"tmlt.analytics {version('tmlt.analytics')} on Spark {version('pyspark')}")
