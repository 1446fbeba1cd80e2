"""Synthesizers beside raw SDV and SmartNoise Synth on the demo registry's anonymized households, as JSON.

    OMP_NUM_THREADS=1 python scripts/bench/synth.py [--households N] [--only NAME ...] [--bound SECONDS]
        [--smartnoise PYTHON] [--anonymeter PYTHON] [--keep FOLDER]

Every method learns the same 70 % of the same table in a process of its own, which is ended at its bound; the figures
are computed afterwards, by another. The floor is the hold-out, a true sample. `raw_*` is SDV as it ships (its own
detection of types; networks with as many epochs as ours), on the same prepared columns. PYTHON names an interpreter
with `smartnoise-synth` or `anonymeter`, which cannot live in our environment; `make bench-synth` makes both in build/.
With FOLDER the tables and each method's figures stay there, and what is there already is not made again: a run that was
ended goes on, and methods can be measured side by side. It must be of the same households and epochs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))

import numpy as np
import pandas as pd
import synth_tables
from synth_tables import DELTA, SEED, plan_of

from anonymization.synth.methods import synthesizer
from anonymization.synth.public import cells_of
from anonymization.synth.tables import finished

FLOOR = "another_true_sample"
#: Tables that the regressions are combined over.
TABLES = 5
_SCORING = 900.0


@dataclass(frozen=True, slots=True)
class Method:
    """What is measured.

    Args:
        bound: seconds of wall time after which learning is ended.
        method: of ours; "" for a peer.
        epsilon: of a differentially private one.
        beside: the peer that it is compared with.
    """

    bound: float
    method: str = ""
    epsilon: float = 0.0
    beside: str = ""


METHODS: Mapping[str, Method] = {
    "cart": Method(120, "cart", beside="raw_gaussian_copula"),
    "gaussian_copula": Method(300, "gaussian_copula", beside="raw_gaussian_copula"),
    "ctgan": Method(600, "ctgan", beside="raw_ctgan"),
    "tvae": Method(600, "tvae", beside="raw_ctgan"),
    "mst_epsilon_1": Method(120, "mst", 1.0, "smartnoise_mst_epsilon_1"),
    "mst_epsilon_3": Method(120, "mst", 3.0, "smartnoise_mst_epsilon_3"),
    "raw_gaussian_copula": Method(300),
    "raw_ctgan": Method(600),
    "smartnoise_mst_epsilon_1": Method(600, epsilon=1.0),
    "smartnoise_mst_epsilon_3": Method(600, epsilon=3.0),
}
#: Whose tables anonymeter attacks too.
CROSS_CHECKED = ("cart", "raw_gaussian_copula", "mst_epsilon_1")
_ATTACKS = 500
_GUESSED = "welfare_aggregate"


def draw(name: str, folder: Path, epochs: int) -> dict[str, Any]:
    """Learns and draws in this process; the tables are written, what it took is returned."""
    chosen, plan = METHODS[name], plan_of(folder)
    learnt = pd.read_parquet(folder / "learnt.parquet")
    began = time.process_time()
    if chosen.method:
        plan = replace(
            plan, method=chosen.method, epsilon=chosen.epsilon, epochs=epochs, max_seconds=chosen.bound
        )
        method = synthesizer(plan)
        planned = method.plan(plan.columns, len(learnt))
        method.fit(pd.read_parquet(folder / "rows.parquet") if chosen.epsilon else learnt)
        after = _spent(began)
        first = method.sample(len(learnt), SEED)
        both = _spent(began)
        others = [method.sample(len(learnt), SEED + at) for at in range(1, TABLES)]
        says = {"planned_seconds": planned.seconds, "planned_megabytes": planned.megabytes}
    else:
        model = _raw(name, learnt, epochs)
        after = _spent(began)
        first = finished(model.sample(len(learnt))["table"], learnt, plan.columns)
        both = _spent(began)
        others = [
            finished(model.sample(len(learnt))["table"], learnt, plan.columns) for _ in range(1, TABLES)
        ]
        says = {}
    peak = round(max(_peak_kilobytes(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024)
    for at, table in enumerate([first, *others], start=1):
        table.to_parquet(folder / f"{name}-{at}.parquet")
    return {"fit_cpu_seconds": after, "sample_cpu_seconds": both - after, "peak_megabytes": peak, **says}


def _raw(name: str, learnt: pd.DataFrame, epochs: int) -> Any:
    """SDV as it ships."""
    from sdv.metadata import Metadata  # noqa: PLC0415 - only these methods load it
    from sdv.single_table import CTGANSynthesizer, GaussianCopulaSynthesizer  # noqa: PLC0415

    metadata = Metadata.detect_from_dataframes({"table": learnt})
    if name == "raw_gaussian_copula":
        model = GaussianCopulaSynthesizer(metadata)
    else:
        model = CTGANSynthesizer(metadata, epochs=epochs, enable_gpu=False)
    model.fit({"table": learnt})
    return model


def _spent(began: float) -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() - began + children.ru_utime + children.ru_stime


def _peak_kilobytes() -> int:
    """Of this process alone: what getrusage says is at least what the process that started it held then."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def measured(name: str, folder: Path, bound: float, asked: argparse.Namespace) -> dict[str, Any]:
    """A method's figures, or a sentence about why it gave none."""
    chosen = METHODS[name]
    if name.startswith("smartnoise"):
        if asked.smartnoise is None:
            return {"why": "It was not asked for: name an interpreter that has it with --smartnoise."}
        runner = Path(__file__).with_name("synth_smartnoise.py")
        price = (str(chosen.epsilon), str(DELTA), str(TABLES))
        took = _run([str(asked.smartnoise), str(runner), str(folder), name, *price], bound)
        if "why" not in took:
            _values(name, folder)
    else:
        took = _run(_self("draw", name, folder, asked), bound)
    if "why" in took:
        return {"bound_seconds": bound, **took}
    return {**_run(_self("score", name, folder, asked), _SCORING), "bound_seconds": bound, **_rounded(took)}


