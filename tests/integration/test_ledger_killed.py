"""Four processes spend 64 questions from a ledger that fits 40, and are killed with -9 while they do."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest
from houses import a_house
from ledgerkit import ASKED, DOOMED, EPSILON, FIT, RHO, WORKERS, spend
from postgres import start_postgres

from anonymization.dp import Loss
from enclave.budget.model import Charge
from enclave.extracts.making import loss_of

_SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def forks():
    """Processes that start quickly: what they need is loaded once, in a server that has no threads."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(_SUPPORT), before])
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ledgerkit"])
    yield context
    os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with start_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'enclave.sqlite'}"
    import sqlalchemy as sa

    server = sa.make_url(request.getfixturevalue("server"))
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


def outcomes(folder: Path) -> list[list[str]]:
    return [line.split() for file in sorted(folder.glob("*.log")) for line in file.read_text().splitlines()]


@pytest.mark.parametrize("accounting", ["pure", "zcdp"])
def test_never_more_than_fits_and_every_answer_is_covered(tmp_path, url, accounting, forks):
    house = a_house(tmp_path, "" if url.startswith("sqlite") else url)
    amounts = {"rho": FIT * RHO} if accounting == "zcdp" else {"epsilon": FIT * EPSILON}
    house.budgets.grant(house.actor("priya"), dataset="households", project="", **amounts)
    folder = tmp_path / "said"
    folder.mkdir()

    def start(worker: int, life: int):
        report = folder / f"{worker}-{life}.log"
        arguments = (str(tmp_path), url, accounting, worker, str(report), life == 0)
        process = forks.Process(target=spend, args=arguments, daemon=True)
        process.start()
        return process

    workers = {worker: start(worker, 0) for worker in range(WORKERS)}
    lives = dict.fromkeys(workers, 0)
    killed, end = 0, time.monotonic() + 400
    while any(process.is_alive() for process in workers.values()) or min(lives.values()) == 0:
        assert time.monotonic() < end, outcomes(folder)
        for worker, process in workers.items():
            # Each is killed once as soon as it has told of an answer; the one that dies in the middle of a question
            # by itself is started again like the others.
            told = (folder / f"{worker}-0.log").exists()
            if lives[worker] == 0 and (told or not process.is_alive()):
                killed += process.is_alive()
                process.kill()
                process.join()
                lives[worker] = 1
                workers[worker] = start(worker, 1)
        time.sleep(0.02)

    told = outcomes(folder)
    answers: dict[int, set[str]] = {}
    for outcome in told:
        if outcome[0] == "answered":
            answers.setdefault(int(outcome[1]), set()).add(outcome[2])
    refused = {int(outcome[1]) for outcome in told if outcome[0] == "refused"}
    with house.kit.read() as uow:
        charges = uow.find(Charge)
    assert len(charges) == len(answers) == FIT
    assert len(refused) == ASKED - FIT
    assert all(len(seen) == 1 for seen in answers.values()), "one answer for each charge, whoever asks again"
    assert {csv for seen in answers.values() for csv in seen} == {str(c.answer["csv"]) for c in charges}
    assert all(outcome[2] == "True" for outcome in told if outcome[0] == "refused")
    assert DOOMED in answers or DOOMED in refused
    assert killed > 0
    balance = house.budgets.balance("households")
    assert balance.spent == (Loss(rho=FIT * RHO) if accounting == "zcdp" else Loss(FIT * EPSILON))
    assert balance.room.epsilon == balance.room.rho == 0
    assert house.budgets.audit(house.actor("priya"), loss_of) == []
