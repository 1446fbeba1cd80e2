"""The canary as an operator runs it: a throw-away sandbox beside things that could be reached."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
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


@contextmanager
def _neighbours() -> Iterator[dict[str, object]]:
    """A listener on the loopback and one on an abstract socket: what a session without walls would reach."""
    name = f"enclave-verify-{os.getpid()}"
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        unix.bind(f"\0{name}")
        unix.listen()
        port = tcp.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            yield {"ports": [port], "abstract": [name], "read_only": ["/data"]}
