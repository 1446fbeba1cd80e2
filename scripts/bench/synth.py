"""Synthesizers beside raw SDV on the demo registry's anonymized households, as JSON.

    OMP_NUM_THREADS=1 python scripts/bench/synth.py [--households N] [--cap SECONDS] [--only NAME ...]

Every method learns the same 70 % of the same table in a process of its own, which is ended after `--cap` seconds. The
floor is the hold-out, a true sample. `raw_*` is SDV as it ships, on the same
prepared columns: its own detection of types, its own settings.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from anonymization.attacks.synthetic import attack_synthetic
from anonymization.keys import KeyRing
from anonymization.pipeline import run
from anonymization.recipe import packaged_recipe
from anonymization.schema import Schema
from anonymization.synth import SynthesisPlan
from anonymization.synth.methods import synthesizer
from anonymization.synth.privacy import privacy_evidence
from anonymization.synth.tables import finished, ready
from anonymization.utility import compare_targeting, two_way
from enclave.catalogue.dictionary import load_dictionary
from enclave.catalogue.model import Dataset
from enclave.demo.country import AS_OF
from enclave.demo.ministry import generate
from enclave.extracts.questions import synthesis_plan
from enclave.store.registry import read_households, write_registry

#: `mst` is left out: it needs public cells from the data dictionary, which the demo's does not give yet.
METHODS = ("cart", "gaussian_copula", "ctgan", "tvae", "raw_gaussian_copula", "raw_ctgan")
FLOOR = "another_true_sample"
DICTIONARY = Path(__file__).parents[2] / "enclave/demo/dictionaries/ibr-households.yaml"
SEED = 1


def tables(households: int, folder: Path) -> None:
    """Writes training and hold-out, 70 and 30 %, of the demo registry's anonymized households."""
    url = f"sqlite:///{folder}/registry.sqlite"
    write_registry(url, generate(households, 7))
    flat = pa.Table.from_batches(list(read_households(url, as_of=AS_OF))).to_pandas()
    dataset = load_dictionary(DICTIONARY)
    recipe = packaged_recipe(dataset.recipe)
    scope, schema = "bench", Schema.of(dataset.columns)
    made = run(recipe, flat, KeyRing(b"bench" * 8), scope=scope, reference_date=AS_OF, schema=schema).table
    order = made.sample(frac=1, random_state=SEED).reset_index(drop=True)
    cut = round(0.7 * len(order))
    order.to_parquet(folder / "all.parquet")
    order.iloc[:cut].to_parquet(folder / "training.parquet")
    order.iloc[cut:].to_parquet(folder / "holdout.parquet")


def _raw(name: str, training: pd.DataFrame, rows: int) -> pd.DataFrame:
    """SDV as it ships."""
    from sdv.metadata import Metadata  # noqa: PLC0415 - only these methods load it
    from sdv.single_table import CTGANSynthesizer, GaussianCopulaSynthesizer  # noqa: PLC0415

    metadata = Metadata.detect_from_dataframes({"table": training})
    chosen = GaussianCopulaSynthesizer if name == "raw_gaussian_copula" else CTGANSynthesizer
    model = chosen(metadata)
    model.fit({"table": training})
    drawn: pd.DataFrame = model.sample(rows)["table"]
    return drawn


def one(name: str, folder: Path) -> dict[str, Any]:
    """One method's figures; what it took is this process's own."""
    dataset: Dataset = load_dictionary(DICTIONARY)
    plan = synthesis_plan(pd.read_parquet(folder / "all.parquet"), dataset)
    parts = [ready(pd.read_parquet(folder / f"{p}.parquet"), plan) for p in ("training", "holdout")]
    training, holdout = (finished(part, parts[0], plan.columns) for part in parts)
    began = time.process_time()
    if name == FLOOR:
        drawn = holdout
    elif name.startswith("raw_"):
        drawn = finished(_raw(name, parts[0], len(training)), parts[0], plan.columns)
    else:
        method = synthesizer(_with(plan, name))
        method.fit(parts[0])
        drawn = method.sample(len(training), SEED)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = time.process_time() - began + children.ru_utime + children.ru_stime
    peak = round(max(_peak_kilobytes(), children.ru_maxrss) / 1024)
    size = min(len(holdout), len(drawn))
    targeting = compare_targeting(training, drawn, plan.question) if plan.question else {}
    changes = [
        abs(found["metrics"]["targeting_differential"]["change"])
        for found in targeting.values()
        if found["metrics"]
    ]
    # Against itself the hold-out would be a copy of the control: the floor has no attacks.
    attacks = (
        {}
        if name == FLOOR
        else attack_synthetic(drawn, training, holdout, plan.quasi_identifiers, plan.sensitive, SEED)["risks"]
    )
    privacy = privacy_evidence(training, holdout, drawn, plan.quasi_identifiers, SEED)
    return {
        "mean_total_variation_of_pairs": two_way(training, drawn.head(size), list(plan.columns))["mean"],
        "targeting_differential_error": {"mean": sum(changes) / len(changes), "worst": max(changes)}
        if changes
        else None,
        "attack_risks": attacks,
        "exact_copies": privacy["copies"]["all_columns"]["share_of_synthetic"],
        "closest_record_ratio": privacy["closest_record"]["median_ratio_to_holdout"],
        "cpu_seconds": round(spent, 2),
        "peak_megabytes": peak,
    }


def _peak_kilobytes() -> int:
    """Of this process alone: what getrusage says is at least what the process that started it held then."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _with(plan: SynthesisPlan, method: str) -> SynthesisPlan:
    return replace(plan, method=method)


def measured(name: str, folder: Path, cap: float) -> dict[str, Any]:
    """A method in a process of its own, or a sentence about why it gave no figures."""
    command = [sys.executable, __file__, "--one", name, "--folder", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=cap, check=False)
    except subprocess.TimeoutExpired:
        return {"why": f"It did not end within {cap:g} seconds."}
    if done.returncode:
        return {
            "why": f"It ended with an error: {(done.stderr.strip().splitlines() or ['no message'])[-1][:200]}"
        }
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description="Synthesizers beside raw SDV.")
    parser.add_argument("--households", type=int, default=20_000)
    parser.add_argument("--cap", type=float, default=900, help="seconds after which a method is ended")
    parser.add_argument("--only", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        with contextlib.redirect_stdout(sys.stderr):  # SDV prints what it does
            found = one(asked.one, asked.folder)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables(asked.households, folder)
        methods = {m: measured(m, folder, asked.cap) for m in (FLOOR, *asked.only)}
    key = "mean_total_variation_of_pairs"
    raw = methods.get("raw_gaussian_copula", {}).get(key)
    ratios = {m: round(raw / v[key], 2) for m, v in methods.items() if raw and v.get(key)}
    print(
        json.dumps(
            {
                "households": asked.households,
                "methods": methods,
                "raw_gaussian_copula_over_method": ratios,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
