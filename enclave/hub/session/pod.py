"""The first process of a session that is a pod: starts the server, carries two sockets out, collects the dead.

On a machine the hub hands the server its socket and binds two sockets of its own into the sandbox. A pod has a port
for the first, and one address for the other two: the house, which knows by the pod's address whose session calls.
A connection begins with a byte that says which of the two is meant, and with the session's word. Standard library only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

#: Which of the house's two sockets a connection is for.
DOORS = {"hub.sock": b"h", "questions.sock": b"q"}
#: Seconds that the house may take to accept.
_PATIENCE = 10.0


def main() -> None:
    host, _, port = os.environ.pop("ENCLAVE_FACADE").rpartition(":")
    word = os.environ.pop("ENCLAVE_WORD").encode()
    folder = Path(os.environ.pop("ENCLAVE_DOORS", "/run/enclave"))
    listener = socket.create_server(("", int(os.environ.pop("ENCLAVE_PORT", "8888"))), backlog=128)
    server = subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).with_name("main.py"))],
        pass_fds=(listener.fileno(),),
        env={**os.environ, "ENCLAVE_LISTEN_FD": str(listener.fileno())},
    )
    listener.close()
    threading.Thread(target=_collect, args=(server.pid,), daemon=True).start()
    asyncio.run(carry_out(folder, (host, int(port)), word))


def _collect(server: int) -> None:
    """Waits for every process that is left to this one; ends the pod with the server."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == server:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


async def carry_out(folder: Path, house: tuple[str, int], word: bytes) -> None:
    """Serves both sockets for ever."""
    os.umask(0o077)
    servers = []
    for name, first in DOORS.items():

        async def carry(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = first
        ) -> None:
            await _carry(reader, writer, house, first + word)

        (folder / name).unlink(missing_ok=True)
        servers.append(await asyncio.start_unix_server(carry, folder / name))
    os.umask(0o007)
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: tuple[str, int], first: bytes
) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            there, out = await asyncio.open_connection(*to)
    except (OSError, TimeoutError):
        writer.close()
        return
    out.write(first)
    await asyncio.gather(pipe(reader, out), pipe(there, writer))


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Passes bytes on until one side ends."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(2**16):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


if __name__ == "__main__":
    main()
