"""Long work in a process of its own, which can be watched, called off and ended, and leaves nothing behind.

Rows and what is made of them travel through pipes, never through files. When time or memory is used up, when it is
called off, or when the calling process dies, the process ends with all that it held; it can be repeated.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

from .protocol import BoundReached, Cancelled, SynthesisError, Watch

T = TypeVar("T")
_LOOK = 0.1
_TOO_LONG = "Learning took longer than the {:g} seconds allowed; ask for fewer epochs or more time."


def run_bounded(
    call: Callable[..., T],
    task: Mapping[str, Any],
    *,
    seconds: float,
    megabytes: float,
    watch: Watch,
    wall: float = 0.0,
) -> T:
    """What `call(**task, watch=...)` returns, called in the other process.

    Args:
        call: a function of a module; `task`: its arguments. Both are pickled.
        seconds: of processor time.
        megabytes: of resident memory, with the processes that it starts.
        watch: told of each step, and asked whether to go on, several times a second.
        wall: seconds of wall time; 0 for as many as of processor time.

    Raises:
        Cancelled: when it was called off.
        BoundReached: when time or memory was used up.
        SynthesisError: when the method failed.
    """
    wall = wall or seconds
    order = [sys.executable, "-m", "anonymization.synth.worker", str(os.getpid()), str(int(seconds) + 1)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    child = subprocess.Popen(
        order, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    )
    said: queue.Queue[tuple[str, Any]] = queue.Queue()
    began = time.monotonic()
    threads = [
        threading.Thread(target=_tell, args=(child.stdin, (call, dict(task))), daemon=True),
        threading.Thread(target=_hear, args=(child.stdout, said), daemon=True),
    ]
    try:
        for thread in threads:
            thread.start()
        while True:
            _must_go_on(child.pid, time.monotonic() - began, wall, megabytes, watch)
            with contextlib.suppress(queue.Empty):
                kind, value = said.get(timeout=_LOOK)
                if kind == "made":
                    made: T = pickle.loads(value)  # noqa: S301 - what our own child wrote
                    return made
                if kind == "progress":
                    watch.progress(*value)
                elif kind == "bound":
                    raise BoundReached(str(value))
                elif kind == "gone" and child.wait() == -signal.SIGXCPU:
                    raise BoundReached(_TOO_LONG.format(seconds))
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


def _must_go_on(pid: int, passed: float, seconds: float, megabytes: float, watch: Watch) -> None:
    if watch.cancelled():
        raise Cancelled("The synthesis was called off; nothing was kept, and it can be started again.")
    if passed > seconds:
        raise BoundReached(_TOO_LONG.format(seconds))
    if _resident(pid) > megabytes:
        raise BoundReached(
            f"Learning took more than the {megabytes:g} MB allowed; ask for fewer columns or more memory."
        )


def _tell(pipe: IO[bytes], task: tuple[Callable[..., Any], dict[str, Any]]) -> None:
    with contextlib.suppress(OSError):  # the process ended first: `_hear` says so
        pickle.dump(task, pipe)
        pipe.flush()


def _hear(pipe: IO[bytes], said: queue.Queue[tuple[str, Any]]) -> None:
    try:
        while True:
            said.put(pickle.load(pipe))  # noqa: S301 - what our own child wrote
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        said.put(("gone", "The process that was learning ended before it was done; start it again."))


def _resident(pid: int) -> float:
    """Megabytes, those of its own children too; 0 once the process is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 + sum(_resident(int(child)) for child in children)
