"""The process that learns: a call with its rows comes in by standard input; steps and what is made go out.

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
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold rows


def main(parent: int, seconds: int) -> None:
    _bound(parent, seconds)
    out: IO[bytes] = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is nobody's

    def say(kind: str, value: Any) -> None:
        pickle.dump((kind, value), out)
        out.flush()

    from anonymization.errors import AnonymizationError  # noqa: PLC0415 - bounds come before what can be heavy

    from .protocol import BoundReached, Watch  # noqa: PLC0415 - as above

    try:
        call, task = pickle.load(sys.stdin.buffer)  # noqa: S301 - what our own parent wrote
        made = call(**task, watch=Watch(progress=lambda *at: say("progress", at)))
        say("made", pickle.dumps(made))
    except BoundReached as error:
        say("bound", error.sentence)
    except AnonymizationError as error:
        say("failed", error.sentence)
    except MemoryError:
        say("failed", "Learning ran out of memory; ask for fewer columns or more memory.")
    except Exception as error:  # noqa: BLE001 - its message may quote values
        say("failed", f"Synthesis failed in a way that nobody foresaw ({type(error).__name__}).")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
