"""One measured task in a process of its own: `python microdata_task.py TASK FILE [JSON]` prints what it cost.

CPU seconds are this process's own, of the task alone (reading the file and importing are outside); where a task starts
processes they are counted with their children's, reading and importing included. The caller measures the memory.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

KEYS = ["district", "age", "sex", "marital", "educ", "hhsize"]
K = 5


def recoded(table: pd.DataFrame) -> pd.DataFrame:
    """The keys coarsened as a steward would: region(8), age in tens, sex, married or not, educ(3), hhsize(4)."""
    return pd.DataFrame(
        {
            "region": table["region"],
            "age": table["age"] // 10,
            "sex": table["sex"],
            "married": (table["marital"] == 2).astype(int),
            "educ": np.digitize(table["educ"], [3, 5]),
            "hhsize": np.minimum(table["hhsize"], 4),
        }
    )


def hierarchies() -> dict[str, list[list[str]]]:
    """3 x 5 x 2 x 3 x 3 x 4 levels: a lattice of 1,080 nodes."""
    return {
        "district": [[str(d), f"r{(d - 1) // 8}", "*"] for d in range(1, 65)],
        "age": [[str(a), f"5:{a // 5}", f"10:{a // 10}", f"20:{a // 20}", "*"] for a in range(98)],
        "sex": [[str(s), "*"] for s in (1, 2)],
        "marital": [[str(m), str(m == 2), "*"] for m in range(1, 6)],
        "educ": [[str(e), f"l{np.digitize(e, [3, 5])}", "*"] for e in range(1, 8)],
        "hhsize": [[str(h), f"2:{h // 2}", f"4:{h // 4}", "*"] for h in range(1, 13)],
    }


# Ours.


def risk(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from anonymization.risk.report import RiskSettings, risk_report  # noqa: PLC0415

    settings = RiskSettings(tuple(KEYS), K, weight="weight", household="household")
    said = (
        "records",
        "smallest_class",
        "sample_uniques",
        "expected_reidentifications",
        "household_expected_reidentifications",
    )
    return lambda: risk_report(table, settings), lambda found: {k: found[k] for k in said}


def smallest_class(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from anonymization.risk import class_sizes  # noqa: PLC0415

    return lambda: class_sizes(table, KEYS, missing="category"), lambda sizes: {"k": int(sizes.fk.min())}


def smallest_class_recoded(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from anonymization.risk import class_sizes  # noqa: PLC0415

    keys = recoded(table)
    return lambda: class_sizes(keys, list(keys), missing="category"), lambda sizes: {"k": int(sizes.fk.min())}


def diversity_recoded(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from anonymization.risk import distinct_diversity  # noqa: PLC0415

    keys = recoded(table).assign(poor=table["poor"])
    names = [k for k in keys if k != "poor"]
    return lambda: distinct_diversity(keys, names, "poor", missing="category"), lambda n: {"l": int(n.min())}


def suppress(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from anonymization.risk.classes import key_codes  # noqa: PLC0415
    from anonymization.suppress import suppressed_cells  # noqa: PLC0415

    keys = recoded(table)
    codes = key_codes(keys, list(keys))
    return lambda: suppressed_cells(codes, K, [1.0] * codes.shape[1]), lambda cells: {
        "cells": int(cells.sum())
    }


def lattice(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from anonymization.lattice import Criteria, Metric, search  # noqa: PLC0415
    from anonymization.lattice.reading import coded  # noqa: PLC0415

    trees = hierarchies()
    path = Path(tempfile.mkdtemp()) / "keys.parquet"
    table[list(trees)].to_parquet(path)

    def work() -> Any:  # reading the file is inside: there is no other way in
        codes, counts, found, _ = coded(path, trees)
        return search(
            codes, counts, found, Criteria(K, 1, 1.0, "equal"), limit=0.05, metric=Metric("loss", {}, 0.5)
        )

    return work, lambda found: {"nodes": found.nodes, "suppressed_rows": found.optimum.suppressed}


def microaggregate(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from anonymization.perturb.mdav import loss, mdav  # noqa: PLC0415

    rng = np.random.default_rng(1)
    values = np.column_stack(
        [
            table["age"].to_numpy() + rng.random(len(table)),
            np.log1p(table["income"].to_numpy()) + rng.normal(0, 0.01, len(table)),
            np.log(table["expenditure"].to_numpy() + 1),
        ]
    )
    return lambda: mdav(values, K), lambda groups: {"loss": round(loss(values, groups), 6)}


# Peers. They run in .bench.


def pycanon_k(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from pycanon import anonymity  # noqa: PLC0415

    return lambda: anonymity.k_anonymity(table, KEYS), lambda k: {"k": int(k)}


def pycanon_k_recoded(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from pycanon import anonymity  # noqa: PLC0415

    keys = recoded(table)
    return lambda: anonymity.k_anonymity(keys, list(keys)), lambda k: {"k": int(k)}


def pycanon_l_recoded(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from pycanon import anonymity  # noqa: PLC0415

    keys = recoded(table).assign(poor=table["poor"])
    names = [k for k in keys if k != "poor"]
    return lambda: anonymity.l_diversity(keys, names, ["poor"]), lambda n: {"l": int(n)}


def anjana_k(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    import contextlib  # noqa: PLC0415
    import io  # noqa: PLC0415

    from anjana.anonymity import k_anonymity  # noqa: PLC0415

    keys = table[KEYS].astype(str)
    levels = {
        name: {i: pd.Series([row[i] for row in rows]) for i in range(len(rows[0]))}
        for name, rows in hierarchies().items()
    }

    def work() -> pd.DataFrame:
        with contextlib.redirect_stdout(io.StringIO()):
            kept: pd.DataFrame = k_anonymity(keys.copy(), [], list(levels), K, 5, levels)
        return kept

    return work, lambda kept: {"rows_kept": len(kept)}


# Free text.


def notes(table: pd.DataFrame) -> tuple[list[str], Any]:
    rng = np.random.default_rng(5)
    places = ["Kariobangi", "Malinis", "Esperança", "Sukamaju", "Jhumra"]
    names = ["Wanjiku Mwangi", "Otieno Odhiambo", "Maria Santos", "Siti Wijaya", "Bilal Chaudhry"]
    texts = [
        f"Visit {i}: met {names[a]} near {places[b]}, phone 07{p:08d}; roof leaks, {c} children at home."
        for i, a, b, c, p in zip(
            range(len(table)),
            rng.integers(0, 5, len(table)),
            rng.integers(0, 5, len(table)),
            rng.integers(0, 9, len(table)),
            rng.integers(0, 10**8, len(table)),
            strict=True,
        )
    ]
    return texts, None


def redact_ours(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from anonymization.pii import redact  # noqa: PLC0415

    texts, _ = notes(table)
    redact(texts[:20], processes=1)
    return lambda: redact(texts, processes=1), lambda found: {"changed": found[1]["texts_changed"]}


def presidio_raw(table: pd.DataFrame) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    from pii import default_engine  # noqa: PLC0415 - beside this file

    texts, _ = notes(table)
    engine = default_engine()
    engine.analyze(texts[0], language="en")

    def work() -> int:
        return sum(bool(engine.analyze(t, language="en")) for t in texts)

    return work, lambda found: {"changed": found}


# The whole recipe.


def recipe(path: Path, how: dict[str, Any]) -> dict[str, Any]:
    from anonymization.keys import KeyRing  # noqa: PLC0415
    from anonymization.partitions.executors import Executor, Pool, Serial  # noqa: PLC0415
    from anonymization.partitions.files import FileRun, comfortable, run_file  # noqa: PLC0415
    from anonymization.partitions.sources import open_file  # noqa: PLC0415
    from anonymization.recipe import load_recipe  # noqa: PLC0415

    executor: Executor = Serial()
    cluster = None
    if how["executor"] == "pool":
        executor = Pool(how["workers"])
    elif how["executor"] == "dask":
        from distributed import LocalCluster  # noqa: PLC0415

        from anonymization.partitions.dask_cluster import Dask  # noqa: PLC0415

        cluster = LocalCluster(
            n_workers=how["workers"], threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address=None, memory_limit=0, silence_logs=50,
        )  # fmt: skip
        executor = Dask(cluster.scheduler_address)
    started = time.monotonic()
    parts = comfortable(open_file(path).rows(), how["workers"])
    asked = FileRun(
        load_recipe(Path(__file__).with_name("people.yaml")),
        KeyRing(b"the key of a bench, no secret"),
        "bench",
        date(2026, 1, 1),
        executor=executor,
        partitions=parts,
    )
    with tempfile.TemporaryDirectory() as folder:
        made = run_file(asked, path, Path(folder) / "out.parquet", Path(folder) / "work")
    wall = time.monotonic() - started
    executor.close()
    if cluster is not None:
        cluster.close()
    return {"rows": made.made.rows_in, "partitions": parts, "digest": made.digest, "seconds": round(wall, 2)}


def main() -> None:
    name, path = sys.argv[1], Path(sys.argv[2])
    if name == "recipe":
        out = recipe(path, json.loads(sys.argv[3]))
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        out["cpu_seconds"] = round(sum(u.ru_utime + u.ru_stime for u in used), 2)
    else:
        table = pd.read_parquet(path)
        work, says = globals()[name](table)
        before = time.process_time()
        found = work()
        spent = time.process_time() - before
        out = {"rows": len(table), "cpu_seconds": round(spent, 4), "result": says(found)}
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
