"""The store's promises, on SQLite and on a real PostgreSQL alike."""

from __future__ import annotations

import dataclasses
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import sqlalchemy as sa
from houses import a_house, a_project
from postgres import start_postgres

from anonymization.dp import Loss
from enclave.airlock.model import Review, Verdict
from enclave.audit.model import AuditEvent
from enclave.budget.model import Charge
from enclave.budget.service import Question
from enclave.kernel.errors import Conflict, NotFound, OverBudget, Unavailable
from enclave.kernel.events import Event
from enclave.projects.model import Person
from enclave.store.engine import connect
from enclave.store.schema import MAPPERS
from enclave.store.tables import metadata


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with start_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request, tmp_path):
    """One enclave on each kind of database; each test has a database of its own."""
    if request.param == "sqlite":
        yield a_house(tmp_path)
        return
    url = sa.make_url(request.getfixturevalue("server"))
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    yield a_house(tmp_path, url.set(database=name).render_as_string(hide_password=False))


def question(number: int, epsilon: float) -> Question:
    return Question(
        dataset="households",
        extract="e1",
        canonical=f"q{number}".encode(),
        query={"n": number},
        loss=Loss(epsilon),
        unit="household",
        mechanism="test",
        software="test",
    )


def test_every_model_comes_back_as_it_went_in(house):
    a_project(house)
    with house.kit.read() as uow:
        for model in MAPPERS:
            for found in uow.find(model):
                assert isinstance(found, model)
                key = MAPPERS[model].key
                assert uow.get(model, getattr(found, key)) == found


def test_the_audit_log_refuses_change_even_from_the_database_itself(house):
    a_project(house)
    with house.kit.write() as uow:
        engine = uow.connection.engine
        uow.add(Review("r1", "o1", 1, "chloe", Verdict.APPROVE, "", (), "", house.clock.now()))
        uow.commit()
    for table in ("audit_event", "approval", "review"):  # the ledger has a test of its own
        for statement in (f"UPDATE {table} SET at = at", f"DELETE FROM {table}"):
            with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="append-only"):
                connection.exec_driver_sql(statement)
    assert house.audit.verify() == []


def test_a_changed_byte_in_the_log_is_found_even_when_the_triggers_are_gone(house):
    a_project(house)
    with house.kit.write() as uow:
        engine = uow.connection.engine
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER audit_event_no_update")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_event DISABLE TRIGGER USER")
        connection.exec_driver_sql("UPDATE audit_event SET actor = 'somebody-else' WHERE sequence = 5")
    faults = house.audit.verify()
    assert faults
    assert "Event 5" in faults[0]


def test_a_rewritten_chain_does_not_agree_with_its_locked_anchor(house):
    from enclave.audit.model import digest_of

    a_project(house)
    assert house.audit.anchor() is not None
    with house.kit.write() as uow:
        engine, events = uow.connection.engine, uow.find(AuditEvent)
    events[3] = dataclasses.replace(events[3], actor="somebody-else")
    for number in range(3, len(events)):
        events[number] = dataclasses.replace(events[number], previous=events[number - 1].digest)
        events[number] = dataclasses.replace(events[number], digest=digest_of(events[number]))
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER audit_event_no_update")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_event DISABLE TRIGGER USER")
        table = MAPPERS[AuditEvent].table
        for event in events[3:]:
            row = MAPPERS[AuditEvent].to_row(event)
            connection.execute(table.update().where(table.c.sequence == event.sequence).values(**row))
    assert house.audit.verify(with_anchors=False) == [], "the forged chain is consistent in itself"
    (fault,) = house.audit.verify()
    assert "anchor" in fault


def test_a_read_only_unit_of_work_cannot_write(house):
    with house.kit.read() as uow, pytest.raises(sa.exc.DBAPIError):
        uow.audit(Event.PERSON_CREATE, house.actor("sami"), "person:x")


