"""Tries every known way out of a session, from inside, and says which are closed. Standard library only.

Run in a session: `python -I /opt/enclave/session/canary.py '{"ports": [8600], …}'`; prints one JSON object.
The caller knows what lies outside (ports that listen, sockets, files, shared memory) and passes it in, so that
"closed" means that something which is there could not be reached.

A new way out is one small file in `ways/`: a function `ways(outside)` that yields a name and what tries it.
What tries it returns what it found open, or raises OSError.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_SECONDS = 3.0


def exits(outside: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each way out of every file in `ways/`: its name, and what tries it."""
    for file in sorted((Path(__file__).parent / "ways").glob("[!_]*.py")):
        spec = importlib.util.spec_from_file_location(f"ways_{file.stem}", file)
        if spec is None or spec.loader is None:
            raise ImportError(f"The way out {file.name} cannot be read.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield from module.ways(outside)


def run(outside: dict[str, Any]) -> dict[str, str]:
    """Every exit with how it was closed, or with "OPEN: …"."""
    socket.setdefaulttimeout(_SECONDS)
    found: dict[str, str] = {}
    for name, attempt in exits(outside):
        try:
            found[name] = f"OPEN: {attempt()[:200]}"
        except OSError as refused:
            found[name] = errno.errorcode.get(refused.errno or 0, type(refused).__name__)
        except subprocess.CalledProcessError:
            found[name] = "refused"
    return found


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})))  # noqa: T201
