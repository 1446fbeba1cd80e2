"""How long an answer takes for neighbouring registries: CPU seconds, their ratio, and how far single answers spread.

    OMP_NUM_THREADS=1 python scripts/audit_timing.py [--answers N] [--json]

A ratio is of medians, with the 95% interval of a bootstrap. `told_apart` is how often a single time guesses which
registry was asked, at the cut that looks best: 0.5 is a coin, and with few answers chance alone gives a little more.
`at_the_door` is the same for the time at which a session gets the answer, which is a whole number of grid steps. What
is closed and what is not: docs/explanation/dp-pitfalls.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from anonymization import dp
from anonymization.dp.audit import SHAPES
from anonymization.dp.audit.bounds import Floats
from anonymization.dp.audit.neighbours import Pair, pair
from anonymization.dp.audit.registry import WORST, household, households
from enclave.hub.questions.server import GRID

NAMES = (
    "count of households by region",
    "sum of household totals by region",
    "coverage, a ratio",
    "count by keys found in the data, at the threshold",
    "quantile of household totals",
)
#: Households of everybody else in the registry that the worst household joins.
OTHERS = 2_000
#: Rows of the household that is larger than any real one.
LARGE = 2_000


def cases() -> Iterator[tuple[str, Pair]]:
    """Each shape with a household of nine rows among ordinary ones; then two that are made to show in time."""
    ordinary = [
        row for i in range(OTHERS) for row in household(f"other {i}", 1 + i % 6, region=f"R0{1 + i % 2}")
    ]
    shapes = {shape.name: shape.query for shape in SHAPES}
    for name in NAMES:
        yield f"{name}: 9 rows", pair(shapes[name], ordinary, WORST)
    plain = shapes[NAMES[0]]
    yield f"{NAMES[0]}: the only one with several rows", pair(plain, households(OTHERS), WORST)
    yield f"{NAMES[0]}: {LARGE} rows", pair(plain, ordinary, household("worst", LARGE, region="R02"))


def timed(one: Pair, answers: int) -> dict[str, Any]:
    """CPU seconds of so many answers from each registry, asked in turn so that drift meets both."""
    taken: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(answers):
        for which, table in (("with", one.with_it), ("without", one.without)):
            began = time.process_time_ns()
            dp.answer(one.query, table)
            taken[which].append((time.process_time_ns() - began) / 1e9)
    a, b = (np.array(taken[which]) for which in ("with", "without"))
    rng = np.random.default_rng(1)
    again = [np.median(rng.choice(a, answers)) / np.median(rng.choice(b, answers)) for _ in range(500)]
    return {
        "cpu_seconds": {which: float(np.median(x)) for which, x in taken.items()},
        "spread": {which: float(np.subtract(*np.percentile(x, [75, 25]))) for which, x in taken.items()},
        "ratio": float(np.median(a) / np.median(b)),
        "ratio_95": [float(x) for x in np.percentile(again, [2.5, 97.5])],
        "told_apart": _told_apart(a, b),
        "at_the_door": _told_apart(np.ceil(a / GRID), np.ceil(b / GRID)),
    }


def _told_apart(a: Floats, b: Floats) -> float:
    """Share of right guesses from one number, at the best cut, when both are as likely."""
    cuts = np.unique(np.concatenate([a, b]))
    above = [(float(np.mean(a >= cut)), float(np.mean(b >= cut))) for cut in cuts]
    return max(max(p + 1 - q, q + 1 - p) / 2 for p, q in above)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=200, help="from each registry")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    made = {name: timed(one, asked.answers) for name, one in cases()}
    if asked.json:
        print(json.dumps(made, indent=1))
        return
    told = pd.DataFrame(
        [
            {
                "shape": name,
                "CPU ms": round(m["cpu_seconds"]["without"] * 1e3, 2),
                "spread ms": round(m["spread"]["without"] * 1e3, 2),
                "ratio": round(m["ratio"], 3),
                "95%": "{:.3f} to {:.3f}".format(*m["ratio_95"]),
                "told apart": round(m["told_apart"], 2),
                "at the door": round(m["at_the_door"], 2),
            }
            for name, m in made.items()
        ]
    )
    print(told.to_string(index=False))


if __name__ == "__main__":
    main()
