"""Long fits in a process of their own, which can be watched, called off and ended, and leaves nothing behind.

Rows and the model travel through pipes, never through files. When time or memory is used up, when it is called off,
or when the calling process dies, the process ends with all that it held; a fit that did not end can be repeated.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from .protocol import Cancelled, SynthesisError, Watch

_LOOK = 0.1


def run_bounded(task: dict[str, Any], *, seconds: float, megabytes: int, watch: Watch) -> bytes:
    """The fitted model's bytes, as the worker's own pickle.

    Args:
        task: what `worker` needs: method, columns, rows, epochs, seed.
        seconds: of wall time, and of processor time.
        megabytes: of resident memory.
        watch: told of each epoch, and asked whether to go on, several times a second.

    Raises:
        Cancelled: when it was called off.
        SynthesisError: when a bound was reached or the method failed.
    """
    order = [sys.executable, "-m", "anonymization.synth.worker", str(os.getpid()), str(int(seconds) + 1)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    child = subprocess.Popen(
        order, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    )
    said: queue.Queue[tuple[str, Any]] = queue.Queue()
    began = time.monotonic()
    threads = [
        threading.Thread(target=_tell, args=(child.stdin, task), daemon=True),
        threading.Thread(target=_hear, args=(child.stdout, said), daemon=True),
    ]
    try:
        for thread in threads:
            thread.start()
        while True:
            _must_go_on(child.pid, time.monotonic() - began, seconds, megabytes, watch)
            with contextlib.suppress(queue.Empty):
                kind, value = said.get(timeout=_LOOK)
                if kind == "model":
                    return bytes(value)
                if kind == "progress":
                    watch.progress(*value)
                else:
                    raise SynthesisError(str(value))
    finally:
        child.kill()
        child.wait()
        for thread in threads:
            thread.join(timeout=5)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _must_go_on(pid: int, passed: float, seconds: float, megabytes: int, watch: Watch) -> None:
    if watch.cancelled():
        raise Cancelled("The synthesis was called off; nothing was kept, and it can be started again.")
    if passed > seconds:
        raise SynthesisError(
            f"Learning took longer than the {seconds:g} seconds allowed; ask for fewer epochs or more time."
        )
    if _resident(pid) > megabytes:
        raise SynthesisError(
            f"Learning took more than the {megabytes} MB allowed; ask for fewer columns or more memory."
        )


def _tell(pipe: IO[bytes], task: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the process ended first: `_hear` says so
        pickle.dump(task, pipe)
        pipe.flush()


def _hear(pipe: IO[bytes], said: queue.Queue[tuple[str, Any]]) -> None:
    try:
        while True:
            said.put(pickle.load(pipe))  # noqa: S301 - what our own child wrote
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        said.put(("failed", "The process that was learning ended before it was done; start it again."))


def _resident(pid: int) -> float:
    """Megabytes; 0 once the process is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
