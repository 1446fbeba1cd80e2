"""One session's door to private questions: three calls, one at a time, and whose they are is known beforehand.

It runs in the hub's process and computes nothing: it counts, cuts off, and passes on. The session's uid alone can
connect, the file cannot be replaced from inside, and person and project are those that the session was opened for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

#: The purpose of the token between hub and answering process.
QUESTIONS_TOKEN = "hub-questions"  # noqa: S105 - the name of a purpose, not a secret

CALLS = {("GET", "/describe"), ("POST", "/quote"), ("POST", "/query"), ("POST", "/consistent")}
#: Longest question, in bytes.
MOST_BYTES = 64 * 2**10
#: Longest answer that is passed on, in bytes.
_MOST_ANSWERED = 32 * 2**20
#: Calls that may come at once, and how many are given back a second.
BURST, PER_SECOND = 20.0, 0.5
#: Seconds that one call may take.
PATIENCE = 300.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Pace:
    """A bucket of calls that fills up again with time."""

    left: float = BURST
    at: float = 0.0

    def allows(self, now: float) -> bool:
        """Whether one more call may come at this moment, in seconds of a clock that only goes forward."""
        self.left = min(BURST, self.left + (now - self.at) * PER_SECOND)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class Door:
    """Where one session asks.

    Args:
        user, project: whose session it is.
        service: the socket of the process that answers.
        token: what that process accepts.
        own_socket: where the session will ask; made by `open`, removed by `close`.
    """

    user: str
    project: str
    service: Path
    token: str = field(repr=False)
    own_socket: Path
    _runner: web.AppRunner | None = None
    _session: aiohttp.ClientSession | None = None
    _busy: bool = False
    _pace: Pace = field(default_factory=Pace)

    async def open(self, uid: int, gid: int) -> None:
        """Starts listening; only `uid` (and root) can connect."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self.service)),
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self.own_socket.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(self.own_socket)).start()
        finally:
            os.umask(before)
        if os.geteuid() == 0:
            os.chown(self.own_socket, uid, gid)

    async def close(self) -> None:
        """Stops listening; a call that is still open is cut off."""
        if self._session:
            await self._session.close()
        if self._runner:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._runner.cleanup(), 2)
        self.own_socket.unlink(missing_ok=True)

    async def _answer(self, request: web.Request) -> web.Response:
        if (request.method, request.rel_url.raw_path_qs) not in CALLS:
            return said(403, "Here one can only describe, quote, query, and bring answers to agree.")
        if not self._pace.allows(asyncio.get_running_loop().time()):
            return said(429, "Too many questions in a short time. Wait a minute, then go on.")
        if self._busy:
            return said(
                429, "Another question of this session is being answered. Wait for it, then ask again."
            )
        self._busy = True
        try:
            return await self._passed_on(request)
        finally:
            self._busy = False

    async def _passed_on(self, request: web.Request) -> web.Response:
        try:
            asked = await asyncio.wait_for(request.text(), 10)
        except web.HTTPRequestEntityTooLarge:
            return said(413, f"A question has at most {MOST_BYTES // 1024} KiB.")
        except (TimeoutError, ValueError, LookupError):
            return said(400, "The question did not arrive whole, as UTF-8 text. Send it again.")
        if self._session is None or self._session.closed:
            return said(503, "The session is ending.")
        try:
            return await self._answered(self._session, request.path, asked)
        except TimeoutError:
            return said(
                504, "The answer takes longer than a call may. Ask the same again later: it is paid for once."
            )
        except (aiohttp.ClientError, OSError) as failed:
            _log.warning("private questions are not answered", error=type(failed).__name__)
            return said(503, "Private questions are not answered at the moment. Try again in a minute.")

    async def _answered(self, service: aiohttp.ClientSession, path: str, asked: str) -> web.Response:
        body = {"user": self.user, "project": self.project, "asked": asked}
        headers = {"Authorization": f"token {self.token}"}
        content = b""
        async with service.post(f"http://questions{path}", json=body, headers=headers) as reply:
            async for chunk in reply.content.iter_chunked(2**16):
                content += chunk
                if len(content) > _MOST_ANSWERED:
                    return said(502, "The answer is too large to hand over. Group by fewer keys.")
            return web.Response(status=reply.status, body=content, content_type="application/json")


def said(status: int, sentence: str) -> web.Response:
    """A refusal."""
    return web.json_response({"problems": [sentence]}, status=status)
