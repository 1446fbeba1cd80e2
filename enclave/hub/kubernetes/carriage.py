"""Between the sockets of the house and the ports of pods: gateway and facade stay as they are.

A session is known by the address that its connection comes from and by a word of its own. The address holds for
TCP: without raw sockets a pod cannot speak for another. The word is for addresses that are given to the next pod
before anybody has noticed that the last one ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

from enclave.hub.session.pod import pipe

#: Length of a session's word, in bytes.
WORD = 32
#: Seconds until a connection has said what it is for, and until the other side accepts.
_PATIENCE = 10.0


@dataclass(slots=True)
class _Passage:
    """What one pod is joined to."""

    word: bytes
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

    async def join(self, ip: str, word: str, inbound: Path, outbound: Path, asking: Path) -> None:
        """Joins the pod at `ip` to its sockets: `inbound` is made here, the other two are the session's own."""
        self._cut(ip)
        _make_room(inbound)

        async def to_the_session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    there, out = await asyncio.open_connection(ip, self.session_port)
                await self._both(ip, reader, writer, there, out)
            writer.close()

        server = await asyncio.start_unix_server(to_the_session, inbound)
        _ours_alone(inbound)
        self._passages[ip] = _Passage(word.encode(), {b"h": outbound, b"q": asking}, server, inbound)

    async def leave(self, ip: str, word: str) -> None:
        """Cuts everything that is open to and from a session, at once; nothing when its address is another's now."""
        passage = self._passages.get(ip)
        if passage and hmac.compare_digest(passage.word, word.encode()):
            self._cut(ip)

    def _cut(self, ip: str) -> None:
        passage = self._passages.pop(ip, None)
        if passage is None:
            return
        passage.inbound.close()
        for writer in tuple(passage.open):
            writer.transport.abort()
        passage.path.unlink(missing_ok=True)

    async def close(self) -> None:
        for ip in tuple(self._passages):
            self._cut(ip)
        if self._server:
            self._server.close()

    async def _from_a_session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ip = str(writer.get_extra_info("peername")[0])
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            if ip in self._passages:
                async with asyncio.timeout(_PATIENCE):
                    said = await reader.readexactly(1 + WORD)
                    passage = self._passages.get(ip)
                    known = passage is not None and hmac.compare_digest(passage.word, said[1:])
                    door = passage.doors.get(said[:1]) if passage and known else None
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
