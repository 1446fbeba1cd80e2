"""Anonymeter's attacks on tables in a folder, as JSON; run by `attacks.py` in an environment that has anonymeter."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import pandas as pd

KNOWN, REST, GUESSED, ATTACKS, RELEASES = map(json.loads, sys.argv[2:7])


def read(name: str) -> pd.DataFrame:
    """One table; words as plain objects, which every version of its libraries takes."""
    table = pd.read_parquet(Path(sys.argv[1]) / f"{name}.parquet")
    return table.astype({c: object for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])})


def made(name: str, release: pd.DataFrame, training: pd.DataFrame, holdout: pd.DataFrame) -> object:
    """One attack, carried out."""
    from anonymeter.evaluators import (  # noqa: PLC0415 - so that a missing package is said in the answer
        InferenceEvaluator,
        LinkabilityEvaluator,
        SinglingOutEvaluator,
    )

    if name == "linkability":
        return LinkabilityEvaluator(
            training, release, (KNOWN, REST), ATTACKS, n_neighbors=1, control=holdout
        ).evaluate(n_jobs=1)
    if name == "inference":
        return InferenceEvaluator(
            training, release, KNOWN, GUESSED, regression=True, n_attacks=ATTACKS, control=holdout
        ).evaluate(n_jobs=1)
    mode = "univariate" if name.endswith("one value") else "multivariate"
    return SinglingOutEvaluator(
        training, release, ATTACKS, n_cols=4, control=holdout, max_attempts=20 * ATTACKS, seed=1
    ).evaluate(mode=mode)


def main() -> None:
    """Prints one JSON document."""
    warnings.simplefilter("ignore")
    training, holdout = read("training"), read("holdout")
    out: dict[str, dict[str, dict[str, object]]] = {}
    for release in RELEASES:
        for name in ("singling out, one value", "singling out, some columns", "linkability", "inference"):
            began = time.process_time()
            try:
                attack = made(name, read(release), training, holdout)
                found = attack.results()
                row = {
                    "attack": found.attack_rate.value,
                    "control": found.control_rate.value,
                    "risk": attack.risk().value,
                    "interval": list(attack.risk().ci),
                    "baseline": found.baseline_rate.value,
                }
            except Exception as error:  # noqa: BLE001 - one that fails is shown beside the others
                row = {"failed": f"{type(error).__name__}: {error}"[:200]}
            spent = round(time.process_time() - began, 2)
            out.setdefault(release, {})[name] = row | {"cpu_seconds": spent}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
