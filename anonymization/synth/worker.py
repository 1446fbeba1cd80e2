"""The process that learns: rows come in by standard input, epochs and the model go out by standard output.

It ends itself when its parent dies, and when its processor time is used up.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import sys
from typing import IO, Any

_PR_SET_PDEATHSIG = 1


def _bound(parent: int, seconds: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold rows


def main(parent: int, seconds: int) -> None:
    _bound(parent, seconds)
    out: IO[bytes] = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is nobody's

    def say(kind: str, value: Any) -> None:
        pickle.dump((kind, value), out)
        out.flush()

    from .protocol import SynthesisError  # noqa: PLC0415 - bounds come before anything that can be heavy
    from .sdv import fitted_neural  # noqa: PLC0415 - as above

    task = pickle.load(sys.stdin.buffer)  # noqa: S301 - what our own parent wrote
    try:
        say("model", fitted_neural(**task, progress=lambda *at: say("progress", at)))
    except SynthesisError as error:
        say("failed", error.sentence)
    except MemoryError:
        say("failed", "Learning ran out of memory; ask for fewer columns or more memory.")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
