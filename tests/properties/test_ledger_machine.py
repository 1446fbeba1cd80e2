"""The ledger under every order of grants, raises, spends, retries, crashes and tampering."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from houses import a_house
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from anonymization.dp import Accounting, Limit, Loss, fits
from enclave.budget.model import Charge
from enclave.budget.service import Question
from enclave.kernel.errors import Invalid, OverBudget

PROJECTS = ("", "a", "b")
LIMITS = (
    Limit(Accounting.PURE, 0.5),
    Limit(Accounting.PURE, 1.0),
    Limit(Accounting.APPROX, 1.0, 1e-6),
    Limit(Accounting.APPROX, 2.0, 2e-6),
    Limit(Accounting.ZCDP, 0.0, 0.0, 0.05),
    Limit(Accounting.ZCDP, 0.0, 1e-6, 0.5),
)
LOSSES = (Loss(0.1), Loss(0.3), Loss(0.2, 1e-7), Loss(rho=0.01), Loss(0.0, 2e-7, 0.02), Loss(1.0), Loss(2.0))


def stored_loss(query) -> Loss:
    """What the description costs, as the mechanism's map would say."""
    return Loss(*(float(query[name]) for name in ("epsilon", "delta", "rho")))


class Ledger(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.house = a_house(self.root)
        self.priya, self.stefan = self.house.actor("priya"), self.house.actor("stefan")
        self.limits: dict[str, Limit] = {}
        self.charged: dict[str, dict[int, Loss]] = {}
        self.answers: dict[tuple[str, int], str] = {}
        self.drawn = 0

    def teardown(self) -> None:
        self.house.kit.read().__enter__().connection.engine.dispose()
        shutil.rmtree(self.root, ignore_errors=True)

    def question(self, n: int, loss: Loss) -> Question:
        query = {"n": n, "epsilon": loss.epsilon, "delta": loss.delta, "rho": loss.rho}
        return Question("households", "e1", repr(query).encode(), query, loss, "household", "test", "test")

    def draw(self) -> dict[str, object]:
        self.drawn += 1
        return {"csv": f"drawn {self.drawn}"}

    @initialize(limits=st.tuples(st.sampled_from(LIMITS), st.sampled_from(LIMITS)))
    def two_grants(self, limits: tuple[Limit, Limit]) -> None:
        for project, limit in zip(PROJECTS, limits, strict=False):
            self.grant(project, limit)

    @rule(project=st.sampled_from(PROJECTS), limit=st.sampled_from(LIMITS))
    def grant(self, project: str, limit: Limit) -> None:
        if project in self.limits:
            return
        self.house.budgets.grant(
            self.priya,
            dataset="households",
            project=project,
            epsilon=limit.epsilon,
            delta=limit.delta,
            rho=limit.rho,
        )
        self.limits[project], self.charged[project] = limit, {}

    @precondition(lambda self: self.limits)
    @rule(data=st.data(), limit=st.sampled_from(LIMITS))
    def more(self, data, limit: Limit) -> None:
        project = data.draw(st.sampled_from(sorted(self.limits)))
        try:
            self.house.budgets.raise_grant(
                self.priya, dataset="households", project=project, epsilon=limit.epsilon, delta=limit.delta,
                rho=limit.rho, accounting=limit.accounting, reason="A reason.",
            )  # fmt: skip
        except Invalid:
            return
        before = self.limits[project]
        assert fits([before.loss], limit) or before.loss.within(limit.loss), "a raise is never a cut"
        self.limits[project] = limit

    @precondition(lambda self: self.limits)
    @rule(
        data=st.data(),
        n=st.integers(0, 5),
        loss=st.sampled_from(LOSSES),
        how=st.sampled_from(["whole", "crash"]),
    )
    def spend(self, data, n: int, loss: Loss, how: str) -> None:
        self.ask(data.draw(st.sampled_from(sorted(self.limits))), n, loss, how)

    @precondition(lambda self: any(self.charged.values()))
    @rule(data=st.data(), how=st.sampled_from(["whole", "whole", "crash"]))
    def again(self, data, how: str) -> None:
        """A retry of what is charged, answered or not."""
        paid = [(project, key) for project, keys in sorted(self.charged.items()) for key in sorted(keys)]
        project, key = data.draw(st.sampled_from(paid))
        self.ask(project, key // len(LOSSES), LOSSES[key % len(LOSSES)], how)

    def ask(self, project: str, n: int, loss: Loss, how: str) -> None:
        key = n * len(LOSSES) + LOSSES.index(loss)
        paid = self.charged[project]
        may = fits([*paid.values(), loss], self.limits[project]) and loss.epsilon <= 1
        before, done = self.drawn, (project, key) in self.answers

        def crash() -> dict[str, object]:
            raise KeyboardInterrupt

        try:
            answer = self.house.budgets.ask(
                self.stefan, self.question(n, loss), project, crash if how == "crash" else self.draw
            )
        except OverBudget as refused:
            assert key not in paid
            assert not may
            assert "Nothing was charged" in refused.sentence
            return
        except KeyboardInterrupt:
            assert (project, key) not in self.answers, "what is answered is not drawn again"
            assert key in paid or may
            paid[key] = loss
            return
        assert key in paid or may
        paid[key] = loss
        kept = self.answers.setdefault((project, key), str(answer["csv"]))
        assert answer["csv"] == kept, "one answer for each charge"
        assert self.drawn - before == int(not done), "noise is drawn once, and not for what is answered"

    @invariant()
    def never_overspent_and_every_charge_is_there(self) -> None:
        for project, limit in self.limits.items():
            balance = self.house.budgets.balance("households", project)
            assert balance.limit == limit
            assert sorted(map(repr, balance.charged)) == sorted(map(repr, self.charged[project].values()))
            assert fits(balance.charged, limit)
            assert balance.spent.within(limit.loss)
        with self.house.kit.read() as uow:
            kept = {str(c.answer["csv"]) for c in uow.find(Charge) if c.answer}
        assert kept == set(self.answers.values())

    @invariant()
    def the_audit_is_clean(self) -> None:
        assert self.house.budgets.audit(self.priya, stored_loss) == []

    @precondition(lambda self: any(self.charged.values()))
    @rule(data=st.data())
    def a_tampered_row_is_found(self, data) -> None:
        """Somebody with the database's file and without its triggers changes one thing."""
        file = self.root / "enclave.sqlite"
        with sqlite3.connect(file) as connection:
            triggers = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            tables = {
                t: connection.execute(f"SELECT * FROM {t}").fetchall()
                for t in ("charge", "budget_grant", "budget_raise")
            }
            attack = data.draw(st.sampled_from(ATTACKS))
            changed = connection.execute(attack).rowcount
        found = self.house.budgets.audit(self.priya, stored_loss)
        with sqlite3.connect(file) as connection:
            for table, rows in tables.items():
                connection.execute(f"DELETE FROM {table}")
                for row in rows:
                    connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
            for _, sql in triggers:
                connection.execute(sql)
        connection.close()
        assert bool(found) == bool(changed), attack


_ONE = "WHERE id = (SELECT min(id) FROM charge)"
_MADE_UP_CHARGE = (
    "INSERT INTO charge SELECT 'made-up', grant_id, dataset, extract, 'k', query, epsilon, delta, mechanism, "
    f"software, state, charged_by, charged_at, answer, version, accounting, rho FROM charge {_ONE}"
)
_MADE_UP_RAISE = (
    "INSERT INTO budget_raise SELECT 'made-up', id, 99, accounting, epsilon * 9, delta, rho * 9, 'mine', 'me', "
    "granted_at FROM budget_grant WHERE project = 'a'"
)
ATTACKS = (
    f"DELETE FROM charge {_ONE}",
    f"UPDATE charge SET epsilon = epsilon / 2, rho = rho / 2 {_ONE}",
    f"UPDATE charge SET epsilon = epsilon * 2, rho = rho * 2 {_ONE}",
    f"UPDATE charge SET delta = delta + 0.0000001 {_ONE}",
    f"UPDATE charge SET query = '{{\"n\": 0, \"epsilon\": 0.0001, \"delta\": 0, \"rho\": 0}}' {_ONE}",
    f"UPDATE charge SET key = 'another' {_ONE}",
    f"UPDATE charge SET grant_id = 'none' {_ONE}",
    f"UPDATE charge SET dataset = 'another' {_ONE}",
    f"UPDATE charge SET charged_by = 'another' {_ONE}",
    f"UPDATE charge SET mechanism = 'another' {_ONE}",
    "UPDATE charge SET answer = '{\"csv\": \"forged\"}' WHERE state = 'answered'",
    "UPDATE charge SET state = 'charged', answer = 'null' WHERE state = 'answered'",
    "UPDATE charge SET state = 'answered', answer = '{\"csv\": \"forged\"}' WHERE state = 'charged'",
    "UPDATE budget_grant SET epsilon = epsilon * 2, rho = rho * 2",
    "UPDATE budget_grant SET accounting = 'approx', delta = 0.00001 WHERE accounting = 'pure'",
    "UPDATE budget_grant SET project = project || 'x' WHERE project = 'a'",
    "DELETE FROM budget_grant WHERE project = 'a'",
    "UPDATE budget_raise SET epsilon = epsilon * 2, rho = rho * 2",
    "DELETE FROM budget_raise",
    _MADE_UP_CHARGE,
    _MADE_UP_RAISE,
)  # fmt: skip


class TestLedger(Ledger.TestCase):
    # A failing run is told as it was found: making it smaller takes minutes on a database.
    settings = settings(
        max_examples=12, stateful_step_count=14, phases=(Phase.explicit, Phase.reuse, Phase.generate)
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_on_the_ledger_is_one_that_the_audit_can_find(tmp_path, attack):
    house = a_house(tmp_path)
    priya, stefan = house.actor("priya"), house.actor("stefan")
    for project in ("a", "b"):
        house.budgets.grant(priya, dataset="households", project=project, epsilon=1.0)
    house.budgets.raise_grant(priya, dataset="households", project="a", epsilon=2.0, reason="A reason.")
    for n, state in enumerate(("answered", "charged")):
        query = {"n": n, "epsilon": 0.1, "delta": 0.0, "rho": 0.0}
        asked = Question("households", "e1", bytes([n]), query, Loss(0.1), "household", "test", "test")
        with contextlib.suppress(ZeroDivisionError):
            house.budgets.ask(stefan, asked, "a", lambda s=state: {"csv": "x"} if s == "answered" else 1 / 0)
    assert house.budgets.audit(priya, stored_loss) == []
    with sqlite3.connect(tmp_path / "enclave.sqlite") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(attack).rowcount > 0
    connection.close()
    assert house.budgets.audit(priya, stored_loss) != []
