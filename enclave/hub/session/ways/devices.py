"""Devices: those of the host, and new ones made inside."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

#: /dev/null, /dev/zero, the terminals and the random numbers are a session's own; nothing of these is.
_DEVICES = (
    "mem",
    "kmsg",
    "kvm",
    "fuse",
    "vsock",
    "vhost-vsock",
    "net/tun",
    "loop-control",
    "sda",
    "vda",
    "uinput",
    "dri",
)


def ways(outside: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    del outside
    for name in _DEVICES:
        yield f"device {name}", partial(_open, f"/dev/{name}")
    for folder in ("/workspace", "/tmp", "/dev/shm"):  # noqa: S108 - a session's own
        yield f"new device in {folder}", partial(_make, folder)
    yield "programs that change their user", _setuid


def _open(path: str) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.close(handle)
    return "opened"


def _make(folder: str) -> str:
    path = Path(folder) / ".canary-device"
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 1))
    path.unlink()
    return "made"


def _setuid() -> str:
    """No new privileges is set: a program with the set-user bit runs as its caller. Seen in the kernel's own words."""
    status = Path("/proc/self/status").read_text()
    if "NoNewPrivs:\t1" in status:
        raise OSError(errno.EPERM, "no new privileges")
    return "privileges can be gained"
