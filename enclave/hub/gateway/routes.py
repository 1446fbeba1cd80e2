"""Where requests go: the table that the hub keeps up to date over configurable-http-proxy's REST API.

Source: README of jupyterhub/configurable-http-proxy, "REST API". Kept in the gateway's database, so that a
gateway that was restarted knows its sessions before the hub looks again.
"""

from __future__ import annotations

import hmac
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import web

from enclave.kernel.ports import Limits

#: The hub's user and server names as the route's data carries them.
_USER, _SERVER = "user", "server_name"


@dataclass(slots=True)
class Route:
    """One prefix and the socket behind it.

    Args:
        path: the decoded prefix, without a slash at its end ("" for the hub).
        socket: the UNIX socket of the server.
        data: what the hub said, given back as it was.
        last_action: when a person last did something there, in seconds since the epoch; telling is not doing.
    """

    path: str
    socket: str
    data: dict[str, Any]
    last_action: float = field(default_factory=time.time)
    open_channels: set[Any] = field(default_factory=set)

    @property
    def user(self) -> str:
        return str(self.data.get(_USER, ""))

    @property
    def project(self) -> str:
        return str(self.data.get(_SERVER, ""))

    @property
    def is_session(self) -> bool:
        return bool(self.user and self.project)


@dataclass(slots=True)
class Routes:
    """The table, in memory and in `database` (table `routes`)."""

    database: sqlite3.Connection
    table: dict[str, Route] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path, data in self.database.execute("SELECT path, data FROM routes").fetchall():
            self.table[path] = _route(path, json.loads(data))

    def find(self, path: str) -> Route | None:
        """The route with the longest prefix of `path` (decoded); None when not even the hub has one."""
        here = path.rstrip("/")
        while here:
            if here in self.table:
                return self.table[here]
            here = here.rpartition("/")[0]
        return self.table.get("")

    def session(self, user: str, project: str) -> Route | None:
        return next((r for r in self.table.values() if (r.user, r.project) == (user, project)), None)

    def add(self, path: str, data: dict[str, Any]) -> None:
        route = _route(path, data)
        before = self.table.get(route.path)
        if before and before.socket == route.socket:
            route.last_action, route.open_channels = before.last_action, before.open_channels
        self.table[route.path] = route
        self.database.execute("INSERT OR REPLACE INTO routes VALUES (?, ?)", (route.path, json.dumps(data)))

    def remove(self, path: str) -> Route | None:
        path = path.rstrip("/")
        self.database.execute("DELETE FROM routes WHERE path = ?", (path,))
        return self.table.pop(path, None)


@dataclass(frozen=True, slots=True)
class ControlApi:
    """The REST API for the hub, to be served on a socket of mode 0600.

    Args:
        routes: the table that it changes.
        token: what `Authorization: token …` must say.
        cut: called with a route that was removed, to close what is still open.
        allow: called with the limits of a session that was admitted.
    """

    routes: Routes
    token: str = field(repr=False)
    cut: Callable[[Route], Awaitable[None]]
    allow: Callable[[str, str, Limits], None]

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._authorised()])
        app.router.add_get("/api/routes{path:.*}", self.read)
        app.router.add_post("/api/routes{path:.*}", self.add)
        app.router.add_delete("/api/routes{path:.*}", self.remove)
        app.router.add_post("/api/sessions", self.admitted)
        app.router.add_get("/api/sessions", self.seen)
        return app

    async def read(self, request: web.Request) -> web.Response:
        path = _path_of(request)
        if not path:
            return web.json_response({(r.path or "/"): _told(r) for r in self.routes.table.values()})
        route = self.routes.table.get(path)
        return web.json_response(_told(route)) if route else web.Response(status=404)

    async def add(self, request: web.Request) -> web.Response:
        data = await request.json()
        if urlsplit(str(data.get("target", ""))).scheme != "http+unix":
            return web.json_response({"message": "A target is the http+unix URL of a socket."}, status=400)
        self.routes.add(_path_of(request), data)
        return web.Response(status=201)

    async def remove(self, request: web.Request) -> web.Response:
        route = self.routes.remove(_path_of(request))
        if route:
            await self.cut(route)
        return web.Response(status=204 if route else 404)

    async def admitted(self, request: web.Request) -> web.Response:
        """Limits of one session: {"user", "project", "limits": {…}}."""
        data = await request.json()
        self.allow(data["user"], data["project"], Limits(**data["limits"]))
        return web.Response(status=204)

    async def seen(self, request: web.Request) -> web.Response:
        """When a person last did something in one session."""
        route = self.routes.session(request.query["user"], request.query["project"])
        if route is None:
            return web.Response(status=404)
        return web.json_response({"idle_seconds": max(0.0, time.time() - route.last_action)})

    def _authorised(self) -> Any:
        wanted = f"token {self.token}".encode()

        @web.middleware
        async def check(request: web.Request, handler: Any) -> web.StreamResponse:
            if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted):
                raise web.HTTPForbidden(text="Only the hub may change routes.")
            reply: web.StreamResponse = await handler(request)
            return reply

        return check


def _path_of(request: web.Request) -> str:
    return unquote(request.rel_url.raw_path.removeprefix("/api/routes")).rstrip("/")


def _told(route: Route) -> dict[str, Any]:
    seen = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(route.last_action))
    return {**route.data, "last_activity": seen}


def _route(path: str, data: dict[str, Any]) -> Route:
    netloc = urlsplit(str(data["target"])).netloc
    return Route(path.rstrip("/"), unquote(netloc), data)
