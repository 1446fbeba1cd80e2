"""Once a day the canary runs by itself; an open exit stands in the log and reaches the people who can close it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from houses import a_house

from enclave.hub import verify as verifying
from enclave.hub.verify import Exit
from enclave.jobs.watching import canary
from enclave.kernel.errors import Unavailable
from enclave.kernel.work import Message


@pytest.fixture
def enclave(tmp_path, monkeypatch):
    house = a_house(tmp_path)
    found = [Exit("dns", True, "EAI_AGAIN"), Exit("a window", True, "EPERM")]
    ran = []
    monkeypatch.setattr(verifying, "verify", lambda _settings: ran.append(1) or tuple(found))
    return SimpleNamespace(kit=house.kit, settings=None, house=house, found=found, ran=ran)


def events(enclave):
    return enclave.house.audit.events(enclave.house.actor("olga"), event="canary:run")


def told(enclave):
    with enclave.kit.read() as uow:
        return {m.username for m in uow.find(Message) if "ways out of a session are open" in m.sentence}


def test_it_runs_once_a_day_and_says_what_it_found(enclave):
    for _ in range(3):
        canary(enclave)
    assert len(enclave.ran) == 1
    [event] = events(enclave)
    assert event.facts == {"closed": 2, "open": []}
    assert told(enclave) == set()
    enclave.house.clock.move(hours=24)
    canary(enclave)
    assert len(enclave.ran) == 2


def test_an_open_exit_reaches_those_who_can_close_it(enclave):
    enclave.found.append(Exit("the door", False, "OPEN: stands open"))
    canary(enclave)

    assert events(enclave)[0].facts == {"closed": 2, "open": ["the door"]}
    assert "priya" in told(enclave)
    assert not told(enclave) & {"rosa", "chloe", "stefan"}


def test_a_machine_that_cannot_hold_sessions_is_tried_again_and_never_called_closed(enclave, monkeypatch):
    def refuses(_settings):
        raise Unavailable("There is no bubblewrap here.")

    monkeypatch.setattr(verifying, "verify", refuses)
    canary(enclave)
    assert events(enclave) == []