def test_leaving_without_commit_undoes_everything(house):
    with house.kit.write() as uow:
        uow.audit(Event.PERSON_CREATE, house.actor("sami"), "person:ghost")
        number = uow.number("anything")
    with house.kit.read() as uow:
        assert uow.find(AuditEvent, subject="person:ghost") == []
    with house.kit.write() as uow:
        assert uow.number("anything") == number


def test_who_wrote_second_is_told(house):
    person = house.people.by_username("rosa")
    with house.kit.write() as uow:
        uow.put(dataclasses.replace(person, name="One"))
        uow.commit()
    with house.kit.write() as uow, pytest.raises(Conflict, match="first"):
        uow.put(dataclasses.replace(person, name="Two"))


def test_the_same_username_cannot_be_taken_twice(house):
    person = house.people.by_username("rosa")
    with house.kit.write() as uow, pytest.raises(Conflict, match="already"):
        uow.add(dataclasses.replace(person, id="other", uid=1))


def test_what_is_not_there_is_not_found(house):
    with house.kit.read() as uow, pytest.raises(NotFound, match="account"):
        uow.get(Person, "nobody")


def test_sixteen_writers_leave_one_unbroken_chain(house):
    sami = house.actor("sami")

    def write(number: int) -> None:
        for _ in range(4):
            with house.kit.write() as uow:
                uow.audit(Event.PERSON_CREATE, sami, f"person:{number}")
                uow.commit()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(16)))
    assert house.audit.verify() == []
    with house.kit.read() as uow:
        assert len([e for e in uow.find(AuditEvent) if e.subject[7:].isdigit()]) == 64


def test_64_concurrent_spends_against_a_budget_for_40_give_exactly_40_answers(house):
    priya, stefan = house.actor("priya"), house.actor("stefan")
    house.budgets.grant(priya, dataset="households", project="", epsilon=4.0)
    drawn, lock = [], threading.Lock()

    def ask(number: int) -> bool:
        def draw():
            with lock:
                drawn.append(number)
            return {"answer": number}

        try:
            house.budgets.ask(stefan, question(number, 0.1), "", draw)
        except OverBudget as error:
            assert "Nothing was charged" in error.sentence
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        answered = sum(pool.map(ask, range(64)))
    with house.kit.read() as uow:
        charges = uow.find(Charge)
    assert answered == len(drawn) == len(charges) == 40
    assert house.budgets.balance("households").spent == Loss(4.0)


