"""Carries one websocket: caps every message, counts what leaves, writes down every cell before it runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp
import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from yarl import URL

from enclave.hub.gateway.cells import V1, cell_in, read_message
from enclave.hub.gateway.rules import Kind

if TYPE_CHECKING:
    from enclave.hub.gateway.journal import Journal
    from enclave.hub.gateway.meter import Meter
    from enclave.hub.gateway.routes import Route

_log = structlog.get_logger(__name__)

#: Messages by which a person does something; the rest are questions that a page asks by itself.
_ACTIONS = frozenset(
    {"execute_request", "input_reply", "complete_request", "inspect_request", "debug_request"}
)


def server_url(request: web.Request) -> URL:
    """The same path and query at the server behind, byte for byte as they were judged."""
    query = request.rel_url.raw_query_string
    return URL(f"http://server{request.rel_url.raw_path}{'?' if query else ''}{query}", encoded=True)


@dataclass(eq=False, slots=True)
class Channel:
    """One browser's websocket and the one behind it.

    Args:
        kind: CHANNEL carries kernel messages, EVENTS only tells.
    """

    route: Route
    meter: Meter
    journal: Journal
    client: aiohttp.ClientSession
    kind: Kind
    _outside: web.WebSocketResponse | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def carry(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        """Connects both ends and returns when either has closed."""
        allowance = self.meter.allowance(self.route.user, self.route.project)
        offered = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        protocols = [V1] if V1 in offered else []
        try:
            inside = await self.client.ws_connect(
                server_url(request),
                headers=headers,
                protocols=protocols,
                max_msg_size=allowance.message,
                compress=0,
                autoclose=False,
            )
        except aiohttp.WSServerHandshakeError as refused:
            return web.json_response(
                {"message": "The workspace refused this connection."}, status=refused.status
            )
        except (aiohttp.ClientError, TimeoutError):
            return web.json_response({"message": "The workspace does not answer."}, status=503)
        outside = self._outside = web.WebSocketResponse(
            protocols=[inside.protocol] if inside.protocol else (),
            max_msg_size=allowance.message,
            compress=False,
            heartbeat=30,
        )
        await outside.prepare(request)
        self.route.open_channels.add(self)
        ways = {
            asyncio.create_task(self._in(outside, inside)),
            asyncio.create_task(self._out(inside, outside)),
        }
        try:
            _, waiting = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self.route.open_channels.discard(self)
            await inside.close()
            await self.close()
        return outside

    async def close(self, why: str = "", code: int = WSCloseCode.OK) -> None:
        """Closes the browser's end; the first call decides what it says."""
        if self._outside is not None and not self._outside.closed:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(self._outside.close(code=code, message=why.encode()[:120]), 2)

    async def _in(self, outside: web.WebSocketResponse, inside: aiohttp.ClientWebSocketResponse) -> None:
        async for message in outside:
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                break
            if self.kind is Kind.CHANNEL and not await self._noted(message.data, inside.protocol):
                return
            if message.type is WSMsgType.TEXT:
                await inside.send_str(message.data)
            else:
                await inside.send_bytes(message.data)

    async def _noted(self, frame: str | bytes, protocol: str | None) -> bool:
        """True when this frame is understood and what it runs is in the audit log."""
        try:
            message = read_message(frame, protocol)
        except ValueError:
            self._deny("a frame that is no kernel message")
            await self.close("This is not a kernel message.", WSCloseCode.UNSUPPORTED_DATA)
            return False
        if message.kind in _ACTIONS:
            self.route.last_action = time.time()
        cell = cell_in(message)
        if cell is None:
            return True
        try:
            async with self._lock:
                await self.journal.cell(self.route.user, self.route.project, cell)
        except Exception as failed:  # noqa: BLE001 - whatever it is: not written down, not run
            _log.error("a cell could not be recorded", error=type(failed).__name__)
            await self.close(
                "The audit log does not answer; the cell was not run.", WSCloseCode.INTERNAL_ERROR
            )
            return False
        return True

    async def _out(self, inside: aiohttp.ClientWebSocketResponse, outside: web.WebSocketResponse) -> None:
        while True:
            message = await inside.receive()
            if message.type is WSMsgType.ERROR and inside.close_code == WSCloseCode.MESSAGE_TOO_BIG:
                self._deny("a message that is too large")
                await self.close("This output is too large to be shown.", WSCloseCode.MESSAGE_TOO_BIG)
                return
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                return
            size = len(message.data if message.type is WSMsgType.BINARY else message.data.encode())
            if not self.meter.spend(self.route.user, self.route.project, size):
                self._deny("more than may leave in a day")
                await self.close("As much as may be shown in a day has left.", WSCloseCode.POLICY_VIOLATION)
                return
            if message.type is WSMsgType.TEXT:
                await outside.send_str(message.data)
            else:
                await outside.send_bytes(message.data)

    def _deny(self, why: str) -> None:
        self.journal.deny(self.route.user, self.route.project, {"method": "WEBSOCKET", "why": why})
