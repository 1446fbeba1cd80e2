"""Sixty-four sessions ask at once against a budget for forty, and the answering process is killed in the middle."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from askings import HOUSEHOLDS, an_asking_house
from hubkit import ROOT, until
from postgres import start_postgres

from anonymization.dp import Loss
from enclave.budget.model import Charge
from enclave.extracts.making import loss_of

ASKED, FIT = 64, 40

#: The answering process on an existing database; the object store of the tests lives in memory, so rows are made.
SERVE = f"""
import asyncio, sys
from pathlib import Path
import pandas as pd
from askings import a_server, asking_parts
from houses import _wired

root, socket = Path(sys.argv[1]), Path(sys.argv[2])
house = asking_parts(_wired(root, sys.argv[3]))
rows = pd.DataFrame({{
    "household_id": [f"H{{i}}" for i in range({HOUSEHOLDS})],
    "region_code": ["R01" if i % 3 else "R02" for i in range({HOUSEHOLDS})],
}})
type(house.extracts).table = lambda *_: (None, None, rows)

async def main():
    await a_server(house.querying, socket).start()
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def short():
    with tempfile.TemporaryDirectory(prefix="q") as folder:
        yield Path(folder)


class Service:
    """The process, started and killed."""

    def __init__(self, root: Path, socket: Path, url: str) -> None:
        self.root, self.socket, self.url = root, socket, url
        self.start()

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.root), str(self.socket), self.url],
            env={**os.environ, "PYTHONPATH": path},
        )
        until(lambda: self.socket.exists() or self.process.poll() is not None)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def post(place: Path, body: dict[str, str]) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("q", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.settimeout(60)
        connection.sock.connect(str(place))
        headers = {"Authorization": "token a token", "Content-Type": "application/json"}
        connection.request("POST", "/query", json.dumps(body), headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


@pytest.fixture
def url(request, tmp_path):
    """Where the ledger is."""
    if request.param == "sqlite":
        yield ""
        return
    with start_postgres(tmp_path) as server:
        yield server


@pytest.mark.parametrize(
    ("url", "accounting", "killed"),
    [("sqlite", "pure", 0), ("sqlite", "pure", 2), ("postgresql", "zcdp", 1)],
    ids=["in-peace", "killed", "killed-in-zcdp-on-postgresql"],
    indirect=["url"],
)
def test_never_more_answers_than_the_budget_fits_and_the_ledger_covers_each(
    tmp_path, short, url, accounting, killed
):
    in_rho = accounting == "zcdp"
    amounts = {"epsilon": 0.0, "rho": FIT / 128} if in_rho else {"epsilon": FIT / 8}
    house, project = an_asking_house(tmp_path, **amounts, url=url)
    service = Service(tmp_path, short / "s", url or f"sqlite:///{tmp_path / 'enclave.sqlite'}")
    answered: dict[int, set[str]] = {}
    refused: set[int] = set()
    some = threading.Event()

    def ask(n: int) -> None:
        """Until there is an answer or a refusal, as a researcher would: the same question again."""
        # In zCDP an epsilon of an eighth is a rho of 1/128, as is asked for with Gaussian noise.
        gaussian = in_rho and n % 2
        price = {"rho": 1 / 128, "mechanism": "gaussian"} if gaussian else {"epsilon": 0.125}
        wanted = {"measure": "count", "group_by": ["region_code"], **price, "min_count": n + 1}
        body = {"user": "rosa", "project": project, "asked": json.dumps(wanted)}
        while True:
            try:
                status, told = post(short / "s", body)
            except (OSError, http.client.HTTPException):
                time.sleep(0.5)
                continue
            if status == 200:
                answered.setdefault(n, set()).add(told["csv"])
                if len(answered) >= 5:
                    some.set()
                return
            if status == 402:
                refused.add(n)
                return
            assert status in {409, 503}, told
            time.sleep(0.5)

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(ASKED)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(killed):
            assert some.wait(300)
            service.kill()
            service.start()
        for thread in threads:
            thread.join(400)
            assert not thread.is_alive()
    finally:
        service.kill()

    with house.kit.read() as uow:
        charges = uow.find(Charge)
    kept = {str(charge.answer["csv"]) for charge in charges if charge.answer}
    assert len(answered) == FIT
    assert len(refused) == ASKED - FIT
    assert len(charges) == FIT
    spent = house.budgets.balance("households", project).spent
    assert spent == (Loss(rho=FIT / 128) if in_rho else Loss(FIT / 8))
    assert {csv for seen in answered.values() for csv in seen} <= kept
    assert house.budgets.balance("households", project).left == 0
    assert house.budgets.audit(house.actor("priya"), loss_of) == []
