"""A ledger from before rho was known: its rows survive the upgrade, and the database still refuses to change them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic import command
from houses import _wired, a_house
from postgres import start_postgres

from anonymization.dp import Accounting, Loss
from enclave.budget.model import BudgetGrant, Charge
from enclave.budget.service import Question
from enclave.kernel.events import Event
from enclave.store import schema
from enclave.store.engine import connect
from enclave.store.migrate import config, upgrade

_GRANTS = """INSERT INTO budget_grant (id, dataset, project, epsilon, delta, unit, granted_by, granted_at, version) VALUES
('g1', 'households', '', 1.0, 0.0, 'household', 'priya', '2026-05-01 09:00:00', 1),
('g2', 'households', 'p', 2.0, 0.000001, 'household', 'priya', '2026-05-01 09:00:00', 1)"""
_CHARGES = """INSERT INTO charge (id, grant_id, dataset, extract, key, query, epsilon, delta, mechanism, software, state,
charged_by, charged_at, answer, version) VALUES
('c1', 'g1', 'households', 'e1', 'k1', '{"n": 1}', 0.4, 0.0, 'Laplace', 'opendp', 'answered', 'stefan',
 '2026-05-02 09:00:00', '{"csv": "a"}', 2),
('c2', 'g2', 'households', 'e1', 'k2', '{"n": 2}', 0.5, 0.0, 'Laplace', 'opendp', 'charged', 'rosa',
 '2026-05-02 09:00:00', NULL, 1),
('c3', 'g2', 'households', 'e1', 'k3', '{"n": 5}', 0.25, 0.0000001, 'Laplace', 'opendp', 'answered', 'rosa',
 '2026-05-02 09:00:00', '{"csv": "c"}', 2)"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.sqlite'}"
        return
    with start_postgres(tmp_path) as server:
        yield server


def _old_locks(dialect: str) -> list[str]:
    """What the database refused by itself before the upgrade; the migration has to get past it."""
    grant, charge = (
        ("id", "dataset", "project", "unit"),
        ("id", "grant_id", "key", "query", "epsilon", "delta"),
    )
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"
    statements = [] if dialect == "sqlite" else [schema._PG_FUNCTION]
    template = schema._SQLITE if dialect == "sqlite" else schema._PG
    for table, columns in (("budget_grant", grant), ("charge", charge)):
        changed = " OR ".join(f"OLD.{c} {differs} NEW.{c}" for c in columns)
        changed += " OR OLD.state = 'answered'" if table == "charge" else ""
        for verb, when in (("update", f"WHEN ({changed}) "), ("delete", "")):
            statements.append(
                template.format(table=table, verb=verb, VERB=verb.upper(), when=when, scope="ROW")
            )
    return statements


