"""The canary as an operator runs it: a throw-away sandbox beside things that could be reached."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from enclave.hub import cgroups, seccomp
from enclave.hub.library import copy_library
from enclave.hub.paths import hub_paths
from enclave.hub.preflight import preflight
from enclave.hub.sandbox import RUNTIME, SESSION, Sandbox, launcher
from enclave.kernel.errors import Unavailable
from enclave.kernel.ports import Admission, Limits, Mount
from enclave.settings import Settings


@dataclass(frozen=True, slots=True)
class Exit:
    """One way out of a session.

    Args:
        name: what was tried.
        closed: it did not work.
        how: the error that closed it, or what was reached.
    """

    name: str
    closed: bool
    how: str


def verify(settings: Settings, *, seconds: float = 120) -> tuple[Exit, ...]:
    """Runs the canary in a sandbox made as for a session; every exit, open ones first.

    Args:
        settings: the installation's.
        seconds: how long the canary may take.

    Raises:
        Unavailable: when no sandbox can be started here, or the canary does not finish.
    """
    report = preflight()
    if not report.ready:
        raise Unavailable(report.refusal)
    with tempfile.TemporaryDirectory(prefix="enclave-verify-") as name, _neighbours() as outside:
        home = Path(name)
        outside["paths"] = [
            str(path) for path in (hub_paths(settings).state, home, Path("/etc/shadow"), Path("/sys"))
        ]
        found = _run(_sandbox(settings, home), outside, seconds)
    closed = {name: not how.startswith("OPEN") for name, how in found.items()}
    return tuple(
        sorted((Exit(n, closed[n], how) for n, how in found.items()), key=lambda e: (e.closed, e.name))
    )


def _sandbox(settings: Settings, home: Path) -> Sandbox:
    root = os.geteuid() == 0
    uid, gid = (65533, 65533) if root else (os.getuid(), os.getgid())
    data, work = home / "data", home / "work"
    for folder in (data, work):
        folder.mkdir()
    if root:
        shutil.chown(work, uid, gid)
    admission = Admission(
        user="canary",
        project="canary",
        uid=uid,
        gid=gid,
        mounts=(Mount(data, "/data"), Mount(work, "/workspace", writable=True)),
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        limits=Limits(),
    )
    return Sandbox(
        admission=admission,
        runtime=settings.session_runtime,
        library=copy_library(home / "library"),
        hub_socket=None,
        group=cgroups.create(cgroups.detect(), f"verify-{os.getpid()}", admission.limits),
        env={"PATH": "/usr/bin:/bin", "HOME": "/home/researcher"},
        command=(),
        packages=settings.packages / "site",
    )


def _run(sandbox: Sandbox, outside: dict[str, object], seconds: float) -> dict[str, str]:
    filter_fd, order_fd = os.memfd_create("filter"), os.memfd_create("order")
    order = sandbox.order(filter_fd)
    order["command"] = [f"{RUNTIME}/bin/python", "-I", f"{SESSION}/canary.py", json.dumps(outside)]
    for fd, content in ((filter_fd, seccomp.program()), (order_fd, json.dumps(order).encode())):
        os.write(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
    try:
        ran = subprocess.run(
            launcher(order_fd),
            pass_fds=(filter_fd, order_fd),
            env={"PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    finally:
        os.close(filter_fd)
        os.close(order_fd)
        sandbox.group.kill()
        for _ in range(50):
            if sandbox.group.remove():
                break
            time.sleep(0.02)
    if ran.returncode != 0:
        raise Unavailable(f"The canary did not finish: {ran.stderr.strip()[-300:]}")
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def report(settings: Settings, exits: Sequence[Exit], at: datetime) -> dict[str, object]:
    """What was tried and found, signed by the house, so that it can be shown to somebody who was not there."""
    from enclave.kernel.signing import HouseSigner  # noqa: PLC0415 - cryptography, for those who sign alone

    signer = HouseSigner.of(settings.master_key.get_secret_value())
    machine = preflight().to_dict()
    return signer.signed(
        {
            "schema": "registry-enclave/canary/1",
            "at": at.astimezone(UTC).isoformat(timespec="seconds"),
            "closed": sum(e.closed for e in exits),
            "open": sum(not e.closed for e in exits),
            "exits": [{"name": e.name, "closed": e.closed, "how": e.how} for e in exits],
            "machine": {name: machine[name] for name in sorted(machine)},
            "signed_with": signer.public_key,
        }
    )


@contextmanager
def _neighbours() -> Iterator[dict[str, object]]:
    """Listeners, shared memory and a process outside: what a session without walls would reach."""
    name = f"enclave-verify-{os.getpid()}"
    with _shared(name) as key, socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        unix.bind(f"\0{name}")
        unix.listen()
        port = tcp.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            yield {
                "ports": [port],
                "abstract": [name],
                "read_only": ["/data"],
                "shared": [name],
                "segments": [key],
                "pids": [os.getpid()],
            }


@contextmanager
def _shared(name: str) -> Iterator[int]:
    """A file in /dev/shm that everybody may read, and a System V segment; the key of the segment."""
    libc = ctypes.CDLL(None, use_errno=True)
    key = 0x0E0C1A00 | (os.getpid() & 0xFF)
    file = Path("/dev/shm") / name  # noqa: S108 - the very place that is tried from inside
    file.write_text("canary")
    file.chmod(0o644)
    segment = libc.shmget(key, ctypes.c_size_t(4096), 0o1666)
    try:
        yield key
    finally:
        file.unlink(missing_ok=True)
        if segment >= 0:
            libc.shmctl(segment, 0, None)
