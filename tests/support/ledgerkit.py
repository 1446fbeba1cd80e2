"""Processes that spend from one ledger at once, as several servers of one house would."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from pathlib import Path

from houses import House, _wired

from anonymization import dp
from enclave.budget.service import Question
from enclave.extracts.making import question_of
from enclave.kernel.errors import Conflict, OverBudget, Unavailable

ASKED, FIT, WORKERS = 64, 40, 4
#: Each question costs an eighth in epsilon, or what that is in rho, whichever noise it asks for.
EPSILON = 0.125
RHO = EPSILON**2 / 2
#: The question whose asker is killed after the charge and before the answer.
DOOMED = 3


def a_question(n: int, accounting: str) -> Question:
    """The nth of the questions; every second one has Gaussian noise where the accounting holds it."""
    gaussian = accounting == "zcdp" and n % 2 == 1
    price = {"rho": RHO, "mechanism": "gaussian"} if gaussian else {"epsilon": EPSILON}
    # They differ in what a withheld cell needs, so that each is a question of its own.
    asked = {
        "version": 2,
        "table": "households",
        "unit_id": "household_id",
        "measure": "count",
        "min_count": n + 1,
        **price,
    }
    return question_of(dp.DpQuery.from_dict(asked), "households", "e1")


def spend(root: str, url: str, accounting: str, worker: int, report: str, first: bool) -> None:
    """Asks this worker's share of the questions until each is answered or refused; writes each outcome as a line.

    Args:
        first: whether this is the worker's first life, in which it is killed in the middle of one question.
    """
    house: House = _wired(Path(root), url)
    stefan = house.actor("stefan")
    mine = iter([n for n in range(ASKED) if n % WORKERS == worker])
    lock = threading.Lock()

    def said(line: str) -> None:
        with lock, Path(report).open("a") as file:
            file.write(line + "\n")

    def draw(n: int) -> dict[str, object]:
        if n == DOOMED and first:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        return {"csv": f"{n}-{secrets.token_hex(8)}"}

    def ask() -> None:
        while True:
            with lock:
                n = next(mine, None)
            if n is None:
                return
            while True:
                try:
                    answer = house.budgets.ask(stefan, a_question(n, accounting), "", lambda n=n: draw(n))
                except OverBudget as refused:
                    said(f"refused {n} {'Nothing was charged' in refused.sentence}")
                except (Conflict, Unavailable):
                    continue
                else:
                    said(f"answered {n} {answer['csv']}")
                break

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said("done")
