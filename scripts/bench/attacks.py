"""Our three attacks beside anonymeter's, on the same tables: success rates, risk and CPU seconds, as JSON.

    OMP_NUM_THREADS=1 python scripts/bench/attacks.py [--rows N] [--beside PYTHON]

PYTHON is the interpreter of an environment with `anonymeter` (it cannot live in ours: it needs an older numpy);
`make bench-attacks` makes one under build/. Tables: persons that nobody is; a training and a hold-out of N rows each,
and three releases of the training: `copy` (as it is), `half` (half copies, half unrelated people) and `other`
(unrelated people). Anonymeter draws its targets without a seed, so its figures move by what its intervals say.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonymization.attacks import inference, linkability, singling_out
from anonymization.attacks.intervals import Scores, measured
from anonymization.attacks.nearest import ties
from anonymization.attacks.profiles import Profiles, profiles
from anonymization.attacks.settings import AttackSettings

sys.path.insert(0, str(Path(__file__).parent))
from people import people

KNOWN = ["region", "age", "sex", "marital", "educ", "hhsize"]
REST = ["income", "expenditure"]
GUESSED = "income"
RELEASES = ("copy", "half", "other")
NAMES = ("singling out, one value", "singling out, some columns", "linkability", "inference")
SETTINGS = AttackSettings(attacks=1_000, draws=20)


def tables(rows: int) -> dict[str, pd.DataFrame]:
    """A training, a hold-out and the three releases; numbers rounded as a survey writes them."""
    words = dict.fromkeys(("region", "sex", "marital", "educ"), str)
    every = people(3 * rows)[KNOWN + REST].astype({**words, "age": float, "hhsize": float})
    every[REST] = every[REST].round(1)
    order = np.random.default_rng(7).permutation(len(every))
    parts = [every.iloc[order[i * rows : (i + 1) * rows]].reset_index(drop=True) for i in range(3)]
    training, holdout, other = parts
    half = pd.concat([training.iloc[::2], other.iloc[::2]], ignore_index=True)
    return {"training": training, "holdout": holdout, "copy": training, "half": half, "other": other}


def attack(name: str, coded: Profiles, rng: np.random.Generator) -> Scores:
    """One attack of ours, as anonymeter defines it: every column for predicates, suppressed cells nowhere."""
    every = np.arange(len(coded.columns))
    if name == "singling out, one value":
        return singling_out.one_value(coded, every, SETTINGS, rng)
    if name == "singling out, some columns":
        return singling_out.some_columns(coded, every, SETTINGS, rng, beyond=True)
    first, rest, secret = coded.places(KNOWN), coded.places(REST), coded.places([GUESSED])
    found = []
    for side in (coded.members, coded.controls):
        targets = side.take(np.sort(rng.permutation(len(side))[: SETTINGS.attacks]))
        scores = np.zeros(len(targets))
        others = ties(coded, targets, rest, 0.0) if name == "linkability" else None
        for which, near in ties(coded, targets, first, 0.0):
            if others is not None:
                scores[which] = linkability.linked(near, next(others)[1])
            else:
                right = inference.guessed(coded, targets, which.start, near, secret, SETTINGS)
                scores[which] = right[int(secret[0])]
        found.append(scores)
    return Scores(*found, np.zeros(1), paired=False, guesses=SETTINGS.attacks)


def ours(made: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, dict[str, Any]]]:
    """Rates (a guess that could not be made has failed, as anonymeter 1.1 counts) and CPU seconds."""
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for release in RELEASES:
        for name in NAMES:
            began = time.process_time()
            coded = profiles(made[release], made["training"], made["holdout"], KNOWN + REST)
            scores = attack(name, coded, np.random.default_rng(1))
            found: dict[str, Any] = measured(scores, SETTINGS.confidence)
            spent = round(time.process_time() - began, 2)
            out.setdefault(release, {})[name] = {
                "attack": found["attack"]["rate"],
                "control": found["control"]["rate"],
                "risk": found["risk"]["value"],
                "interval": found["risk"]["interval"],
                "guesses": scores.guesses,
                "cpu_seconds": spent,
            }
    return out


def theirs(python: str, made: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The same by anonymeter, in its own environment."""
    script = str(Path(__file__).with_name("attacks_anonymeter.py"))
    arguments = [json.dumps(a) for a in (KNOWN, REST, GUESSED, SETTINGS.attacks, RELEASES)]
    with tempfile.TemporaryDirectory() as folder:
        for name, table in made.items():
            table.to_parquet(Path(folder) / f"{name}.parquet")
        done = subprocess.run(
            [python, script, folder, *arguments], capture_output=True, text=True, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Prints one JSON document."""
    parser = argparse.ArgumentParser(description="Our three attacks beside anonymeter's.")
    parser.add_argument("--rows", type=int, default=5_000, help="rows of the training and of the hold-out")
    parser.add_argument("--beside", default="", help="a Python with anonymeter")
    asked = parser.parse_args()
    made = tables(asked.rows)
    answer: dict[str, Any] = {"rows": asked.rows, "attacks": SETTINGS.attacks, "ours": ours(made)}
    if asked.beside:
        answer["anonymeter"] = theirs(asked.beside, made)
        pairs = [(answer["ours"][r][n], answer["anonymeter"][r][n]) for r in RELEASES for n in NAMES]
        both = [(mine, other) for mine, other in pairs if "attack" in other]
        answer["compared"] = len(both)
        answer["largest_gap_of_attack_rates"] = max(
            (abs(m["attack"] - o["attack"]) for m, o in both), default=None
        )
        answer["cpu_ratio"] = round(
            sum(o["cpu_seconds"] for _, o in both) / max(0.01, sum(m["cpu_seconds"] for m, _ in both)), 1
        )
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
