"""The little that a session sees of the hub: one socket, four calls, and never the token.

The session's server has to ask the hub who is at the door. It is given the word `held-by-the-facade` in place
of its token; here, in the hub's own process, that word is exchanged for the real one, for these calls and no
others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
from aiohttp import web

#: What stands inside the session where the token would be.
HELD = "held-by-the-facade"

_SMALL = 64 * 2**10
_PASSED_ON = ("Content-Type", "X-JupyterHub-Version")


@dataclass(slots=True)
class Facade:
    """The hub, as one session may see it.

    Args:
        user: whose session it is.
        token: the session's real API token; also its OAuth client's secret.
        hub_socket: where the hub listens.
        own_socket: where the session will call; made by `open`, removed by `close`.
    """

    user: str
    token: str = field(repr=False)
    hub_socket: Path
    own_socket: Path
    _runner: web.AppRunner | None = None
    _session: aiohttp.ClientSession | None = None

    def allows(self, method: str, path: str) -> bool:
        return (method, path) in {
            ("GET", "/hub/api"),
            ("GET", "/hub/api/"),
            ("GET", "/hub/api/user"),
            ("POST", f"/hub/api/users/{quote(self.user, safe='@~')}/activity"),
            ("POST", "/hub/api/oauth2/token"),
        }

    async def open(self, uid: int, gid: int) -> None:
        """Starts listening; only `uid` (and root) can connect."""
        app = web.Application(client_max_size=_SMALL)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self.hub_socket)),
            timeout=aiohttp.ClientTimeout(total=30),
            auto_decompress=True,
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.own_socket)).start()
        self.own_socket.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(self.own_socket, uid, gid)

    async def close(self) -> None:
        if self._session:
            await self._session.close()
        if self._runner:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._runner.cleanup(), 2)
        self.own_socket.unlink(missing_ok=True)

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        if not self.allows(request.method, path):
            return web.json_response(
                {"status": 403, "message": "A session may not ask the hub for this."}, status=403
            )
        if self._session is None:
            return web.json_response({"status": 503, "message": "The session is ending."}, status=503)
        headers = {"Accept": "application/json"}
        word = request.headers.get("Authorization", "")
        if word:
            headers["Authorization"] = f"token {self.token}" if word.split()[-1:] == [HELD] else word
        body: bytes | None = None
        if request.method == "POST":
            headers["Content-Type"] = request.content_type
            body = await self._body(request, path)
        async with self._session.request(
            request.method,
            f"http://hub{path}",
            params=_query(request),
            data=body,
            headers=headers,
            allow_redirects=False,
        ) as reply:
            content = await reply.content.read(2**20)
            passed = {name: reply.headers[name] for name in _PASSED_ON if name in reply.headers}
            return web.Response(status=reply.status, body=content, headers=passed)

    async def _body(self, request: web.Request, path: str) -> bytes:
        if path != "/hub/api/oauth2/token":
            return await request.read()
        form = {str(name): str(value) for name, value in (await request.post()).items()}
        if form.get("client_secret") == HELD:
            form["client_secret"] = self.token
        return urlencode(form).encode()


def _query(request: web.Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.query.items() if name != "token"]
