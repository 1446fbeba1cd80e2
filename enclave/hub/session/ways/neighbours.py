"""Other processes, their memory and their secrets; rights that a session should not have."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any


def ways(outside: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "other processes", _other_processes
    yield "capabilities", _capabilities
    yield "secrets in the environment", _secrets
    for server in _servers():
        for file in ("mem", "environ", "fd", "root"):
            yield f"{file} of the notebook server", partial(_look, f"/proc/{server}/{file}")
    for pid in outside.get("pids", []):
        yield f"process {pid}", partial(_signal, pid)


def _look(path: str) -> str:
    if Path(path).name in ("fd", "root"):
        return str(os.listdir(path))  # noqa: PTH208
    with Path(path).open("rb"):
        return "opened"


def _signal(pid: int) -> str:
    """A process of the host by its number there: inside, nobody has it."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes()
    return f"there ({len(words)} bytes)"


def _other_processes() -> str:
    seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    if len(seen) > 40 or "bwrap" not in Path("/proc/1/comm").read_text():
        return f"{len(seen)} processes"
    raise OSError(errno.ENOENT, "only our own")


def _servers() -> list[int]:
    """The notebook server: the child of process 1, when we are not it ourselves."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and int(name) not in {1, os.getpid()}:
            words = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            if words[1] == "1":
                found.append(int(name))
    return found


def _capabilities() -> str:
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
    )
    sets = {name: status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    if (
        any(int(value, 16) for value in sets.values())
        or status["NoNewPrivs"] != "1"
        or status["Seccomp"] != "2"
    ):
        return f"{sets} {status['NoNewPrivs']} {status['Seccomp']}"
    raise OSError(errno.EPERM, "none")


def _secrets() -> str:
    words = ("TOKEN", "SECRET", "PASSWORD", "MASTER", "REGISTRY_ENCLAVE", "COOKIE_SECRET", "CRYPT")
    held = "held-by-the-facade"
    told = [name for name, value in os.environ.items() if any(w in name for w in words) and value != held]
    if told:
        return ", ".join(told)
    raise OSError(errno.ENOENT, "none")
