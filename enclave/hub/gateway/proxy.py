"""Carries HTTP: finds the route, asks the rules, passes on what may pass."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import structlog
from aiohttp import web

from enclave.hub.gateway import headers
from enclave.hub.gateway.assets import Assets
from enclave.hub.gateway.channel import Channel, server_url
from enclave.hub.gateway.journal import Journal
from enclave.hub.gateway.meter import Meter
from enclave.hub.gateway.replies import AIRLOCK, longest, reading_of
from enclave.hub.gateway.routes import Route, Routes
from enclave.hub.gateway.rules import (
    ASKED_BY_THE_PAGE,
    HUB_RULES,
    SESSION_RULES,
    Kind,
    Rule,
    permitted,
    plain_path,
)
from enclave.kernel.errors import NotAllowed

_log = structlog.get_logger(__name__)

_REQUEST_LIMIT = 16 * 2**20
_Reply = TypeVar("_Reply", bound=web.StreamResponse)


@dataclass(slots=True)
class Proxy:
    """The public side.

    Args:
        assets: the files that come with Jupyter.
        portal: the portal's origin, which may show a workspace in a frame.
        scheme: how browsers reach the gateway.
    """

    routes: Routes
    meter: Meter
    journal: Journal
    assets: Assets
    portal: str
    scheme: str
    _clients: dict[str, aiohttp.ClientSession] = field(default_factory=dict)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=_REQUEST_LIMIT)
        app.router.add_route("*", "/{path:.*}", self.handle)
        app.on_cleanup.append(self._close)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every request, whatever it is."""
        raw = request.rel_url.raw_path
        route: Route | None = None
        try:
            path = plain_path(raw)
            route = self.routes.find(path)
            if route is None:
                return _answer(
                    HTTPStatus.SERVICE_UNAVAILABLE, "Workspaces are starting. Try again in a minute."
                )
            rule = self._rule(request, route, path)
            if rule.kind is Kind.ASSET:
                return self._asset(route, path)
            if rule.kind in {Kind.CHANNEL, Kind.EVENTS}:
                channel = Channel(route, self.meter, self.journal, self._client(route), rule.kind)
                return await channel.carry(request, self._upstream_headers(request, route))
            return await self._carry(request, route, rule)
        except NotAllowed as refused:
            if route and route.is_session and raw.removeprefix(route.path) not in ASKED_BY_THE_PAGE:
                self.journal.deny(
                    route.user,
                    route.project,
                    {"method": request.method, "path": raw[:500], "why": refused.sentence},
                )
            return self._shielded(_answer(HTTPStatus.FORBIDDEN, refused.sentence), route)

    async def cut(self, route: Route) -> None:
        """Closes everything that is open to a session that has ended."""
        for channel in tuple(route.open_channels):
            await channel.close("This workspace session has ended.")
        client = self._clients.pop(route.socket, None)
        if client:
            await client.close()

    def _rule(self, request: web.Request, route: Route, path: str) -> Rule:
        if "token" in request.query:
            raise NotAllowed("Workspaces are opened by signing in, not with a token.")
        if not route.is_session:
            if request.headers.get("Authorization"):
                raise NotAllowed("Workspaces are opened by signing in, not with a token.")
            return permitted(HUB_RULES, request.method, path)
        rule = permitted(SESSION_RULES, request.method, path.removeprefix(route.path))
        origin = request.headers.get("Origin")
        if origin and headers.leads_away(origin, request.host):
            raise NotAllowed("Another site may not use a workspace.")
        return rule

    async def _carry(self, request: web.Request, route: Route, rule: Rule) -> web.StreamResponse:
        if route.is_session and request.method not in {"GET", "HEAD"}:
            route.last_action = time.time()
        url = server_url(request)
        sent = self._upstream_headers(request, route)
        body = await request.read() if request.can_read_body else None
        try:
            async with self._client(route).request(
                request.method, url, data=body, headers=sent, allow_redirects=False
            ) as reply:
                if not route.is_session:
                    return await self._hub_reply(request, reply)
                self._check_reply(request, reply)
                return self._shielded(await self._session_reply(request, route, rule, reply), route)
        except (aiohttp.ClientError, TimeoutError) as failed:
            _log.info("no answer from behind", path=route.path, error=type(failed).__name__)
            sentence = "The workspace does not answer. Open it again from its project's page."
            return self._shielded(_answer(HTTPStatus.SERVICE_UNAVAILABLE, sentence), route)

    def _check_reply(self, request: web.Request, reply: aiohttp.ClientResponse) -> None:
        if "attachment" in reply.headers.get("Content-Disposition", "").lower():
            raise NotAllowed(f"Files cannot be downloaded from a workspace. {AIRLOCK}")
        if headers.leads_away(reply.headers.get("Location", ""), request.host):
            raise NotAllowed("A workspace may not send you to another site.")

    async def _session_reply(
        self, request: web.Request, route: Route, rule: Rule, reply: aiohttp.ClientResponse
    ) -> web.Response:
        """Every reply of a session, headers included, is capped and counted; what it shows is written down first."""
        path = plain_path(request.rel_url.raw_path).removeprefix(route.path)
        most = min(self.meter.allowance(route.user, route.project).message, longest(rule.kind, path))
        content = await _read_at_most(reply, most)
        reading = reading_of(rule.kind, path, content, reply.content_type)
        passed = headers.from_session(reply.headers, route.path)
        size = len(content) + sum(len(name) + len(value) for name, value in passed.items())
        if not self.meter.spend(route.user, route.project, size):
            self.journal.deny(
                route.user, route.project, {"method": request.method, "why": "more than may leave in a day"}
            )
            return _answer(HTTPStatus.TOO_MANY_REQUESTS, OVERSPENT)
        if reading:
            try:
                await self.journal.read(route.user, route.project, reading)
            except Exception as failed:  # noqa: BLE001 - whatever it is: not written down, not shown
                _log.error("a reading could not be recorded", error=type(failed).__name__)
                return _answer(HTTPStatus.SERVICE_UNAVAILABLE, UNRECORDED)
        return web.Response(status=reply.status, body=content, headers=passed)

    def _asset(self, route: Route, path: str) -> web.StreamResponse:
        file = self.assets.find(path.removeprefix(route.path))
        if file is None:
            return self._shielded(_answer(HTTPStatus.NOT_FOUND, "There is no such file."), route)
        return self._shielded(web.FileResponse(file, headers={"Cache-Control": "max-age=3600"}), route)

    async def _hub_reply(self, request: web.Request, reply: aiohttp.ClientResponse) -> web.StreamResponse:
        answer = web.StreamResponse(status=reply.status, headers=headers.from_hub(reply.headers))
        await answer.prepare(request)
        async for chunk in reply.content.iter_any():
            await answer.write(chunk)
        await answer.write_eof()
        return answer

    def _upstream_headers(self, request: web.Request, route: Route) -> dict[str, str]:
        return dict(headers.to_server(request.headers, scheme=self.scheme, session=route.is_session))

    def _shielded(self, answer: _Reply, route: Route | None) -> _Reply:
        if route and route.is_session:
            answer.headers["Content-Security-Policy"] = headers.content_security_policy(self.portal)
            answer.headers["X-Content-Type-Options"] = "nosniff"
            answer.headers["Referrer-Policy"] = "no-referrer"
            answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer

    def _client(self, route: Route) -> aiohttp.ClientSession:
        client = self._clients.get(route.socket)
        if client is None or client.closed:
            client = self._clients[route.socket] = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(route.socket, limit=50),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=300),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return client

    async def _close(self, _: web.Application) -> None:
        for client in self._clients.values():
            await client.close()


OVERSPENT = f"As much as may be shown in a day has left this workspace. Continue tomorrow. {AIRLOCK}"
UNRECORDED = "The audit log does not answer, so this was not shown. Try again in a minute."


async def _read_at_most(reply: aiohttp.ClientResponse, limit: int) -> bytes:
    content = bytearray()
    async for chunk in reply.content.iter_chunked(2**16):
        content += chunk
        if len(content) > limit:
            raise NotAllowed(f"This is too large to be shown outside the workspace. {AIRLOCK}")
    return bytes(content)


def _answer(status: HTTPStatus, sentence: str) -> web.Response:
    return web.json_response({"message": sentence, "reason": None}, status=status)
