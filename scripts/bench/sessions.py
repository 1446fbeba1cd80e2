"""Sessions of the enclave beside those of a stock JupyterHub, in the same run on the same machine; JSON on stdout.

Ours: hub, gateway and sandboxes as they are in production. Stock: the same JupyterHub and the same runtime with its
LocalProcessSpawner (the simple one, which needs no system accounts) behind the configurable-http-proxy from PyPI: no
sandbox, no gateway. For 1, 10 and 20 sessions at once: from the request to the first cell's answer, memory of a session
(proportional set size of all its processes), and from the order to end it to the last of its processes gone.

    scripts/bench/sessions.py --stock build/stockhub/bin/configurable-http-proxy [--sessions 1 10 20]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(Path(__file__).parent)]

from session_systems import Ours, Stock, System  # noqa: E402 - found on the path that was just set


def main() -> None:
    given = _arguments()
    # What the processes of either system print goes beside the report, not into it.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    systems: dict[str, Callable[[Path], System]] = {"ours": Ours}
    if given.stock:
        systems["stock"] = lambda place: Stock(place, Path(given.stock))
    out: dict[str, Any] = {"cpus": os.cpu_count(), "load_before": os.getloadavg()[0], "systems": {}}
    for name, make in systems.items():
        _say(f"{name}: starting the hub")
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as place:
            out["systems"][name] = _measured(make(Path(place)), given.sessions)
    out["ratios_ours_to_stock"] = _ratios(out["systems"], given.sessions)
    with report:
        report.write(json.dumps(out, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10, 20])
    parser.add_argument(
        "--stock", default="", help="a configurable-http-proxy; without it only ours is measured"
    )
    return parser.parse_args()


def _measured(system: System, sessions: list[int]) -> dict[str, Any]:
    started = time.monotonic()
    with contextlib.closing(system):
        system.start()
        told: dict[str, Any] = {
            "what": system.what,
            "hub_ready_seconds": round(time.monotonic() - started, 2),
            "hub_memory_mb": round(system.hub_memory() / 2**20, 1),
            "sessions": {},
        }
        for many in sessions:
            _say(f"{many} sessions")
            told["sessions"][str(many)] = _round(system, many)
    return told


@dataclass(frozen=True, slots=True)
class _One:
    opened: float
    closed: float
    memory: int


def _round(system: System, many: int) -> dict[str, Any]:
    """All at once: opened, then measured, then ended."""
    names = [f"bench{many:02}x{n:02}" for n in range(many)]
    began = time.monotonic()
    with ThreadPoolExecutor(many) as pool:
        opened = list(pool.map(lambda name: _timed(lambda: system.open(name)), names))
    whole = time.monotonic() - began
    memory = [system.memory(name) for name in names]
    with ThreadPoolExecutor(many) as pool:
        closed = list(pool.map(lambda name: _timed(lambda: system.end(name)), names))
    ones = [_One(o, c, m) for o, c, m in zip(opened, closed, memory, strict=True)]
    return {
        "spawn_to_first_cell_seconds": _spread([o.opened for o in ones]),
        "all_ready_seconds": round(whole, 2),
        "memory_per_session_mb": _spread([o.memory / 2**20 for o in ones]),
        "revoke_to_dead_seconds": _spread([o.closed for o in ones]),
    }


def _timed(work: Callable[[], None]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": round(median(values), 3), "most": round(max(values), 3)}


def _ratios(systems: dict[str, Any], sessions: list[int]) -> dict[str, Any]:
    if len(systems) < 2:
        return {}
    ours, stock = systems["ours"], systems["stock"]
    ratio = lambda a, b: round(a / b, 2) if b else None  # noqa: E731 - one line reads best here
    out: dict[str, Any] = {"hub_ready": ratio(ours["hub_ready_seconds"], stock["hub_ready_seconds"])}
    for many in map(str, sessions):
        a, b = ours["sessions"][many], stock["sessions"][many]
        out[many] = {
            name: ratio(a[name]["median"], b[name]["median"])
            for name in ("spawn_to_first_cell_seconds", "memory_per_session_mb", "revoke_to_dead_seconds")
        }
    return out


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