def test_a_question_is_paid_for_once(house):
    priya, stefan = house.actor("priya"), house.actor("stefan")
    house.budgets.grant(priya, dataset="households", project="", epsilon=1.0)
    answers = [
        house.budgets.ask(stefan, question(1, 0.4), "", lambda: {"answer": object.__hash__(house)})
        for _ in range(3)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert house.budgets.balance("households").spent_epsilon == 0.4


def test_a_crash_between_charge_and_answer_keeps_the_charge_and_the_answer_is_still_to_be_had(house):
    priya, stefan = house.actor("priya"), house.actor("stefan")
    house.budgets.grant(priya, dataset="households", project="", epsilon=1.0)

    def crash():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        house.budgets.ask(stefan, question(1, 0.4), "", crash)
    assert house.budgets.balance("households").spent_epsilon == 0.4
    assert house.budgets.ask(stefan, question(1, 0.4), "", lambda: {"answer": 1}) == {"answer": 1}
    assert house.budgets.ask(stefan, question(1, 0.4), "", lambda: {"answer": 2}) == {"answer": 1}
    assert house.budgets.balance("households").spent_epsilon == 0.4
    assert house.budgets.audit(priya, lambda q: Loss(0.4)) == []


def test_eight_who_ask_the_same_at_once_all_get_the_one_stored_answer(house):
    priya, stefan = house.actor("priya"), house.actor("stefan")
    house.budgets.grant(priya, dataset="households", project="", epsilon=1.0)
    together = threading.Barrier(8, timeout=60)

    def ask(number: int):
        def draw():
            together.wait()  # eight draws before any is stored
            return {"answer": number}

        return house.budgets.ask(stefan, question(1, 0.4), "", draw)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    with house.kit.read() as uow:
        (charge,) = uow.find(Charge)
    assert all(answer == charge.answer for answer in answers)
    assert house.budgets.balance("households").spent_epsilon == 0.4


def a_ledger(house):
    priya, stefan = house.actor("priya"), house.actor("stefan")
    house.budgets.grant(priya, dataset="households", project="", epsilon=1.0)
    for number in (1, 2):
        house.budgets.ask(stefan, question(number, 0.4), "", lambda: {"answer": 1})
    with house.kit.write() as uow:
        return uow.connection.engine


def test_the_database_itself_refuses_to_take_anything_out_of_the_ledger(house):
    engine = a_ledger(house)
    house.budgets.grant(house.actor("priya"), dataset="households", project="p1", epsilon=1.0)
    house.budgets.raise_grant(
        house.actor("priya"), dataset="households", project="p1", epsilon=1.5, reason="A second round."
    )
    attacks = [
        "DELETE FROM charge",
        "DELETE FROM budget_grant",
        "UPDATE charge SET epsilon = 0.01",
        "UPDATE charge SET delta = 0.5",
        "UPDATE charge SET epsilon = 0, rho = 0.01",
        "UPDATE charge SET accounting = 'zcdp'",
        "UPDATE charge SET query = '{}'",
        "UPDATE charge SET key = key || 'x'",
        "UPDATE charge SET grant_id = 'another'",
        "UPDATE charge SET answer = '{}'",
        "UPDATE budget_grant SET project = 'elsewhere' WHERE project = ''",
        "UPDATE budget_grant SET epsilon = 50",
        "UPDATE budget_grant SET accounting = 'approx', delta = 0.1",
        "UPDATE budget_raise SET epsilon = 50",
        "DELETE FROM budget_raise",
    ]
    if engine.dialect.name == "sqlite":
        attacks += [
            "INSERT OR REPLACE INTO charge SELECT * FROM charge LIMIT 1",
            "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event WHERE sequence = 5",
        ]
    else:
        attacks += ["TRUNCATE charge", "TRUNCATE budget_grant", "TRUNCATE budget_raise"]
    for statement in attacks:
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="append-only"):
            connection.exec_driver_sql(statement)
    assert house.budgets.audit(house.actor("priya"), lambda q: Loss(0.4)) == []
    assert house.audit.verify() == []


