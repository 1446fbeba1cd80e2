"""A house whose project may ask private questions: an extract, a live entitlement, a budget, and who answers."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from houses import TODAY, House, a_house, a_project

from enclave.extracts.asking import Asking
from enclave.extracts.service import Extracts
from enclave.hub.questions.door import Door
from enclave.hub.questions.server import QuestionServer
from enclave.workspaces.querying import Querying

#: Planted in the rows; no answer, error or log may hold it.
CANARY = "CANARY-4711-Wanjiru"
COUNT = {"measure": "count", "group_by": ["region_code"], "epsilon": 0.4}
HOUSEHOLDS = 60


class PlainSealer:
    """Hides nothing: what is tested is who may ask, not how an extract is sealed."""

    def seal(self, source: Path, to: Path, *, dataset: str, context: str) -> str:
        shutil.copyfile(source, to)
        return "key"

    def unseal(self, source: Path, to: Path, *, dataset: str, wrapped: str, context: str) -> Path:
        shutil.copyfile(source, to)
        return to


def asking_parts(house: House) -> House:
    """The house with what answers private questions: `extracts`, `asking`, `querying`."""
    house.extracts = Extracts(house.kit, PlainSealer(), house.root / "scratch")
    house.asking = Asking(house.kit, house.extracts, house.budgets)
    house.querying = Querying(house.kit, house.workspaces, house.asking, house.budgets, house.receipts)
    return house


def an_asking_house(
    root: Path, epsilon: float = 1.0, *, rho: float = 0.0, url: str = ""
) -> tuple[House, str]:
    """The house, with `asking` and `querying`, and the slug of rosa's project.

    Args:
        epsilon, rho: what the project is granted; nothing where both are zero.
        url: of an empty database; SQLite in `root` where it is left out.
    """
    house = asking_parts(a_house(root, url))
    project = a_project(house)
    house.workspaces.admit("rosa", project)
    rows = pd.DataFrame(
        {
            "household_id": [f"H{i}" for i in range(HOUSEHOLDS)],
            "head_name": CANARY,
            "region_code": ["R01" if i % 3 else "R02" for i in range(HOUSEHOLDS)],
            "welfare": [float(i) for i in range(HOUSEHOLDS)],
        }
    )
    file = root / "households.parquet"
    rows.to_parquet(file)
    house.extracts.register(
        house.actor("stefan"), dataset="households", path=file, as_of=TODAY, source="a test"
    )
    if epsilon or rho:
        house.budgets.grant(
            house.actor("priya"), dataset="households", project=project, epsilon=epsilon, rho=rho
        )
    return house, project


@contextmanager
def running(*services):
    """Runs things that have async `start` and `stop` on a loop of their own, in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def do(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    started = []
    try:
        for service in services:
            do(service.start())
            started.append(service)
        yield do
    finally:
        for service in reversed(started):
            do(service.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def a_server(answers, socket: Path, token: str = "a token") -> QuestionServer:
    return QuestionServer(answers, token, socket, grid=0.01)


class DoorService:
    """A door that can be started and stopped as a service."""

    def __init__(self, door: Door, uid: int | None = None) -> None:
        self.door, self.uid = door, os.getuid() if uid is None else uid

    async def start(self) -> None:
        await self.door.open(self.uid, os.getgid())

    async def stop(self) -> None:
        await self.door.close()
