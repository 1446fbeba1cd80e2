"""Jobs are done at least once, by one worker at a time, and a broken one does not take the worker with it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from houses import a_house

from enclave.jobs.worker import LEASE, MOST_ATTEMPTS, Worker
from enclave.kernel.errors import NotFound
from enclave.kernel.work import Job


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path)


def worker(house, **handlers) -> Worker:
    return Worker(SimpleNamespace(kit=house.kit), handlers, {})


def queue(house, kind: str) -> None:
    with house.kit.write() as uow:
        uow.later(kind, {"n": 1}, key=f"{kind}:1")
        uow.commit()


def job(house) -> Job:
    with house.kit.read() as uow:
        return uow.find(Job)[0]


def test_a_job_is_done_once_and_stays_done(house):
    done = []
    queue(house, "count")
    queue(house, "count")
    hand = worker(house, count=lambda _, payload: done.append(payload["n"]))
    assert hand.once()
    assert not hand.once()
    assert done == [1]
    assert job(house).state == "done"


def test_a_job_exists_exactly_when_its_transaction_committed(house):
    with house.kit.write() as uow:
        uow.later("count", {}, key="count:lost")
    assert not worker(house, count=lambda *_: None).once()


def test_a_failing_job_waits_longer_each_time_and_then_gives_up_with_a_sentence(house):
    def fail(*_):
        raise NotFound("The thing is not there yet.")

    queue(house, "fail")
    hand = worker(house, fail=fail)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert hand.once()
        assert not hand.once(), "it waits before it is tried again"
        assert job(house).attempts == attempt
        house.clock.move(seconds=301)
    assert (job(house).state, job(house).error) == ("failed", "The thing is not there yet.")
    assert not hand.once()


def test_what_nobody_foresaw_is_named_without_its_message(house):
    def break_(*_):
        raise RuntimeError("CANARY-52-the-household-of-somebody")

    queue(house, "break_")
    assert worker(house, break_=break_).once()
    assert "RuntimeError" in job(house).error
    assert "CANARY" not in job(house).error


def test_a_dead_workers_job_is_taken_again_when_its_lease_has_run_out(house):
    class Killed(BaseException):
        """As kill -9 would: no handler of ours catches it."""

    def die(*_):
        raise Killed

    queue(house, "slow")
    with pytest.raises(Killed):
        worker(house, slow=die).once()
    done = []
    second = worker(house, slow=lambda *_: done.append(1))
    assert not second.once(), "the lease still runs"
    house.clock.move(seconds=LEASE.total_seconds() + 1)
    assert second.once()
    assert done == [1]


def test_a_broken_chore_is_survived(house):
    import threading

    stop, seen = threading.Event(), []

    def chore(_):
        seen.append(1)
        if len(seen) > 1:
            stop.set()
        raise RuntimeError("no")

    hand = Worker(SimpleNamespace(kit=house.kit), {}, {"sweep": (0.0, chore)})
    hand.run(stop, idle=0.01)
    assert len(seen) >= 2


def test_a_sentence_of_the_pipeline_becomes_the_jobs_sentence(house):
    from anonymization.errors import Unusable

    def fail(*_):
        raise Unusable("The column welfare is empty. Take a new extract.")

    queue(house, "fail")
    assert worker(house, fail=fail).once()
    assert job(house).error == "The column welfare is empty. Take a new extract."


def test_what_used_up_its_bound_is_not_tried_again(house):
    from anonymization.synth.protocol import BoundReached

    def fail(*_):
        raise BoundReached("Learning took longer than the 5 seconds allowed; ask for more time.")

    queue(house, "fail")
    assert worker(house, fail=fail).once()
    assert (job(house).state, job(house).attempts) == ("failed", 1)
    assert job(house).error.startswith("Learning took longer")


def test_chores_go_on_while_a_job_takes_its_time(house):
    import threading

    stop, chored, seen = threading.Event(), threading.Event(), []

    def chore(_):
        seen.append(1)
        if len(seen) >= 3:
            chored.set()

    def long(*_):
        try:
            assert chored.wait(20), "the job ends only after the chore came round three times"
        finally:
            stop.set()

    queue(house, "long")
    Worker(SimpleNamespace(kit=house.kit), {"long": long}, {"anchor": (0.01, chore)}).run(stop, idle=0.01)
    assert job(house).state == "done"


def test_a_slow_chore_does_not_hold_up_another(house):
    import threading

    stop, release, waited = threading.Event(), threading.Event(), []

    def slow(_):
        waited.append(release.wait(20))
        stop.set()

    def quick(_):
        release.set()

    chores = {"slow": (0.01, slow), "quick": (0.01, quick)}
    Worker(SimpleNamespace(kit=house.kit), {}, chores).run(stop, idle=0.01)
    assert waited[0]


def test_the_worker_waits_for_a_database_that_is_away_and_goes_on(house):
    import threading

    from enclave.kernel.errors import Unavailable

    stop, away = threading.Event(), [1, 1, 1]

    def write():
        if away:
            away.pop()
            raise Unavailable("The database does not answer. Nothing was changed; try again.")
        return house.kit.write()

    queue(house, "last")
    kit = SimpleNamespace(write=write, clock=house.clock)
    Worker(SimpleNamespace(kit=kit), {"last": lambda *_: stop.set()}, {}).run(stop, idle=0.01, pause=0.01)
    assert away == []
    assert job(house).state == "done"


def test_whoever_lost_the_lease_does_not_mark_the_job(house):
    queue(house, "slow")
    done = []

    def overtaken(*_):
        house.clock.move(seconds=LEASE.total_seconds() + 1)
        if not done:
            done.append(1)
            worker(house, slow=lambda *_: done.append(2)).once()
            raise NotFound("Too late.")

    worker(house, slow=overtaken).once()
    assert done == [1, 2]
    assert (job(house).state, job(house).error) == ("done", "")