def an_old_ledger(url: str) -> None:
    command.upgrade(config(url), "0001")
    engine = connect(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(_GRANTS)
        connection.exec_driver_sql(_CHARGES)
        for statement in _old_locks(connection.dialect.name):
            connection.execute(sa.text(statement))
        for table in ("budget_grant", "charge"):
            with pytest.raises(sa.exc.DBAPIError, match="append-only"), connection.begin_nested():
                connection.exec_driver_sql(f"DELETE FROM {table}")
            columns = {column["name"] for column in sa.inspect(connection).get_columns(table)}
            assert "rho" not in columns, "this is the schema from before"
    engine.dispose()


def test_old_rows_survive_and_stay_locked(url, tmp_path):
    an_old_ledger(url)
    upgrade(url)
    upgrade(url)
    house = _wired(tmp_path, url)
    with house.kit.read() as uow:
        grants = {g.id: g for g in uow.find(BudgetGrant)}
        charges = {c.id: c for c in uow.find(Charge)}
        engine = uow.connection.engine
    assert (grants["g1"].accounting, grants["g1"].rho) == (Accounting.PURE, 0.0)
    assert (grants["g2"].accounting, grants["g2"].delta) == (Accounting.APPROX, 1e-6)
    assert charges["c1"].loss == Loss(0.4)
    assert charges["c1"].answer == {"csv": "a"}
    assert charges["c2"].answer is None
    assert charges["c3"].loss == Loss(0.25, 1e-7)
    assert house.budgets.balance("households").left == 0.6
    assert house.budgets.balance("households", "p").left == 1.25
    attacks = [
        "UPDATE budget_grant SET epsilon = 50",
        "UPDATE budget_grant SET rho = 50, epsilon = 0",
        "UPDATE charge SET epsilon = 0.01",
        "UPDATE charge SET rho = 0.01, epsilon = 0",
        "UPDATE charge SET answer = '{}' WHERE state = 'answered'",
        "DELETE FROM charge",
        "DELETE FROM budget_grant",
    ]
    for attack in attacks:
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="append-only"):
            connection.exec_driver_sql(attack)
    # The constraints came along too: a charge of nothing is none, and one currency at a time.
    for bad in ("0, 0, 0", "0.5, 0, 0.5", "-1, 0, 0.5", "0.5, 1, 0"):
        made = _CHARGES.partition("VALUES")[0].replace("epsilon, delta,", "epsilon, delta, rho,")
        made = made.replace("version)", "version, accounting)")
        values = (
            f"('c9', 'g1', 'households', 'e1', 'k9', '{{}}', {bad}, 'm', 's', 'charged', 'x', "
            "'2026-05-02 09:00:00', NULL, 1, 'pure')"
        )
        with engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
            connection.exec_driver_sql(f"{made} VALUES {values}")


def test_an_upgraded_ledger_goes_on(url, tmp_path):
    an_old_ledger(url)
    house = a_house(tmp_path, url)  # brings the schema up to date and makes people
    question = Question("households", "e1", b"q", {"n": 3}, Loss(0.5), "household", "m", "s")
    assert house.budgets.ask(house.actor("stefan"), question, "", lambda: {"csv": "b"}) == {"csv": "b"}
    house.budgets.raise_grant(
        house.actor("priya"), dataset="households", project="", epsilon=1.5, reason="A second year."
    )
    assert house.budgets.balance("households").left == pytest.approx(0.6)
    house.budgets.grant(house.actor("priya"), dataset="households", project="z", rho=0.1, delta=1e-6)
    in_rho = Question("households", "e1", b"r", {"n": 4}, Loss(0.0, 1e-8, 0.05), "household", "m", "s")
    assert house.budgets.ask(house.actor("stefan"), in_rho, "z", lambda: {"csv": "c"}) == {"csv": "c"}
    assert house.budgets.balance("households", "z").room.rho == 0.05
    priced = {1: Loss(0.4), 2: Loss(0.5), 3: Loss(0.5), 4: Loss(0.0, 1e-8, 0.05), 5: Loss(0.25, 1e-7)}
    faults = house.budgets.audit(house.actor("priya"), lambda query: priced[query["n"]])
    assert {fault.partition(":")[0] for fault in faults} == {
        "Charge c1",
        "Charge c2",
        "Charge c3",
        "The grants of households",
    }
    with house.kit.write() as uow:  # as the log said it before the upgrade, without rho and accounting
        rosa = house.actor("rosa")
        for subject, epsilon, delta in (
            ("charge:c1", 0.4, 0.0),
            ("charge:c2", 0.5, 0.0),
            ("charge:c3", 0.25, 1e-7),
        ):
            uow.audit(Event.BUDGET_CHARGE, rosa, subject, {"epsilon": epsilon, "delta": delta, "left": 0.1})
        for subject in ("charge:c1", "charge:c3"):
            uow.audit(Event.BUDGET_ANSWER, rosa, subject, {"key": "k", "drawn_again": False})
        for project, epsilon, delta in (("", 1.0, 0.0), ("p", 2.0, 1e-6)):
            facts = {"project": project, "epsilon": epsilon, "delta": delta}
            uow.audit(Event.BUDGET_GRANT, rosa, "dataset:households", facts)
        uow.commit()
    assert house.budgets.audit(house.actor("priya"), lambda query: priced[query["n"]]) == []
