"""Private answers beside four peers, on the same tables in one run: errors, time and memory, as JSON.

    python scripts/bench/dp.py [--only NAME ...] [--rows N ...] [--repetitions N] [--quick]

Errors: counts, sums, means, coverage and medians of 64 districts, at each epsilon, on a table of households, and on one
of persons where the household is protected. Every library gets the same bounds, keys and epsilon, in the way that its
documentation recommends, and runs in an environment of its own (made under build/bench-dp). The ratio is our mean
absolute error over the peer's, with the interval that chance leaves. A question that the peer answers at a lesser
guarantee stands under `lesser_guarantee`, not beside ours. Time and memory: one question in a fresh process, which is
ended after `--cap` CPU seconds, its own and those of its children.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from dp_process import Peer, carried_out, environment
from dp_score import ratio, score
from dp_tables import GROUP, KEYS, LESS, PARTS, SAME, UNIT, table, truth

from anonymization.dp.noise import epsilon_of_rho

OURS = "ours"
PEERS = {
    OURS: Peer((), "ours", "the household, added or removed with all its rows; sizes of groups included"),
    "diffprivlib": Peer(
        # scikit-learn before 1.6: what diffprivlib 0.6.6 imports from it is gone later.
        ("diffprivlib==0.6.6", "scikit-learn==1.5.2", "numpy<2.3", "pyarrow"),
        "diffprivlib",
        "one value of an array whose size is public: one row. It knows no household: for the same guarantee the "
        "bench truncates rows and divides epsilon by their number, and makes a mean of its sum and its count",
    ),
    "pipeline-dp": Peer(
        ("pipeline-dp==0.3.1", "pyarrow"),
        "pipeline_dp",
        "the household, as its privacy id; it bounds the rows of each id itself",
        4,
    ),
    "smartnoise-sql": Peer(
        ("smartnoise-sql==1.0.10", "pyarrow"),
        "smartnoise",
        "the household: a row of households is one unit, and rows of persons have it as private key, of which it "
        "samples max_ids rows; epsilon is what it spends on each noisy column, so a mean gets half for each of two",
        8,
    ),
    "tmlt.analytics": Peer(
        ("tmlt.analytics==0.21.0",),
        "tumult",
        "the household: a row of households is one unit, and for rows of persons it is the protected ID, with "
        "MaxRowsPerID",
        2,
    ),
}
EPSILONS = (0.1, 1.0, 3.0)
#: What is timed: one question on households, and one on persons with the household protected.
TIMED = ("mean", "persons_count")
Found = dict[str, Any]


def questions(part: str) -> list[dict[str, Any]]:
    return [q for q in (*SAME, *LESS) if q["part"] == part]


def rho_within(epsilon: float, delta: float) -> float:
    """The largest rho, to a millionth of itself, of which OpenDP says that it is (epsilon, delta)-DP."""
    low, high = 0.0, 1.0 + epsilon
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_of_rho(middle, delta) <= epsilon else (low, middle)
    return low


def spec(part: str, rows: int, asked: list[dict[str, Any]], epsilons: tuple[float, ...], times: int) -> Found:
    columns = sorted({GROUP, UNIT, *(q["unit"] for q in asked), *(q["column"] for q in asked if q["column"])})
    return {
        "table": str(table(PARTS[part], rows)),
        "columns": columns,
        "group": GROUP,
        "keys": KEYS,
        "unit": UNIT,
        "questions": asked,
        "epsilons": epsilons,
        "rho": {str(e): rho_within(e, d) for d in {q["delta"] for q in asked} - {0.0} for e in epsilons},
        "repetitions": times,
    }


def error_figures(part: str, pythons: dict[str, str], asked: argparse.Namespace) -> Found:
    """Errors at every epsilon and ratios, of one table."""
    given = questions(part)
    told = {}
    for name, python in pythons.items():
        say(f"errors: {name}, {part} …")
        times = min(asked.repetitions, PEERS[name].most_repetitions)
        told[name] = carried_out(
            python, PEERS[name], spec(part, asked.error_rows, given, EPSILONS, times), asked.cap
        )
    df = pd.read_parquet(table(PARTS[part], asked.error_rows))
    out: Found = {"rows": asked.error_rows, "same_guarantee": {}, "lesser_guarantee": {}, "not_complete": {}}
    for question in given:
        true, name = truth(question, df), question["name"]
        where = out["lesser_guarantee" if question in LESS else "same_guarantee"]
        where[name] = {str(e): _beside(told, name, str(e), true) for e in EPSILONS}
        where[name]["not_offered"] = {
            p: t["not_offered"][name] for p, t in told.items() if name in t.get("not_offered", {})
        }
    out["not_complete"] = {p: t["why"] for p, t in told.items() if "why" in t}
    return out


def _beside(told: dict[str, Found], name: str, epsilon: str, true: list[float]) -> Found:
    answers = {
        p: t["answers"][name][epsilon]
        for p, t in told.items()
        if epsilon in t.get("answers", {}).get(name, {})
    }
    found: Found = {"errors": {p: score(a, true) for p, a in answers.items()}}
    if OURS in answers:
        others = {p: a for p, a in answers.items() if p != OURS}
        found["ratios"] = {p: ratio(answers[OURS], a, true) for p, a in others.items()}
    return found


def beside_best(errors: Found) -> Found:
    """For each question and epsilon, the peer whose error is smallest beside ours, and the ratio to it."""
    out: Found = {}
    for one in errors.values():
        for name, at in one["same_guarantee"].items():
            for epsilon in map(str, EPSILONS):
                ratios = {p: r for p, r in at[epsilon].get("ratios", {}).items() if r}
                if ratios:
                    best = max(ratios, key=lambda p: ratios[p]["ours_over_peer"])
                    out.setdefault(name, {})[epsilon] = {"best_peer": best, **ratios[best]}
    return out


def cost_figures(rows: int, pythons: dict[str, str], cap: float) -> Found:
    """Time and memory of one question in a fresh process, for each library; ratios of peers to ours."""
    out: Found = {}
    for question in (q for q in SAME if q["name"] in TIMED):
        found: Found = {}
        for name, python in pythons.items():
            say(f"time: {name}, {question['name']}, {rows} rows …")
            told = carried_out(python, PEERS[name], spec(question["part"], rows, [question], (1.0,), 1), cap)
            found[name] = _took(told, question["name"])
        ours = found.get(OURS, {})
        out[question["name"]] = {
            "measured": found,
            "ours_over_peer": {
                p: {
                    k: round(ours[k] / max(t[k], 0.01), 3)
                    for k in ("wall_seconds", "cpu_seconds", "peak_megabytes")
                }
                for p, t in found.items()
                if p != OURS and "why" not in t and ours and "why" not in ours
            },
        }
    return out


def _took(told: Found, name: str) -> Found:
    if name in told.get("not_offered", {}):
        return {"why": told["not_offered"][name]}
    found = {k: told[k] for k in ("wall_seconds", "cpu_seconds", "peak_megabytes")}
    if "why" in told:
        return {"why": told["why"], "by_then": found}
    query = told["query"][name]["1.0"]
    return {**found, "query_alone": {k: round(v, 2) for k, v in query.items()}}


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description="Private answers beside four peers.")
    parser.add_argument(
        "--only", nargs="*", choices=list(PEERS), default=list(PEERS), help="ours is always measured"
    )
    parser.add_argument(
        "--rows", type=int, nargs="*", default=[1_000_000, 10_000_000], help="of the timed tables"
    )
    parser.add_argument(
        "--error-rows", type=int, default=60_000, help="of the tables that errors are measured on"
    )
    parser.add_argument(
        "--repetitions", type=int, default=20, help="answers of 64 cells to each question; 0: no errors"
    )
    parser.add_argument("--cap", type=float, default=600, help="CPU seconds after which a process is ended")
    parser.add_argument("--quick", action="store_true", help="few repetitions on small tables: does it run?")
    parser.add_argument(
        "--errors", nargs="*", choices=list(PARTS), default=list(PARTS), help="of which questions"
    )
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Called off."))  # a runner does not outlive the bench
    if asked.quick:
        asked.rows, asked.error_rows, asked.repetitions = asked.rows[:0], 20_000, 2
    names = [OURS, *(n for n in PEERS if n in asked.only and n != OURS)]
    pythons, missing = {}, {}
    for name in names:
        python, why = environment(name, PEERS[name])
        pythons |= {name: python} if python else {}
        missing |= {name: why} if why else {}
    errors = {part: error_figures(part, pythons, asked) for part in asked.errors}
    json.dump(
        {
            "protects": {n: PEERS[n].protects for n in names},
            "not_installed": missing,
            "epsilons": EPSILONS,
            "repetitions": {n: min(asked.repetitions, PEERS[n].most_repetitions) for n in names},
            "cells": len(KEYS),
            "error_beside_best_peer": beside_best(errors),
            "errors": errors,
            "time": {str(rows): cost_figures(rows, pythons, asked.cap) for rows in asked.rows},
        },
        sys.stdout,
        indent=1,
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