def test_a_row_that_vanished_from_the_ledger_or_came_by_itself_is_found(house):
    engine, priya = a_ledger(house), house.actor("priya")
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for table in ("charge", "budget_grant"):
                for verb in ("delete", "update"):
                    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
        else:
            for table in ("charge", "budget_grant"):
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        first, second = connection.exec_driver_sql("SELECT id FROM charge ORDER BY id").scalars()
        connection.exec_driver_sql(f"UPDATE charge SET epsilon = 0.6 WHERE id = '{second}'")
    assert any(
        second in fault and "differ" in fault for fault in house.budgets.audit(priya, lambda q: Loss(0.4))
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE charge SET epsilon = 0.4 WHERE id = '{second}'")
        connection.exec_driver_sql(f"UPDATE charge SET id = 'made-up' WHERE id = '{second}'")
        connection.exec_driver_sql(f"DELETE FROM charge WHERE id = '{first}'")
        connection.exec_driver_sql("UPDATE budget_grant SET epsilon = 50")
    faults = house.budgets.audit(priya, lambda q: Loss(0.4))
    assert sum("removed" in fault for fault in faults) == 2
    assert sum("not made by the product" in fault for fault in faults) == 1
    assert any("grants of households" in fault for fault in faults)


def test_a_job_that_kills_its_workers_is_given_up_with_a_sentence(house):
    from datetime import timedelta

    from enclave.kernel.work import Job

    with house.kit.write() as uow:
        uow.later("deadly", {}, key="deadly:1")
        uow.later("harmless", {}, key="harmless:1")
        uow.commit()
    leased = []
    for _ in range(6):
        with house.kit.write() as uow:  # taken, and never marked: the worker died
            leased.append(uow.lease(["deadly"], house.clock.now() + timedelta(seconds=60), 3))
            uow.commit()
        house.clock.move(seconds=61)
    assert [bool(job) for job in leased] == [True] * 3 + [False] * 3
    with house.kit.write() as uow:
        job = uow.first(Job, key="deadly:1")
        assert uow.lease(["deadly", "harmless"], house.clock.now(), 3).key == "harmless:1"
    assert job.state == "failed"
    assert "3 times" in job.error


def test_a_database_that_is_away_is_a_sentence(house, tmp_path):
    from enclave.store.uow import SqlUnitOfWork

    for url in (
        "postgresql+psycopg://test@127.0.0.1:1/nothing",
        f"sqlite:///{tmp_path / 'gone' / 'enclave.sqlite'}",
    ):
        engine = connect(url)
        if engine.dialect.name == "sqlite":
            (tmp_path / "gone" / "enclave.sqlite").unlink()
            (tmp_path / "gone").rmdir()
        with pytest.raises(Unavailable, match="does not answer"), SqlUnitOfWork(engine, house.clock):
            pass


def test_a_connection_that_breaks_in_the_middle_is_a_sentence_too(house):
    with house.kit.read() as uow:
        engine = uow.connection.engine
    if engine.dialect.name == "sqlite":
        return  # a file does not hang up
    with pytest.raises(Unavailable, match="does not answer"), house.kit.write() as uow:  # noqa: PT012
        pid = uow.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with engine.connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")
        uow.find(Person)
    assert house.people.by_username("rosa") is not None, "the next one works again"


def test_the_ledger_audit_finds_a_charge_below_its_cost(house):
    priya, stefan = house.actor("priya"), house.actor("stefan")
    house.budgets.grant(priya, dataset="households", project="", epsilon=1.0)
    house.budgets.ask(stefan, question(1, 0.4), "", lambda: {"answer": 1})
    assert house.budgets.audit(priya, lambda q: Loss(0.4)) == []
    (fault,) = house.budgets.audit(priya, lambda q: Loss(0.5))
    assert "less loss" in fault


def test_the_migration_makes_exactly_the_tables_that_the_code_knows(house):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with house.kit.write() as uow:
        engine = uow.connection.engine
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def _count(url: str, jobs: int, taken) -> None:
    from datetime import timedelta

    from enclave.kernel.clock import SystemClock
    from enclave.store.uow import SqlUnitOfWork

    engine, clock = connect(url), SystemClock()
    for _ in range(jobs):
        with SqlUnitOfWork(engine, clock) as uow:
            job = uow.lease(["count"], clock.now() + timedelta(seconds=60), 8)
            uow.commit()
        if job is not None:
            taken.put(job.key)


def test_a_job_is_leased_to_one_worker_only(house):
    with house.kit.write() as uow:
        url = uow.connection.engine.url.render_as_string(hide_password=False)
        for number in range(20):
            uow.later("count", {}, key=f"count:{number}")
            uow.later("count", {}, key=f"count:{number}")
        uow.commit()
    context = multiprocessing.get_context("spawn")
    taken = context.Queue()
    workers = [context.Process(target=_count, args=(url, 10, taken)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    keys = [taken.get(timeout=5) for _ in range(20)]
    assert sorted(keys) == sorted({f"count:{n}" for n in range(20)})


def test_dates_keep_their_day_and_times_their_instant(house):
    person = house.people.by_username("rosa")
    assert isinstance(person.training_valid_until, date)
    assert person.created_at.tzinfo is not None
