"""A runner in a process of its own: its environment, its bounds, and what it took with all its children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / "build/bench-dp"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PAUSE = 0.05
_PATIENCE = 20
_FAREWELL = 20


@dataclass(frozen=True, slots=True)
class Peer:
    """A library beside which we measure.

    Args:
        needs: what pip installs, versions exact; nothing for ours.
        runner: its file in dp_peers, without `_runner.py`.
        protects: what it protects, for the reader of the figures.
        most_repetitions: bound on repetitions, for a peer that takes seconds to each answer.
    """

    needs: tuple[str, ...]
    runner: str
    protects: str
    most_repetitions: int = 1_000


def environment(name: str, peer: Peer) -> tuple[str, str]:
    """The interpreter of the peer's own environment, made once; or nothing, and the last line of what pip said."""
    if not peer.needs:
        return sys.executable, ""
    folder = ENVIRONMENTS / name
    python, ready, wanted = folder / "bin/python", folder / ".ready", "\n".join(peer.needs)
    if ready.exists() and ready.read_text() == wanted:
        return str(python), ""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.needs]
    for command in ([sys.executable, "-m", "venv", str(folder)], pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            return "", (said or ["no message"])[-1][:300]
    ready.write_text(wanted)
    return str(python), ""


def carried_out(python: str, peer: Peer, spec: dict[str, Any], cap: float) -> dict[str, Any]:
    """What the runner told, with wall and CPU seconds and peak memory of it and its children.

    Args:
        python: of the peer's environment.
        peer: whose runner.
        spec: see `dp_peers/task.py`.
        cap: CPU seconds after which it is ended; what it had told by then is kept, and said to be part. So is a
            process that takes twenty times as long by the clock: it waits for something that does not come.
    """
    with tempfile.TemporaryDirectory() as name:
        given, out, said = (Path(name) / part for part in ("spec.json", "out.json", "stderr"))
        given.write_text(json.dumps(spec))
        runner = HERE / "dp_peers" / f"{peer.runner}_runner.py"
        with said.open("wb") as errors:
            process = subprocess.Popen(
                [python, str(runner), str(given), str(out)],
                stdout=errors,
                stderr=errors,
                env=_surroundings(peer),
                cwd=name,
                start_new_session=True,
            )
            try:
                took = _watched(process, cap)
                if not took["ended"]:
                    _let_go(process.pid)
            finally:  # also when the bench itself is called off
                _end(process.pid)
                process.wait()
        told: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
        told |= took
        if took["ended"]:
            told["why"] = f"It did not end within {cap:g} CPU seconds."
        elif process.returncode:
            lines = said.read_text(errors="replace").strip().splitlines() or ["no message"]
            told["why"] = f"It ended with an error: {lines[-1][:300]}"
        return told


def _surroundings(peer: Peer) -> dict[str, str]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = str(ROOT) if not peer.needs else ""
    # Spark talks to itself: over the loopback, whatever this machine is called.
    return {
        **os.environ,
        **one,
        "PYTHONPATH": path,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
    }


def _watched(process: subprocess.Popen[bytes], cap: float) -> dict[str, Any]:
    """Waits, and samples the memory and CPU time of every process of the runner's session."""
    began, peak, spent = time.monotonic(), 0, 0.0
    ended = False
    while True:
        try:
            process.wait(_PAUSE)
        except subprocess.TimeoutExpired:
            memory, cpu = _session(process.pid)
            peak, spent = max(peak, memory), max(spent, cpu)
            if spent < cap and time.monotonic() < began + _PATIENCE * cap:
                continue
            ended = True
        break
    wall = round(time.monotonic() - began, 2)
    return {
        "wall_seconds": wall,
        "cpu_seconds": round(spent, 2),
        "peak_megabytes": round(peak / 1e6),
        "ended": ended,
    }


def _let_go(leader: int) -> None:
    """Gives what a runner started (a Java machine) the time to clear away its files, once the runner is done."""
    until = time.monotonic() + _FAREWELL
    while _session(leader)[0] and time.monotonic() < until:
        time.sleep(_PAUSE)


def _session(leader: int) -> tuple[int, float]:
    """Resident bytes, and CPU seconds with those of children that are done, of the session's processes."""
    memory, ticks = 0, 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == leader:
            ticks += sum(int(fields[i]) for i in (11, 12, 13, 14))
            memory += int(fields[21]) * _PAGE
    return memory, ticks / _TICKS


def _end(leader: int) -> None:
    """Ends what is left of the session that this bench started, by its group."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
