"""One running session: its sockets, its process tree, its log; started and ended by the hub's process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from enclave.hub import seccomp
from enclave.hub.cgroups import Group
from enclave.hub.facade import Facade
from enclave.hub.questions.door import Door
from enclave.hub.sandbox import Sandbox, launcher
from enclave.kernel.ports import Admission

#: The log is there to see why a session did not start. It is short on purpose: code may print data into it.
_LOG_BYTES = 64 * 2**10


@dataclass(slots=True)
class SessionProcess:
    """A session from its start to its end.

    Args:
        name: short and lower case; names sockets and control groups.
        admission: the leave it was started with.
        process: bubblewrap; its child is process 1 of the sandbox.
        group: the control groups it is in.
        facade: its view of the hub.
        inbound: the socket that the gateway reaches it by.
        door: where it asks private questions.
    """

    name: str
    admission: Admission
    process: subprocess.Popen[bytes]
    group: Group
    facade: Facade
    inbound: Path
    door: Door | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _reader: asyncio.Task[None] | None = None

    def status(self) -> int | None:
        """None while it runs, else its exit code."""
        return self.process.poll()

    def too_old(self, now: datetime) -> bool:
        """True when its leave or the longest time of a session has run out."""
        age = (now - self.started).total_seconds()
        return now >= self.admission.expires_at or age >= self.admission.limits.max_seconds

    async def end(self) -> None:
        """Kills every process of the sandbox at once and removes what it stood on. Safe to repeat."""
        # Process 1 of the sandbox first: the kernel kills the rest with it, and bubblewrap collects it.
        for pid in _children(self.process.pid) or [self.process.pid]:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        self.group.kill()
        for attempt in range(200):
            if self.process.poll() is not None:
                break
            if attempt == 50:
                self.process.kill()
            await asyncio.sleep(0.02)
        await self.facade.close()
        if self.door:
            await self.door.close()
        self.inbound.unlink(missing_ok=True)
        if self._reader:
            self._reader.cancel()
        for _ in range(20):
            if self.group.remove():
                break
            await asyncio.sleep(0.02)

    def keep_log(self, stream: int, to: Path) -> None:
        """Copies the first 64 KiB of what the session prints to `to` (0600), then drops the rest."""
        self._reader = asyncio.create_task(_copy_head(stream, to))


def start_session(
    name: str, sandbox: Sandbox, facade: Facade, inbound: Path, log: Path, door: Door | None = None
) -> SessionProcess:
    """Starts a session and returns at once; its server comes up later.

    Must run in the hub's main thread: the session dies with the thread that started it.
    """
    inbound.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(inbound))
    inbound.chmod(0o600)
    listener.listen(128)
    filter_fd = _memory(seccomp.program())
    reading, writing = os.pipe()
    order = sandbox.order(filter_fd)
    order["env"]["ENCLAVE_LISTEN_FD"] = str(listener.fileno())
    order_fd = _memory(json.dumps(order).encode())
    try:
        process = subprocess.Popen(
            launcher(order_fd),
            pass_fds=(order_fd, filter_fd, listener.fileno()),
            env={"PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        # From here on the session alone can accept; when it ends, the gateway is refused.
        listener.close()
        for fd in (filter_fd, order_fd, writing):
            os.close(fd)
    session = SessionProcess(name, sandbox.admission, process, sandbox.group, facade, inbound, door)
    session.keep_log(reading, log)
    return session


def _memory(content: bytes) -> int:
    fd = os.memfd_create("enclave")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _children(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(word) for word in words]


async def _copy_head(stream: int, to: Path) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    file = os.fdopen(stream, "rb")
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    left = _LOG_BYTES
    fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        while chunk := await reader.read(2**14):
            os.write(fd, chunk[:left])
            left = max(0, left - len(chunk))
    finally:
        os.close(fd)
        transport.close()
