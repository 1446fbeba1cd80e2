"""Writes what the gateway saw into the audit log: cells before they run, readings before they are shown, denials."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from enclave.hub.gateway.cells import Cell
from enclave.hub.gateway.replies import Reading
from enclave.kernel.events import Event
from enclave.kernel.ports import EntitlementAuthority

_log = structlog.get_logger(__name__)

#: Denials written in full for each person and project in one minute; the rest are counted.
_DENIALS_A_MINUTE = 30

#: How many repeated readings are remembered; forgetting one writes it down once more.
_REMEMBERED = 10_000


@dataclass(slots=True)
class _Minute:
    start: float = 0.0
    written: int = 0
    left_out: int = 0


@dataclass(slots=True)
class Journal:
    """The gateway's pen.

    Args:
        authority: who keeps the log.
    """

    authority: EntitlementAuthority
    _minutes: dict[tuple[str, str], _Minute] = field(default_factory=lambda: defaultdict(_Minute))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _seen: dict[tuple[str, str, str], str] = field(default_factory=dict)

    async def cell(self, user: str, project: str, cell: Cell) -> None:
        """Returns when it is written; raises when it could not be, and then the cell must not run."""
        await asyncio.to_thread(self.authority.record, Event.SESSION_CELL.value, user, project, cell.facts())

    async def read(self, user: str, project: str, reading: Reading) -> None:
        """Returns when it is written; raises when it could not be, and then it must not be shown.

        What the page repeats by itself is written when it differs from the last time.
        """
        place = (user, project, reading.path)
        if reading.repeats and self._seen.get(place) == reading.sha256:
            return
        await asyncio.to_thread(
            self.authority.record, Event.SESSION_READ.value, user, project, reading.facts()
        )
        if reading.repeats:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[place] = reading.sha256

    def deny(self, user: str, project: str, facts: Mapping[str, object]) -> None:
        """Writes it in the background; the refusal stands whether or not that works."""
        minute, now = self._minutes[user, project], time.monotonic()
        if now - minute.start >= 60:
            facts = {**facts, "left_out_before": minute.left_out} if minute.left_out else facts
            minute.start, minute.written, minute.left_out = now, 0, 0
        if minute.written >= _DENIALS_A_MINUTE:
            minute.left_out += 1
            return
        minute.written += 1
        task = asyncio.create_task(self._write_denial(user, project, facts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write_denial(self, user: str, project: str, facts: Mapping[str, object]) -> None:
        try:
            await asyncio.to_thread(self.authority.record, Event.SESSION_DENY.value, user, project, facts)
        except Exception as failed:  # noqa: BLE001 - nothing is let through because of it
            _log.error("a denial could not be recorded", error=type(failed).__name__)
