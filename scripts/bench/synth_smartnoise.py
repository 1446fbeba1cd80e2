"""SmartNoise Synth's MST on the same public cells, as cells; run by `synth.py` in an environment that has it.

python synth_smartnoise.py FOLDER NAME EPSILON DELTA TABLES
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
import warnings
from pathlib import Path

import pandas as pd


def main() -> None:
    """Writes NAME-1.cells and on, prints what it took as JSON."""
    warnings.simplefilter("ignore")
    from snsynth import Synthesizer  # noqa: PLC0415 - so that a missing package is told as such

    folder, name = Path(sys.argv[1]), sys.argv[2]
    epsilon, delta, tables = float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])
    rows = pd.read_parquet(folder / "cells.parquet")
    began = time.process_time()
    with contextlib.redirect_stdout(sys.stderr):
        method = Synthesizer.create("mst", epsilon=epsilon, delta=delta)
        # Every column is a list of cells; which of them are used it takes from the data, at no price.
        method.fit(rows, categorical_columns=list(rows.columns), preprocessor_eps=0.0)
        learnt = first = time.process_time()
        for at in range(1, tables + 1):
            drawn = pd.DataFrame(method.sample(len(rows)))
            drawn.columns = rows.columns
            drawn.astype("int64").to_parquet(folder / f"{name}-{at}.cells")
            if at == 1:
                first = time.process_time()
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    took = {"fit_cpu_seconds": learnt - began, "sample_cpu_seconds": first - learnt, "peak_megabytes": peak}
    print(json.dumps(took))


if __name__ == "__main__":
    main()
