"""Granting, raising and quoting: what people read, and what is refused."""

from __future__ import annotations

import json
import sqlite3

import pytest
from askings import COUNT, an_asking_house
from click.testing import CliRunner
from houses import a_house

from anonymization.dp import Accounting, Loss
from enclave.budget.model import BudgetGrant, BudgetRaise, Charge
from enclave.budget.service import Question
from enclave.cli import budget as commands
from enclave.extracts.making import loss_of
from enclave.extracts.quoting import quote
from enclave.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, OverBudget
from enclave.kernel.events import Event


def question(loss: Loss, name: bytes = b"q") -> Question:
    return Question("households", "e1", name, {"n": 1}, loss, "household", "test", "test")


def grant(house, project: str = "", **amounts) -> BudgetGrant:
    return house.budgets.grant(house.actor("priya"), dataset="households", project=project, **amounts)


def higher(house, **amounts):
    reason = amounts.pop("reason", "A second year.")
    return house.budgets.raise_grant(
        house.actor("priya"), dataset="households", project="", reason=reason, **amounts
    )


def ask(house, loss: Loss, name: bytes = b"q"):
    return house.budgets.ask(house.actor("stefan"), question(loss, name), "", lambda: {"csv": "x"})


@pytest.fixture
def house(tmp_path):
    return a_house(tmp_path)


# Grants


def test_the_amounts_say_the_accounting(house):
    assert grant(house, "a", epsilon=1.0).accounting is Accounting.PURE
    assert grant(house, "b", epsilon=1.0, delta=1e-6).accounting is Accounting.APPROX
    assert grant(house, "c", rho=0.1, delta=1e-6).accounting is Accounting.ZCDP


