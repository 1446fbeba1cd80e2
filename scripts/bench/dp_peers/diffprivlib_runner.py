"""diffprivlib: each row of an array is what it protects, and the size of the array is public to it.

Where the question is the household's, the runner does what the library does not: a caller's truncation to so many
rows, and epsilon divided by them (group privacy); a group's sum runs over the whole table with zeros outside the group,
because the library cuts its noise at the array's own size; a mean is its sum over its count.
"""

from __future__ import annotations

import warnings

import diffprivlib
import numpy as np
import pyarrow.parquet as pq
from diffprivlib import tools
from task import Answer, NotOffered, Question, Spec, run

Table = tuple[dict[str, np.ndarray], Spec]


def load(spec: Spec) -> Table:
    """The columns as arrays."""
    read = pq.read_table(spec["table"], columns=spec["columns"])
    return {c: read.column(c).to_numpy(zero_copy_only=False) for c in spec["columns"]}, spec


def ask(table: Table, question: Question, epsilon: float) -> Answer:
    """Values in the order of the spec's keys."""
    columns, spec = table
    if question["noise"] == "gaussian":
        raise NotOffered("Its counts, sums and means have Laplace noise.")
    group = columns[spec["group"]]
    values = columns[question["column"]].astype(float) if question["column"] else None
    if question["per"] == "row" and question["unit"] == spec["unit"]:
        kept = _first_rows(columns[spec["unit"]], question["most_rows"])
        group, values = group[kept], None if values is None else values[kept]
        epsilon /= question["most_rows"]
    if question["measure"] == "count":
        return _counts(group, spec, epsilon)
    if values is None:
        raise NotOffered("A question without a column.")
    bounds = (question["lower"], question["upper"])
    if question["measure"] == "sum":
        return _sums(group, values, bounds, spec, epsilon)
    if question["measure"] == "quantile":
        return [
            float(tools.quantile(values[group == k], 0.5, epsilon=epsilon, bounds=bounds))
            for k in spec["keys"]
        ]
    if question["sizes_public"]:
        return [float(tools.mean(values[group == k], epsilon=epsilon, bounds=bounds)) for k in spec["keys"]]
    counts = _counts(group, spec, epsilon / 2)
    sums = _sums(group, values, bounds, spec, epsilon / 2)
    return [
        min(max(s / n, bounds[0]), bounds[1]) if n > 0 else None for s, n in zip(sums, counts, strict=True)
    ]


def _counts(group: np.ndarray, spec: Spec, epsilon: float) -> list[float]:
    keys = spec[
        "keys"
    ]  # whole numbers without gaps: a histogram's bins, as the library documents counts by group
    found, _ = tools.histogram(group, epsilon=epsilon, bins=len(keys), range=(keys[0] - 0.5, keys[-1] + 0.5))
    return [float(n) for n in found]


def _sums(
    group: np.ndarray, values: np.ndarray, bounds: tuple[float, float], spec: Spec, epsilon: float
) -> list[float]:
    inside = np.clip(values, *bounds)
    return [
        float(tools.sum(np.where(group == k, inside, 0.0), epsilon=epsilon, bounds=bounds))
        for k in spec["keys"]
    ]


def _first_rows(unit: np.ndarray, most: int) -> np.ndarray:
    order = np.argsort(unit, kind="stable")
    ordered = unit[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    rank = np.arange(len(unit)) - np.repeat(starts, np.diff(np.r_[starts, len(unit)]))
    return order[rank < most]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run(load, ask, f"diffprivlib {diffprivlib.__version__}")