def _once(name: str, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """As `measured`, or what stands in the folder."""
    kept = folder / f"{name}.json"
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    if name == FLOOR:
        found = _run(_self("score", FLOOR, folder, asked), _SCORING)
    else:
        found = measured(name, folder, asked.bound or METHODS[name].bound, asked)
    kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def _values(name: str, folder: Path) -> None:
    """A peer's cells as values, by the same rule as ours, its rows in random order: it gives them sorted."""
    plan = plan_of(folder)
    cells = cells_of(plan.columns, plan.domains)
    for at, path in enumerate(sorted(folder.glob(f"{name}-*.cells")), start=1):
        drawn = pd.read_parquet(path).sample(frac=1, random_state=SEED + at).reset_index(drop=True)
        rng = np.random.default_rng(SEED + at)
        held = {n: c.values(drawn[n].to_numpy(), rng) for n, c in cells.items()}
        pd.DataFrame(held).to_parquet(folder / f"{name}-{at}.parquet")


def _self(what: str, name: str, folder: Path, asked: argparse.Namespace) -> list[str]:
    step = ["--step", what, "--one", name, "--folder", str(folder), "--epochs", str(asked.epochs)]
    return [sys.executable, __file__, *step]


def _run(command: list[str], bound: float) -> dict[str, Any]:
    env = {**os.environ, "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
    began = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=bound, check=False, env=env)
    except subprocess.TimeoutExpired:
        return {"why": f"It did not end within {bound:g} seconds."}
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no message"])[-1][:200]
        return {"why": f"It ended with an error: {said}"}
    found: dict[str, Any] = json.loads(done.stdout)
    return {"wall_seconds": round(time.monotonic() - began, 1), **found}


def _rounded(took: Mapping[str, Any]) -> dict[str, Any]:
    out = {k: round(v, 2) if isinstance(v, float) else v for k, v in took.items()}
    return {**out, "cpu_seconds": round(took["fit_cpu_seconds"] + took["sample_cpu_seconds"], 2)}


def ratios(methods: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The peer's figure over ours, where both have one: above 1 ours is smaller, and smaller is better."""
    out: dict[str, dict[str, Any]] = {}
    for name, chosen in METHODS.items():
        ours, peer = methods.get(name, {}), methods.get(chosen.beside, {})
        figures = {
            "pairs": [m.get("mean_total_variation_of_pairs") for m in (ours, peer)],
            "targeting": [(m.get("targeting_differential_error") or {}).get("worst") for m in (ours, peer)],
            "cpu": [m.get("cpu_seconds") for m in (ours, peer)],
            "memory": [m.get("peak_megabytes") for m in (ours, peer)],
        }
        told = {k: round(b / a, 2) for k, (a, b) in figures.items() if a and b}
        if told:
            out[name] = {"beside": chosen.beside, **told}
    return out


def cross_checked(names: list[str], folder: Path, python: Path) -> Any:
    """Anonymeter's attacks on the same tables; it draws its targets without a seed."""
    plan = plan_of(folder)
    known = list(plan.quasi_identifiers)
    rest = [c for c in plan.columns if c not in known]
    beside = folder / "anonymeter"
    beside.mkdir(exist_ok=True)
    for name in names:
        _plain(pd.read_parquet(folder / f"{name}-1.parquet")).to_parquet(beside / f"{name}.parquet")
    for name in ("training", "holdout"):
        _plain(pd.read_parquet(folder / f"{name}.parquet")).to_parquet(beside / f"{name}.parquet")
    arguments = [json.dumps(a) for a in (known, rest, _GUESSED, _ATTACKS, names)]
    runner = Path(__file__).with_name("attacks_anonymeter.py")
    return _run([str(python), str(runner), str(beside), *arguments], _SCORING)


def _plain(df: pd.DataFrame) -> pd.DataFrame:
    """Numbers and flags as floats, words as words, missing ones too: all that anonymeter takes."""
    held = {
        c: df[c].astype("float64").fillna(-1.0)
        if pd.api.types.is_numeric_dtype(df[c])
        else df[c].astype(object).where(df[c].notna(), "missing").astype(str)
        for c in df
    }
    return pd.DataFrame(held)


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description="Synthesizers beside raw SDV and SmartNoise Synth.")
    parser.add_argument("--households", type=int, default=20_000)
    parser.add_argument(
        "--bound", type=float, help="seconds after which any method is ended; each has its own"
    )
    parser.add_argument("--epochs", type=int, default=15, help="of networks, ours and raw ones")
    parser.add_argument("--only", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--smartnoise", type=Path)
    parser.add_argument("--anonymeter", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for tables and figures, to go on with later")
    parser.add_argument("--step", choices=("draw", "score"), help=argparse.SUPPRESS)
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        with contextlib.redirect_stdout(sys.stderr):  # SDV prints what it does
            if asked.step == "draw":
                found = draw(asked.one, asked.folder, asked.epochs)
            else:
                from synth_score import score  # noqa: PLC0415 - what it loads must not count as a method's memory

                found = score(asked.one, asked.folder, attacked=asked.one != FLOOR)
        print(json.dumps(found))
        return
    with contextlib.ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (folder / "cells.parquet").exists():
            folder.mkdir(parents=True, exist_ok=True)
            synth_tables.write(asked.households, folder)
        pd.read_parquet(folder / "holdout.parquet").to_parquet(folder / f"{FLOOR}-1.parquet")
        methods = {}
        for each in (FLOOR, *asked.only):
            methods[each] = _once(each, folder, asked)
            # A long run shows how far it is.
            print(json.dumps({each: methods[each]}), file=sys.stderr, flush=True)
        names = [n for n in CROSS_CHECKED if "cpu_seconds" in methods.get(n, {})]
        beside = cross_checked(names, folder, asked.anonymeter) if asked.anonymeter and names else None
    told = {
        "households": asked.households,
        "epochs": asked.epochs,
        "methods": methods,
        "peer_over_ours": ratios(methods),
        "anonymeter": beside,
    }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
