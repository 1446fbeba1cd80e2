"""Counting what leaves: never more than allowed, for a rolling day, across restarts."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from enclave.hub.gateway.cells import Cell
from enclave.hub.gateway.journal import Journal
from enclave.hub.gateway.meter import Meter
from enclave.hub.gateway.routes import Routes
from enclave.kernel.ports import Limits


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@settings(max_examples=50)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["ana", "ben"]), st.integers(0, 400), st.integers(0, 10_000)), max_size=60
    )
)
def test_no_day_ever_holds_more_than_was_allowed(steps):
    clock = Clock()
    meter = Meter(":memory:", clock)
    sent = []
    for user in ("ana", "ben"):
        meter.allow(user, "p", Limits(session_out=1000))
    for user, size, seconds in steps:
        clock.now += seconds
        if meter.spend(user, "p", size):
            sent.append((clock.now, user, size))
        for who in ("ana", "ben"):
            last_day = [s for at, u, s in sent if u == who and at > clock.now - 23 * 3600]
            assert sum(last_day) <= 1000
    meter.close()


def test_a_refused_message_counts_nothing_and_yesterday_is_forgotten():
    clock = Clock()
    meter = Meter(":memory:", clock)
    meter.allow("ana", "p", Limits(session_out=10))
    assert meter.spend("ana", "p", 8)
    assert not meter.spend("ana", "p", 3)
    assert meter.spend("ana", "p", 2)
    assert meter.spend("ana", "other", 100)
    clock.now += 25 * 3600
    assert meter.spent("ana", "p") == 0
    assert meter.spend("ana", "p", 10)
    meter.close()


def test_what_was_sent_and_where_sessions_are_outlives_the_process(tmp_path):
    first = Meter(tmp_path / "gateway.sqlite")
    first.allow("ana", "p", Limits(session_out=10, message=7))
    first.spend("ana", "p", 9)
    data = {"target": "http+unix://%2Frun%2Fx.in/user/ana/p/", "user": "ana", "server_name": "p"}
    Routes(first.database).add("/user/ana/p/", data)
    first.close()
    again = Meter(tmp_path / "gateway.sqlite")
    assert again.allowance("ana", "p").message == 7
    assert not again.spend("ana", "p", 2)
    route = Routes(again.database).find("/user/ana/p/api/contents")
    assert route is not None
    assert (route.socket, route.user, route.project) == ("/run/x.in", "ana", "p")
    assert (tmp_path / "gateway.sqlite").stat().st_mode & 0o777 == 0o600
    again.close()


def test_the_longest_prefix_wins_and_names_are_not_mixed_up():
    meter = Meter(":memory:")
    routes = Routes(meter.database)
    routes.add("/", {"target": "http+unix://%2Frun%2Fhub.sock/"})
    routes.add("/user/ana/p", {"target": "http+unix://%2Frun%2Fa.in/", "user": "ana", "server_name": "p"})
    assert routes.find("/user/ana/p/lab").socket == "/run/a.in"
    assert routes.find("/user/ana/pq/lab").socket == "/run/hub.sock"
    assert routes.find("/hub/login").socket == "/run/hub.sock"
    assert routes.remove("/user/ana/p/").user == "ana"
    assert routes.find("/user/ana/p/lab").socket == "/run/hub.sock"
    meter.close()


class Log:
    def __init__(self, broken=False):
        self.lines, self.broken = [], broken

    def record(self, event, user, project, facts):
        if self.broken:
            raise OSError
        self.lines.append((event, user, project, dict(facts)))


def test_a_flood_of_denials_leaves_a_trace_and_not_a_flood():
    log = Log()

    async def flood():
        journal = Journal(log)
        for number in range(500):
            journal.deny("ana", "p", {"path": f"/files/{number}"})
        await asyncio.gather(*journal._tasks)

    asyncio.run(flood())
    assert len(log.lines) == 30
    assert log.lines[0][0] == "session:deny"


def test_a_cell_is_written_before_the_call_returns_and_a_broken_log_is_an_error():
    log = Log()
    asyncio.run(Journal(log).cell("ana", "p", Cell("execute_request", "1")))
    assert log.lines[0][:3] == ("session:cell", "ana", "p")
    try:
        asyncio.run(Journal(Log(broken=True)).cell("ana", "p", Cell("execute_request", "1")))
    except OSError:
        return
    raise AssertionError("a cell that was not recorded must not look recorded")
