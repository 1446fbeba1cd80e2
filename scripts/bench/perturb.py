"""CPU seconds and loss of perturbative methods on one core, as JSON; naive MDAV beside ours in the same run.

    OMP_NUM_THREADS=1 python scripts/bench/perturb.py [ROWS ...]        (default 30000 100000)

`naive_mdav` is the published algorithm in numpy: every record looked at four times for every two groups. It takes
minutes from 100,000 rows on, so it runs up to NAIVE rows (environment, default 30000) and its ratio is given there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from anonymization.perturb.mdav import loss, mdav, standardised
from anonymization.perturb.noise import correlated
from anonymization.perturb.pram import exchange, invariant_with_diagonal
from anonymization.perturb.swap import rank_swap
from anonymization.perturb.univariate import optimal_groups

sys.path.insert(0, str(Path(__file__).parent))
from people import people

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
G = 5


def variables(n: int) -> Floats:
    """Three continuous variables: age with a decimal, household income (log), expenditure a head (log)."""
    table = people(n)
    rng = np.random.default_rng(1)
    age = table["age"].to_numpy() + rng.random(n)
    income = np.log1p(table["income"].to_numpy()) + rng.normal(0, 0.01, n)
    return np.column_stack([age, income, np.log(table["expenditure"].to_numpy() + 1)])


def naive_mdav(values: Floats, g: int) -> Ints:
    """MDAV as published, distances anew at every step."""
    points = standardised(values)
    left = np.arange(len(points))
    groups = np.full(len(points), -1, dtype=np.int64)
    label = 0

    def squares(point: Floats) -> Floats:
        gap = points[left] - point
        return np.einsum("ij,ij->i", gap, gap)

    def form(point: Floats) -> None:
        nonlocal left, label
        near = np.argpartition(squares(point), g - 1)[:g]
        groups[left[near]] = label
        left = np.delete(left, near)
        label += 1

    while len(left) >= 3 * g:
        r = points[left[squares(points[left].mean(axis=0)).argmax()]]
        form(r)
        form(points[left[squares(r).argmax()]])
    if len(left) >= 2 * g:
        form(points[left[squares(points[left].mean(axis=0)).argmax()]])
    groups[left] = label
    return groups


def timed(work: Callable[[], Ints]) -> tuple[float, Ints]:
    start = time.process_time()
    done = work()
    return round(time.process_time() - start, 3), done


def measured(n: int, naive_up_to: int) -> dict[str, object]:
    values = variables(n)
    rng = np.random.default_rng(2)
    out: dict[str, object] = {"rows": n, "variables": values.shape[1], "g": G}
    seconds, groups = timed(lambda: mdav(values, G))
    out["mdav"] = {"cpu_seconds": seconds, "sse_over_sst": loss(values, groups)}
    if n <= naive_up_to:
        slow, groups = timed(lambda: naive_mdav(values, G))
        out["naive_mdav"] = {"cpu_seconds": slow, "sse_over_sst": loss(values, groups)}
        out["naive_over_ours"] = round(slow / seconds, 1)
    seconds, groups = timed(lambda: optimal_groups(values[:, 2], G))
    out["univariate"] = {"cpu_seconds": seconds, "sse_over_sst": loss(values[:, [2]], groups)}
    codes = np.minimum(values[:, 0] // 10, 7).astype(np.int64)
    matrix = invariant_with_diagonal(np.bincount(codes), 0.8)
    out["pram"] = {"cpu_seconds": timed(lambda: exchange(codes, matrix, rng.random(n)))[0]}
    draws = rng.random((n, 6))
    out["rank_swap"] = {"cpu_seconds": timed(lambda: rank_swap(values[:, 2], max(1, n // 20), draws))[0]}
    normal, spread = rng.normal(size=values.shape), np.cov(values, rowvar=False)
    noise = timed(lambda: correlated(values, 0.1, normal, spread, values.mean(axis=0)))[0]
    out["correlated_noise"] = {"cpu_seconds": noise}
    return out


if __name__ == "__main__":
    sizes = [int(word) for word in sys.argv[1:]] or [30_000, 100_000]
    most = int(os.environ.get("NAIVE", "30000"))
    print(json.dumps([measured(n, most) for n in sizes], indent=2))
