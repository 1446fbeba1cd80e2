"""Between the sockets of the house and the ports of pods: gateway and facade stay as they are.

A session is known by the address that its connection comes from. For TCP that holds: without raw sockets a pod
cannot speak for another, and network plugins do not rewrite addresses from pod to pod.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from enclave.hub.session.pod import pipe

#: Seconds until the first byte, which says what a connection is for, and until the other side accepts.
_PATIENCE = 10.0


@dataclass(slots=True)
class _Passage:
    """What one pod is joined to."""

    doors: dict[bytes, Path]
    inbound: asyncio.Server
    path: Path
    open: set[asyncio.StreamWriter] = field(default_factory=set)


@dataclass(slots=True)
class Carriage:
    """Carries bytes for every session that was let in, and for nobody else.

    Args:
        host: the address to listen at for sessions.
        port: the port; 0 takes a free one.
        session_port: where a pod's server listens.
    """

    host: str
    port: int
    session_port: int
    _passages: dict[str, _Passage] = field(default_factory=dict)
    _server: asyncio.Server | None = None

    async def open(self) -> None:
        """Starts listening for sessions; safe to repeat."""
        if self._server is None:
            self._server = await asyncio.start_server(self._from_a_session, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def join(self, ip: str, inbound: Path, outbound: Path, asking: Path) -> None:
        """Joins the pod at `ip` to its sockets: `inbound` is made here, the other two are the session's own."""
        await self.leave(ip)
        _make_room(inbound)

        async def to_the_session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    there, out = await asyncio.open_connection(ip, self.session_port)
                await self._both(ip, reader, writer, there, out)
            writer.close()

        server = await asyncio.start_unix_server(to_the_session, inbound)
        _ours_alone(inbound)
        self._passages[ip] = _Passage({b"h": outbound, b"q": asking}, server, inbound)

    async def leave(self, ip: str) -> None:
        """Cuts everything that is open to and from a pod, at once."""
        passage = self._passages.pop(ip, None)
        if passage is None:
            return
        passage.inbound.close()
        for writer in tuple(passage.open):
            writer.transport.abort()
        passage.path.unlink(missing_ok=True)

    async def close(self) -> None:
        for ip in tuple(self._passages):
            await self.leave(ip)
        if self._server:
            self._server.close()

    async def _from_a_session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ip = str(writer.get_extra_info("peername")[0])
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            if ip in self._passages:
                async with asyncio.timeout(_PATIENCE):
                    first = await reader.readexactly(1)
                    passage = self._passages.get(ip)
                    door = passage and passage.doors.get(first)
                    if door:
                        there, out = await asyncio.open_unix_connection(door)
                if door:
                    await self._both(ip, reader, writer, there, out)
        writer.close()

    async def _both(
        self,
        ip: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        out: asyncio.StreamWriter,
    ) -> None:
        passage = self._passages.get(ip)
        if passage is None:  # it ended while this connection was being made
            out.close()
            return
        passage.open |= {writer, out}
        try:
            await asyncio.gather(pipe(reader, out), pipe(there, writer))
        finally:
            passage.open -= {writer, out}


def _make_room(path: Path) -> None:
    path.unlink(missing_ok=True)


def _ours_alone(path: Path) -> None:
    path.chmod(0o600)
