"""PipelineDP on its local backend: the household is its privacy id, and it bounds what each id contributes itself."""

from __future__ import annotations

import itertools
from importlib.metadata import version

import pipeline_dp
import pyarrow.parquet as pq
from pipeline_dp import DPEngine, Metrics, NaiveBudgetAccountant
from task import Answer, NotOffered, Question, Spec, run

Table = tuple[dict[str, list[float]], Spec]
_METRICS = {
    "count": Metrics.COUNT,
    "sum": Metrics.SUM,
    "mean": Metrics.MEAN,
    "coverage": Metrics.MEAN,
    "quantile": Metrics.PERCENTILE(50),
}


def load(spec: Spec) -> Table:
    """The columns as Python lists: rows of its local backend are Python objects."""
    read = pq.read_table(spec["table"], columns=spec["columns"])
    return {c: read.column(c).to_pylist() for c in spec["columns"]}, spec


def ask(table: Table, question: Question, epsilon: float) -> Answer:
    """Values in the order of the spec's keys."""
    columns, spec = table
    if question["sizes_public"]:
        raise NotOffered("The number of households in a group is never taken as public.")
    column = question["column"]
    values = columns[column] if column else itertools.repeat(0)
    rows = list(zip(columns[question["unit"]], columns[spec["group"]], values, strict=False))
    accountant = NaiveBudgetAccountant(total_epsilon=epsilon, total_delta=question["delta"])
    engine = DPEngine(accountant, pipeline_dp.LocalBackend())
    params = pipeline_dp.AggregateParams(
        metrics=[_METRICS[question["measure"]]],
        noise_kind=pipeline_dp.NoiseKind[question["noise"].upper()],
        max_partitions_contributed=1,
        max_contributions_per_partition=question["most_rows"],
        min_value=question["lower"],
        max_value=question["upper"],
    )
    extractors = pipeline_dp.DataExtractors(
        privacy_id_extractor=lambda row: row[0],
        partition_extractor=lambda row: row[1],
        value_extractor=lambda row: float(row[2]),
    )
    result = engine.aggregate(rows, params, extractors, public_partitions=spec["keys"])
    accountant.compute_budgets()
    found = {key: metrics[0] for key, metrics in result}
    return [found.get(k) for k in spec["keys"]]


if __name__ == "__main__":
    run(load, ask, f"pipeline-dp {version('pipeline-dp')}")
