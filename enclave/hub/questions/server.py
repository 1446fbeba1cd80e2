"""The process that answers private questions: on a socket for the hub alone, a few at a time, in threads.

It stands apart from the hub, whose event loop must not wait for rows to be read, and from the portal, whose address
browsers reach. A session's answer leaves on a full second after the question came, so that how long the rows took
tells little.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import structlog
from aiohttp import web

from enclave.extracts.asking import GRID
from enclave.hub.questions.door import MOST_BYTES, said
from enclave.kernel import errors

#: How many questions are computed at the same time, and how many may wait for that.
AT_ONCE, WAITING = 2, 32

_STATUS: dict[type[errors.EnclaveError], HTTPStatus] = {
    errors.OverBudget: HTTPStatus.PAYMENT_REQUIRED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.Refused: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
_log = structlog.get_logger(__name__)


class Answers(Protocol):
    """What is served: `enclave.workspaces.querying.Querying`."""

    def describe(self, user: str, project: str) -> dict[str, object]: ...

    def quote(self, user: str, project: str, wanted: Mapping[str, object]) -> dict[str, object]: ...

    def query(self, user: str, project: str, wanted: Mapping[str, object]) -> dict[str, object]: ...

    def consistent(self, user: str, project: str, wanted: Mapping[str, object]) -> dict[str, object]: ...


@dataclass(slots=True)
class QuestionServer:
    """Serves `answers` on a socket.

    Args:
        token: what a caller must show; the hub has it, no session does.
        socket: where to listen (0600).
        grid: see `GRID`.
    """

    answers: Answers
    token: str = field(repr=False)
    socket: Path
    grid: float = GRID
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "question"))
    _open: int = 0
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=8 * MOST_BYTES)
        app.router.add_post("/describe", self._describe)
        app.router.add_post("/quote", self._quote)
        app.router.add_post("/query", self._query)
        app.router.add_post("/consistent", self._consistent)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self.socket.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(self.socket)).start()
        finally:
            os.umask(before)

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.socket.unlink(missing_ok=True)

    async def _describe(self, request: web.Request) -> web.Response:
        return await self._served(request, lambda user, project, _: self.answers.describe(user, project))

    async def _quote(self, request: web.Request) -> web.Response:
        return await self._served(
            request, lambda user, project, asked: self.answers.quote(user, project, parsed(asked))
        )

    async def _consistent(self, request: web.Request) -> web.Response:
        return await self._served(
            request, lambda user, project, asked: self.answers.consistent(user, project, parsed(asked))
        )

    async def _query(self, request: web.Request) -> web.Response:
        clock = asyncio.get_running_loop().time
        began = clock()
        reply = await self._served(
            request, lambda user, project, asked: self.answers.query(user, project, parsed(asked))
        )
        await asyncio.sleep(self.grid - (clock() - began) % self.grid)
        return reply

    async def _served(
        self, request: web.Request, call: Callable[[str, str, str], dict[str, object]]
    ) -> web.Response:
        given = request.headers.get("Authorization", "").removeprefix("token ")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return said(HTTPStatus.FORBIDDEN, "Only the hub asks here.")
        if self._open >= AT_ONCE + WAITING:
            return said(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many questions wait at the moment. Ask again in a minute.",
            )
        body = await request.json()
        self._open += 1
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(
                self._pool, call, str(body["user"]), str(body["project"]), str(body["asked"])
            )
        except errors.EnclaveError as refused:
            return _refusal(refused)
        except Exception as failed:  # noqa: BLE001 - whatever it is, its words may hold data and stay here
            _log.error("a private question failed", error=type(failed).__name__)
            return said(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "The question could not be answered. If it was charged, asking the same again costs nothing.",
            )
        finally:
            self._open -= 1
        return web.json_response(answer)


def parsed(asked: str) -> Mapping[str, Any]:
    """A question as a mapping.

    Raises:
        Invalid: when it is not a JSON object.
    """
    try:
        wanted = json.loads(asked)
    except (ValueError, RecursionError):
        wanted = None
    if not isinstance(wanted, dict):
        raise errors.Invalid(["A question is a JSON object: a measure, an epsilon, and what else it needs."])
    return wanted


def _refusal(refused: errors.EnclaveError) -> web.Response:
    kind = next((k for k in type(refused).__mro__ if k in _STATUS), errors.Unavailable)
    if refused.__cause__ is not None:
        _log.warning("a private question was not answered", error=type(refused.__cause__).__name__)
    problems = list(refused.problems) if isinstance(refused, errors.Invalid) else [refused.sentence]
    return web.json_response({"problems": problems}, status=_STATUS[kind])