@pytest.mark.parametrize(
    ("amounts", "says"),
    [
        ({}, "epsilon above 0"),
        ({"epsilon": -1.0}, "epsilon above 0"),
        ({"epsilon": 1.0, "rho": 0.1}, "without epsilon"),
        ({"epsilon": 1.0, "accounting": Accounting.ZCDP}, "rho above 0"),
        ({"epsilon": 1.0, "accounting": Accounting.APPROX}, "goes with approx"),
        ({"epsilon": 11.0}, "at most 10"),
        ({"rho": 1.5}, "at most 1"),
        ({"epsilon": 1.0, "delta": 1e-3}, "exposed outright"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_in_a_sentence_and_leaves_no_row(house, amounts, says):
    with pytest.raises(Invalid, match=says):
        grant(house, **amounts)
    with house.kit.read() as uow:
        assert uow.find(BudgetGrant) == []


def test_a_second_grant_is_a_conflict_and_a_raise_is_a_row_of_its_own(house):
    first = grant(house, epsilon=1.0)
    with pytest.raises(Conflict, match="Raise it"):
        grant(house, epsilon=2.0)
    assert higher(house, epsilon=1.5).limit.epsilon == 1.5
    assert higher(house, epsilon=2.0).left == 2.0
    with house.kit.read() as uow:
        assert uow.find(BudgetGrant) == [first]
        rows = [(r.number, r.epsilon, r.raised_by, r.reason) for r in uow.find(BudgetRaise)]
    assert rows == [(1, 1.5, "priya", "A second year."), (2, 2.0, "priya", "A second year.")]
    assert house.budgets.audit(house.actor("priya"), lambda _: Loss()) == []


@pytest.mark.parametrize(
    ("start", "amounts", "says"),
    [
        ({"epsilon": 1.0}, {"epsilon": 0.5}, "allows all of that and more"),
        ({"epsilon": 1.0}, {"epsilon": 1.0}, "allows all of that and more"),
        ({"epsilon": 1.0}, {"rho": 0.4}, "allows all of that and more"),
        ({"rho": 0.4}, {"epsilon": 5.0}, "stays in its accounting"),
        ({"epsilon": 1.0}, {"epsilon": 20.0}, "at most 10"),
        ({"epsilon": 1.0}, {"epsilon": 2.0, "reason": " "}, "why"),
    ],
)
def test_what_is_no_raise_is_refused_and_leaves_no_row(house, start, amounts, says):
    grant(house, **start)
    with pytest.raises(Invalid, match=says):
        higher(house, **amounts)
    with house.kit.read() as uow:
        assert uow.find(BudgetRaise) == []


def test_a_raise_without_a_grant_and_a_raise_by_another_role_are_refused(house):
    with pytest.raises(NotFound):
        higher(house, epsilon=2.0)
    grant(house, epsilon=1.0)
    with pytest.raises(NotAllowed):
        house.budgets.raise_grant(
            house.actor("stefan"), dataset="households", project="", epsilon=2.0, reason="I want more."
        )


def test_a_pure_budget_can_be_raised_into_zcdp_and_then_holds_gaussian_noise(house):
    grant(house, epsilon=1.0)
    ask(house, Loss(0.6))
    with pytest.raises(OverBudget, match=r"pure epsilon.*Nothing was charged"):
        ask(house, Loss(rho=0.05), b"gaussian")
    higher(house, rho=0.5)
    assert house.budgets.balance("households").room.rho == 0.32
    ask(house, Loss(rho=0.05), b"gaussian")
    assert house.budgets.balance("households").spent == Loss(rho=0.23)
    assert house.budgets.balance("households").charged == (Loss(0.6), Loss(rho=0.05))


# Refusals


@pytest.mark.parametrize(
    ("amounts", "spent", "asked", "says"),
    [
        (
            {"epsilon": 1.0},
            Loss(0.9),
            Loss(0.5),
            "Epsilon 0.1 of 1 is left. That buys one more table of counts",
        ),
        (
            {"rho": 0.11},
            Loss(rho=0.1),
            Loss(rho=0.05),
            "noise of rho 0.01, or one with Laplace noise of epsilon 0.1414. That buys one more table of counts, each count within 14 ",
        ),
        ({"rho": 0.11}, Loss(rho=0.1), Loss(0.5), "Laplace noise of epsilon 0.1414"),
        ({"epsilon": 1.0, "delta": 1e-6}, Loss(0.9), Loss(0.5), "one more question may cost epsilon 0.1"),
        ({"epsilon": 1.0}, Loss(1.0), Loss(0.5), "It buys nothing more."),
    ],
)
def test_exhausted_is_what_is_left_and_what_it_would_buy(house, amounts, spent, asked, says):
    grant(house, **amounts)
    ask(house, spent)
    with pytest.raises(OverBudget) as refused:
        ask(house, asked, b"another")
    sentence = refused.value.sentence
    assert says in sentence
    assert sentence.endswith("Nothing was charged.")
    assert "It asks for" in sentence
    with house.kit.read() as uow:
        assert len(uow.find(Charge)) == 1
    assert house.budgets.balance("households").says() in sentence


def test_what_it_is_said_to_buy_can_be_bought(house):
    """The error that the sentence names is that of counts asked at the price left."""
    grant(house, epsilon=1.0)
    ask(house, Loss(0.9))
    says = house.budgets.balance("households").says()
    # Discrete Laplace at epsilon 0.1: P(|X| > 29) <= 5% < P(|X| > 28); ten at 0.01.
    assert "each count within 30 households" in says or "each count within 29 households" in says
    assert ask(house, Loss(0.1), b"the last") == {"csv": "x"}


def test_projects_that_share_their_answers_are_added_up(house):
    for n, project in enumerate(("a", "b", "c")):
        grant(house, project, epsilon=2.0)
        for i in range(2):
            house.budgets.ask(
                house.actor("stefan"), question(Loss(1.0), f"{n}{i}".encode()), project, lambda: {"csv": "x"}
            )
    (together,) = house.budgets.datasets(house.actor("priya"))
    assert (together.loss, together.granted.epsilon) == (Loss(6.0), 6.0)
    assert (together.charges, together.grants) == (6, 3)
    assert "everybody who asked, together" in together.says()


def test_a_datasets_total_stops_a_question_that_its_own_grant_would_allow(house):
    for project in ("a", "b", "c"):
        grant(house, project, epsilon=10.0)
    allowed = 0
    with pytest.raises(OverBudget, match="everybody together"):  # noqa: PT012
        for n in range(30):
            house.budgets.ask(
                house.actor("stefan"),
                question(Loss(1.0), f"{n}".encode()),
                "abc"[n % 3],
                lambda: {"csv": "x"},
            )
            allowed += 1
    assert allowed == 20


# Quotes


def test_a_quote_goes_both_ways_and_spends_nothing(tmp_path, monkeypatch):
    house, project = an_asking_house(tmp_path)
    monkeypatch.setattr(type(house.extracts), "table", lambda *_: pytest.fail("a row was read"))
    by_price = quote(house.asking, house.budgets, "households", COUNT, project)
    by_error = quote(
        house.asking, house.budgets, "households",
        {"measure": "count", "group_by": ["region_code"], "within": by_price.error.half_width}, project,
    )  # fmt: skip
    assert by_error.priced.loss.epsilon <= 0.4
    assert by_error.error.half_width <= by_price.error.half_width
    assert by_price.priced.left_after.epsilon == 0.6
    assert "It would cost epsilon 0.4." in by_price.says()
    too_much = quote(house.asking, house.budgets, "households", {**COUNT, "epsilon": 1.5}, project)
    assert not too_much.priced.fits
    assert "would not be answered" in too_much.says()
    with house.kit.read() as uow:
        assert uow.find(Charge) == []
        from enclave.audit.model import AuditEvent

        assert not [e for e in uow.find(AuditEvent) if e.event in {Event.BUDGET_REFUSE, Event.BUDGET_CHARGE}]


@pytest.mark.parametrize("within", [0, -1, "ten", True, float("nan"), 1e-9])
def test_a_wanted_error_that_cannot_be_had_is_refused(tmp_path, within):
    house, project = an_asking_house(tmp_path)
    with pytest.raises(Invalid):
        quote(
            house.asking,
            house.budgets,
            "households",
            {"measure": "mean", "column": "welfare", "within": within},
            project,
        )


# Commands


@pytest.fixture
def shell(tmp_path, monkeypatch):
    house, project = an_asking_house(tmp_path)
    monkeypatch.setattr(commands, "enclave", lambda: house)
    monkeypatch.setattr(commands, "signed_in", lambda house: house.actor("priya"))

    def run(*arguments: str):
        return CliRunner().invoke(commands.budget, list(arguments))

    return house, project, run


def test_commands_show_grant_raise_quote_and_audit(shell, tmp_path):
    house, project, run = shell
    house.querying.query("rosa", project, COUNT)
    assert "Epsilon 0.6 of 1 is left." in run("show").output
    done = run("grant", "households", "--rho", "0.2", "--delta", "1e-6")
    assert "Rho 0.2 of 0.2 is left" in done.output, done.output
    done = run(
        "grant",
        "households",
        "--project",
        project,
        "--epsilon",
        "1.5",
        "--raise",
        "--reason",
        "One more table.",
    )
    assert "Epsilon 1.1 of 1.5 is left." in done.output, done.output
    told = json.loads(run("show", "--json").output)
    mine = next(g for g in told["grants"] if g["project"] == project)
    assert (mine["left"]["epsilon"], mine["left"]["granted"], len(mine["raises"])) == (1.1, 1.5, 1)
    assert told["datasets"][0]["loss"]["epsilon"] == 0.4
    file = tmp_path / "query.yaml"
    file.write_text("table: households\nmeasure: count\ngroup_by: [region_code]\n")
    done = run("quote", str(file), "--project", project, "--within", "25")
    assert "It would cost epsilon 0.1" in done.output, done.output
    assert json.loads(run("quote", str(file), "--project", project, "--within", "25", "--json").output)[
        "fits"
    ]
    done = run("audit")
    assert (done.exit_code, done.output[:17]) == (0, "The ledger holds:")
    before = len(house.budgets.balances(house.actor("priya")))
    done = run("grant", "households", "--project", "a-slip", "--epsilon", "1")
    assert done.exit_code, done.output
    assert "There is no such project" in str(done.exception)
    assert len(house.budgets.balances(house.actor("priya"))) == before
    file.write_text("- no query")
    assert "holds no query" in run("quote", str(file)).output


def test_the_audit_of_real_questions_is_clean_in_epsilon_and_in_what_is_charged_in_zcdp(shell):
    house, project, _ = shell
    house.querying.query("rosa", project, COUNT)
    house.budgets.grant(house.actor("priya"), dataset="households", project="", rho=0.5)
    house.asking.ask(house.actor("stefan"), "households", {**COUNT, "epsilon": 0.2})
    assert house.budgets.audit(house.actor("priya"), loss_of) == []
    assert house.budgets.balance("households").spent == Loss(rho=0.02)


@pytest.mark.parametrize(
    ("column", "value"),
    [("query", "x"), ("answer", "{"), ("charged_at", "x"), ("state", "x"), ("epsilon", "x")],
)
def test_a_row_that_cannot_be_read_is_a_sentence_of_the_audit_and_no_crash(shell, column, value):
    house, project, run = shell
    house.querying.query("rosa", project, COUNT)
    with sqlite3.connect(house.root / "enclave.sqlite") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(f"UPDATE charge SET {column} = ?", (value,))
    connection.close()
    done = run("audit")
    assert (done.exit_code, "cannot be read" in done.output) == (1, True), done.output
    assert "The ledger does not hold." in done.output


def test_a_budget_with_a_delta_says_how_much_of_it_questions_may_spend(tmp_path):
    house = a_house(tmp_path)
    house.budgets.grant(house.actor("priya"), dataset="households", project="", epsilon=2.0, delta=1e-6)
    balance = house.budgets.balance("households")
    assert balance.room.delta == 5e-7
    assert "Keys found in the data may spend a delta of 5e-07" in balance.says()
