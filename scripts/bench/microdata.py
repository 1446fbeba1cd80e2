"""Disclosure control on one core beside its Python peers, and the whole recipe at scale, as JSON.

    make bench-microdata [ARGS="--sizes 30000,100000,1000000 --recipe 1000000,5000000 --cap 120"] [BIG=1]

Every figure is of a fresh process: CPU seconds of the task, and the peak of the process's memory (with everything that
it imports). Peers run in .bench, one at a time, in the same run, and only up to the size at which they still finish
within `--cap` CPU seconds: where they do not, "stopped after N s" stands in place of a figure and no ratio is given.
Rows a second depend on the machine; ratios hold within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
TASK = HERE / "microdata_task.py"
OURS, PEERS = ROOT / ".venv/bin/python", ROOT / ".bench/bin/python"

#: CPU seconds on one core that others published or that were measured elsewhere: quoted, never measured in this run.
REFERENCE = {
    "provenance": "published in reference measurements, other run: quoted for orientation, not measured in this run",
    "risk_with_households": {
        "tool": "sdcMicro 5.8.1 measure_risk",
        "30000": 0.92,
        "100000": 2.44,
        "1000000": 25.7,
    },
    "suppress_recoded_keys": {"tool": "sdcMicro 5.8.1 kAnon", "30000": 24.5, "100000": 26.5, "1000000": 21.4},
    "lattice_1080_nodes": {"tool": "ARX, optimal search", "30000": 7.9, "100000": 9.4, "1000000": 25.3},
    "mdav": {"tool": "sdcMicro 5.8.1 microaggregation, mdav", "30000": 4.1, "100000": 69.2},
    "anjana_k_anonymity": {"tool": "anjana 1.2.3", "30000": 118.9},
}

#: Our task, and the peers' tasks that do the same: (our task, peer, its task).
PAIRS = (
    ("smallest_class", "pycanon", "pycanon_k"),
    ("smallest_class_recoded", "pycanon", "pycanon_k_recoded"),
    ("diversity_recoded", "pycanon", "pycanon_l_recoded"),
    ("lattice", "anjana", "anjana_k"),
)
ALONE = ("risk", "suppress", "lattice")
MDAV = 100_000
NOTES = 2_000


def table(rows: int, kind: str) -> Path:
    """The seeded table, made once."""
    path = ROOT / "build" / "bench" / f"people-{rows}.{kind}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        how = "to_parquet(sys.argv[2])" if kind == "parquet" else "to_csv(sys.argv[2], index=False)"
        code = f"import sys; sys.path.insert(0, {str(HERE)!r}); from people import people; "
        code += f"people(int(sys.argv[1])).{how}"
        part = path.with_suffix(".part")
        subprocess.run([OURS, "-c", code, str(rows), str(part)], check=True)
        part.replace(path)
    return path


def measured(python: Path, task: str, path: Path, cap: float, *more: str) -> dict[str, Any]:
    """What the task said, with the peak memory of its process; or that it was stopped, or why it failed."""
    say(f"{task} {path.stem} …")

    def limits() -> None:
        if cap:
            resource.setrlimit(resource.RLIMIT_CPU, (int(cap), int(cap) + 5))

    one_thread = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    )
    process = subprocess.Popen(
        [python, TASK, task, path, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **one_thread, "PYTHONPATH": f"{ROOT if python == OURS else ''}:{HERE}"},
        preexec_fn=limits,  # noqa: PLW1509 - no threads here
    )
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    out, err = process.communicate()
    if process.returncode < 0 and cap:
        return {"stopped": f"stopped after {cap:g} s of CPU time"}
    if process.returncode:
        return {"failed": err.decode(errors="replace").strip().splitlines()[-1][:300] if err else "no word"}
    found: dict[str, Any] = json.loads(out)
    if "rows" in found and found.get("cpu_seconds"):
        found["rows_per_cpu_second"] = round(found["rows"] / found["cpu_seconds"])
    return found


def with_memory(python: Path, task: str, path: Path, cap: float, *more: str) -> dict[str, Any]:
    """`measured` in a child of its own, whose only child it is: RUSAGE_CHILDREN then is the task's."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.close(read)
        found = measured(python, task, path, cap, *more)
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        with os.fdopen(write, "w") as out:
            json.dump(found, out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as given:
        text = given.read()
    os.wait()
    answer: dict[str, Any] = json.loads(text)
    return answer


def beside_peers(sizes: list[int], cap: float) -> dict[str, Any]:
    """Ours at every size, each peer up to the first size at which it is stopped."""
    out: dict[str, Any] = {"ours": {}, "peers": {}, "ratios": {}}
    for task in dict.fromkeys((*ALONE, *(pair[0] for pair in PAIRS))):
        out["ours"][task] = {str(n): with_memory(OURS, task, table(n, "parquet"), 0) for n in sizes}
    out["ours"]["mdav"] = {
        str(n): with_memory(OURS, "microaggregate", table(n, "parquet"), 0) for n in sizes if n <= MDAV
    }
    for ours, peer, task in PAIRS:
        if not PEERS.exists():
            out["peers"][task] = {"not_measured": "run scripts/bench-environment first"}
            continue
        found: dict[str, Any] = {}
        for n in sizes:
            found[str(n)] = with_memory(PEERS, task, table(n, "parquet"), cap)
            if "cpu_seconds" not in found[str(n)]:
                break
        out["peers"][task] = {"tool": peer, **found}
        out["ratios"][f"{task} / {ours}"] = {
            n: ratio(found[n], out["ours"][ours][n]) for n in found if "cpu_seconds" in found[n]
        }
    path = table(NOTES, "parquet")
    raw, mine = with_memory(OURS, "presidio_raw", path, cap), with_memory(OURS, "redact_ours", path, 0)
    out["free_text"] = {
        "presidio_raw": raw,
        "ours": mine,
        "says": "ours redacts too, and knows more kinds of identifiers",
    }
    if "cpu_seconds" in raw:
        out["ratios"]["presidio_raw / redact_ours"] = {str(NOTES): ratio(raw, mine)}
    return out


def ratio(peer: dict[str, Any], ours: dict[str, Any]) -> dict[str, float]:
    """How many times our CPU seconds and memory the peer takes."""
    return {
        "cpu": round(peer["cpu_seconds"] / max(ours["cpu_seconds"], 1e-4), 2),
        "memory": round(peer["peak_mb"] / max(ours["peak_mb"], 1), 2),
    }


def at_scale(sizes: list[int], workers: int) -> dict[str, Any]:
    """The whole recipe from CSV to Parquet: in one process, in a pool, on a Dask cluster of this machine."""
    out: dict[str, Any] = {}
    for n in sizes:
        path = table(n, "csv")
        out[str(n)] = {
            executor: with_memory(
                OURS, "recipe", path, 0, json.dumps({"executor": executor, "workers": many})
            )
            for executor, many in (("serial", 1), ("pool", workers), ("dask", workers))
        }
        for found in out[str(n)].values():
            if "seconds" in found:
                found["rows_per_second"] = round(found["rows"] / found["seconds"])
        out[str(n)]["same_release"] = (
            len({f.get("digest") for f in out[str(n)].values() if isinstance(f, dict)}) == 1
        )
    return out


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def whole_numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=whole_numbers, default=[30_000, 100_000, 1_000_000])
    parser.add_argument("--recipe", type=whole_numbers, default=[1_000_000, 5_000_000])
    parser.add_argument("--cap", type=float, default=180.0, help="CPU seconds that a peer may take")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    big = [20_000_000] if os.environ.get("BIG") == "1" else []
    result = {
        "measured": "CPU seconds and peak memory of fresh processes, one thread each, on this machine in this run",
        "processors": os.cpu_count(),
        "python": sys.version.split()[0],
        **beside_peers(sorted(asked.sizes), asked.cap),
        "reference": REFERENCE,
        "recipe": at_scale(sorted({*asked.recipe, *big}), asked.workers),
        "memory_of_recipe": "peak_mb is of the largest process; a pool or cluster has `workers` of them and one more",
    }
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
