"""What every runner does: read the spec, ask each question so often at each epsilon, write what came out.

    python scripts/bench/dp_peers/<peer>_runner.py SPEC.json OUT.json

Runs in the peer's own environment: numpy and the standard library only. A runner gives `load` (spec to table) and
`ask` (table, question, epsilon to one number a key, None where the peer withholds it). The answers are written after
each epsilon, so that a runner that is ended early leaves what it had.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Spec = dict[str, Any]
Question = dict[str, Any]
#: One number a key; None where withheld.
Answer = Sequence[float | None]


class NotOffered(Exception):
    """The peer has no such question; the sentence says what it lacks."""


def run(load: Callable[[Spec], Any], ask: Callable[[Any, Question, float], Answer], version: str) -> None:
    """Answers every question of the spec named on the command line."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    out = Path(sys.argv[2])
    wall, spent = time.perf_counter(), time.process_time()
    table = load(spec)
    told: dict[str, Any] = {
        "version": version,
        "read": {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - spent},
        "answers": {},
        "not_offered": {},
        "query": {},
    }
    for question in spec["questions"]:
        for epsilon in spec["epsilons"]:
            wall, spent = time.perf_counter(), time.process_time()
            try:
                found = [_plain(ask(table, question, epsilon)) for _ in range(spec["repetitions"])]
            except NotOffered as error:
                told["not_offered"][question["name"]] = str(error)
                break
            except Exception as error:  # noqa: BLE001 - one question that fails is shown beside the others
                told["not_offered"][question["name"]] = f"It failed: {type(error).__name__}: {error}"[:300]
                break
            told["answers"].setdefault(question["name"], {})[str(epsilon)] = found
            told["query"].setdefault(question["name"], {})[str(epsilon)] = {
                "wall_seconds": (time.perf_counter() - wall) / spec["repetitions"],
                "cpu_seconds": (time.process_time() - spent) / spec["repetitions"],
            }
            part = out.with_suffix(".part")
            part.write_text(json.dumps(told))
            part.replace(out)
    out.write_text(json.dumps(told))


def _plain(answer: Answer) -> list[float | None]:
    return [None if v is None or not math.isfinite(v) else float(v) for v in answer]
