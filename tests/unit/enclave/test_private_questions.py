"""Private questions from a session: who may ask, what comes back, and what the socket lets through. Real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from askings import CANARY, COUNT, DoorService, a_server, an_asking_house, running

from enclave import client
from enclave.audit.model import AuditEvent
from enclave.budget.model import Charge
from enclave.hub.questions.door import BURST, MOST_BYTES, Door, Pace
from enclave.kernel.errors import Invalid, NotAllowed, NotFound, OverBudget, Refused, Unavailable

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def asking(tmp_path):
    return an_asking_house(tmp_path)


def charges(house) -> list[Charge]:
    with house.kit.read() as uow:
        return uow.find(Charge)


# Who may ask


def test_an_answer_is_charged_to_the_project_and_stands_in_the_log_under_the_person(asking):
    house, project = asking
    told = house.querying.query("rosa", project, COUNT)
    (charge,) = charges(house)
    assert (charge.charged_by, charge.epsilon) == ("rosa", 0.4)
    assert house.budgets.balance("households", project).left == pytest.approx(0.6)
    assert house.budgets.balance("households") is None
    assert told["left"]["epsilon"] == pytest.approx(0.6)
    with house.kit.read() as uow:
        events = [(e.event, e.actor) for e in uow.find(AuditEvent)][-3:]
    assert events == [("budget:charge", "rosa"), ("budget:answer", "rosa"), ("question:ask", "rosa")]
    assert [row["region_code"] for row in told["rows"]] == ["R01", "R02"]
    assert abs(told["rows"][0]["value"] - 40) < 100  # twenty scales of the noise


def test_the_same_again_costs_nothing_and_is_the_same_to_the_byte(asking):
    house, project = asking
    first = house.querying.query("rosa", project, COUNT)
    again = house.querying.query("rosa", project, {**COUNT, "table": "households"})
    assert (again["csv"], again["receipt"]) == (first["csv"], first["receipt"])
    assert len(charges(house)) == 1


def test_a_quote_spends_nothing_reads_no_row_and_is_what_is_then_paid(asking, monkeypatch):
    house, project = asking
    monkeypatch.setattr(type(house.extracts), "table", lambda *_: pytest.fail("a row was read"))
    quoted = house.querying.quote("rosa", project, COUNT)
    assert (charges(house), quoted["paid"]) == ([], False)
    monkeypatch.undo()
    told = house.querying.query("rosa", project, COUNT)
    assert quoted["loss"]["epsilon"] == told["loss"]["epsilon"] == 0.4
    assert quoted["query"] == told["receipt"]["query"]
    assert quoted["expected_error"]["count"] == told["rows"][0]["ci_high"] - told["rows"][0]["value"]
    assert house.querying.quote("rosa", project, COUNT)["paid"] is True


def test_what_may_be_asked_is_the_public_dictionary_without_identifiers(asking):
    house, project = asking
    told = house.querying.describe("rosa", project)
    (dataset,) = told["datasets"]
    names = [column["name"] for column in dataset["columns"]]
    assert names == ["region_code", "welfare"]
    assert dataset["columns"][0]["keys"] == ["R01", "R02"]
    assert (dataset["columns"][1]["lower"], dataset["columns"][1]["upper"]) == (0, 1000)
    assert dataset["budget"]["epsilon"] == 1.0
    assert CANARY not in json.dumps(told)


def test_the_whole_registry_is_asked_and_not_the_projects_cut_of_it(asking):
    house, project = asking
    areas = {a for e in house.entitlements.of_project(project) for a in e.areas}
    assert areas == {"R01"}
    keys = [row["region_code"] for row in house.querying.query("rosa", project, COUNT)["rows"]]
    assert keys == ["R01", "R02"]


@pytest.mark.parametrize(
    ("user", "project", "error"),
    [
        ("emil", None, NotFound),
        ("priya", None, NotFound),
        ("nobody", None, NotFound),
        ("rosa", "another", NotFound),
        ("rosa", "", NotFound),
    ],
)
@pytest.mark.parametrize("call", ["describe", "quote", "query"])
def test_strangers_are_told_nothing(asking, user, project, error, call):
    house, own = asking
    arguments = [user, own if project is None else project, *([COUNT] if call != "describe" else [])]
    with pytest.raises(error):
        getattr(house.querying, call)(*arguments)
    assert charges(house) == []


def test_another_dataset_is_refused_without_saying_whether_it_exists(asking):
    house, project = asking
    said = set()
    for table in ("payments", "no-such-thing"):
        with pytest.raises(NotAllowed) as refused:
            house.querying.query("rosa", project, {**COUNT, "table": table})
        said.add(refused.value.sentence)
    assert len(said) == 1
    with house.kit.read() as uow:
        tried = [e for e in uow.find(AuditEvent) if e.event == "question:refuse"]
    assert [(e.subject, e.facts["user"]) for e in tried] == [(f"workspace:{project}", "rosa")] * 2
    assert "payments" not in str(tried), "the caller's words do not stand in the log"


def test_a_project_without_a_grant_asks_nothing_and_never_of_the_datasets_own_budget(tmp_path):
    house, project = an_asking_house(tmp_path, epsilon=0)
    house.budgets.grant(house.actor("priya"), dataset="households", project="", epsilon=5.0)
    for call in (house.querying.quote, house.querying.query):
        with pytest.raises(OverBudget, match="no privacy budget"):
            call("rosa", project, COUNT)
    assert house.querying.describe("rosa", project)["datasets"][0]["budget"] is None
    assert charges(house) == []


def test_over_the_budget_is_a_sentence_with_what_is_left_and_spends_nothing(asking):
    house, project = asking
    house.querying.query("rosa", project, {**COUNT, "epsilon": 0.75})
    with pytest.raises(OverBudget, match=r"0\.25") as refused:
        house.querying.query("rosa", project, {**COUNT, "epsilon": 0.5})
    assert "Nothing was charged" in refused.value.sentence
    assert len(charges(house)) == 1


@pytest.mark.parametrize("how", ["revoked", "expired", "untrained", "inactive"])
def test_access_that_ended_ends_questions_at_once_also_those_paid_for(asking, how):
    house, project = asking
    house.querying.query("rosa", project, COUNT)
    if how == "revoked":
        for entitlement in house.entitlements.of_project(project):
            house.entitlements.revoke(house.actor("stefan"), entitlement.id, "A breach of the agreement.")
    elif how == "expired":
        house.clock.move(days=300)
    elif how == "untrained":
        house.people.renew_training(house.actor("sami"), "rosa", house.clock.today() + timedelta(days=1))
        house.clock.move(days=2)
    else:
        house.people.disable(house.actor("sami"), "rosa")
    for call in ("query", "quote"):
        with pytest.raises((Refused, NotAllowed)):
            getattr(house.querying, call)("rosa", project, COUNT)
    with pytest.raises((Refused, NotAllowed)):
        house.querying.describe("rosa", project)


def test_access_that_ends_while_the_answer_is_computed_keeps_it_inside(asking, monkeypatch):
    house, project = asking
    honest = type(house.extracts).table

    def revoked_meanwhile(extracts, actor, id_):
        for entitlement in house.entitlements.of_project(project):
            house.entitlements.revoke(house.actor("stefan"), entitlement.id, "A breach of the agreement.")
        return honest(extracts, actor, id_)

    monkeypatch.setattr(type(house.extracts), "table", revoked_meanwhile)
    with pytest.raises((Refused, NotAllowed)):
        house.querying.query("rosa", project, COUNT)
    assert len(charges(house)) == 1, "it is paid for all the same"


def test_a_failure_while_rows_are_read_says_nothing_of_them_and_is_answered_later_for_nothing(
    asking, monkeypatch
):
    house, project = asking

    def fail(*_):
        raise ValueError(f"could not convert {CANARY}")

    monkeypatch.setattr(type(house.extracts), "table", fail)
    with pytest.raises(Unavailable) as refused:
        house.querying.query("rosa", project, COUNT)
    assert CANARY not in refused.value.sentence
    assert "answered for nothing" in refused.value.sentence
    monkeypatch.undo()
    house.querying.query("rosa", project, COUNT)
    assert len(charges(house)) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"measure": "count", "epsilon": -1},
        {"measure": "count", "epsilon": "NaN"},
        {"measure": "count", "group_by": ["head_name"], "epsilon": 0.1},
        {"measure": "count", "group_by": ["household_id"], "epsilon": 0.1},
        {
            "measure": "count",
            "filters": [{"column": "head_name", "op": "==", "value": CANARY}],
            "epsilon": 0.1,
        },
        {"measure": "mean", "column": "no_such", "epsilon": 0.1},
        {"measure": "count", "unit_id": "region_code", "epsilon": 0.1},
        {"measure": "count", "epsilon": 0.1, "eval": "import os"},
    ],
    ids=str,
)
def test_what_does_not_keep_to_what_is_public_is_refused_before_anything_is_paid(asking, wanted):
    house, project = asking
    for call in (house.querying.quote, house.querying.query):
        with pytest.raises(Invalid) as refused:
            call("rosa", project, wanted)
        assert refused.value.problems
    assert charges(house) == []


def test_the_projects_page_lists_what_was_asked_for_members_alone(asking):
    house, project = asking
    house.querying.query("rosa", project, COUNT)
    ((balance, made),) = house.querying.asked(house.actor("rosa"), project)
    assert (balance.grant.project, len(made)) == (project, 1)
    with pytest.raises(NotFound):
        house.querying.asked(house.actor("emil"), project)


# The socket


@pytest.fixture
def short():
    with tempfile.TemporaryDirectory(prefix="q") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def session(asking, short, monkeypatch):
    """Rosa's door, with the client pointed at it."""
    house, project = asking
    server = a_server(house.querying, short / "s")
    door = Door("rosa", project, short / "s", "a token", short / "d")
    monkeypatch.setenv("ENCLAVE_QUESTIONS", str(short / "d"))
    monkeypatch.setenv("ENCLAVE_WORKSPACE", str(house.staging.work_dir(project)))
    with running(server, DoorService(door)):
        yield house, project, door


def raw(place: Path, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("x", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(20)
    connection.sock.connect(str(place))
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    told = json.loads(reply.read())
    connection.close()
    return reply.status, told


def test_a_researcher_asks_saves_and_sends_out_what_nobody_has_to_check(session):
    house, project, _ = session
    listed = client.questions()
    assert list(listed["column"]) == ["region_code", "welfare"]
    assert client.quote(COUNT).loss["epsilon"] == 0.4
    answer = client.query(measure="count", group_by=["region_code"], epsilon=0.4)
    assert list(answer.table["region_code"]) == ["R01", "R02"]
    assert answer.left["epsilon"] == pytest.approx(0.6)
    path = answer.save("households-by-region")
    assert path.read_bytes() == answer.csv
    rosa = house.actor("rosa")
    output = house.airlock.create(
        rosa, project=project, title="Households", context="Households by region, with noise, for the report.",
        controls="Differential privacy.", files=(path.name,),
    )  # fmt: skip
    assert house.airlock.submit(rosa, output.id).state == "released"


def test_questions_may_be_yaml_json_or_words_and_ask_the_same(session):
    house, _, _ = session
    told = [
        client.query("measure: count\ngroup_by: [region_code]\nepsilon: 0.4"),
        client.query(json.dumps(COUNT)),
        client.query(COUNT, epsilon=0.4),
    ]
    assert len({answer.csv for answer in told}) == 1
    assert len(charges(house)) == 1


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({**COUNT, "epsilon": 5}, "Nothing was charged"),
        ({**COUNT, "table": "payments"}, "no live access"),
        ({"measure": "count", "group_by": ["head_name"], "epsilon": 0.1}, "no column"),
        ("[1, 2]", "as a mapping"),
        ("a: [", "neither JSON nor YAML"),
        ({"measure": "count", "epsilon": object()}, "texts, numbers, lists"),
    ],
)
def test_a_researcher_is_told_in_a_sentence(session, question, says):
    with pytest.raises(client.ClientError, match=says) as refused:
        client.query(question)
    assert "Traceback" not in str(refused.value)


def test_outside_a_workspace_the_client_says_where_it_works(monkeypatch, tmp_path):
    monkeypatch.setenv("ENCLAVE_QUESTIONS", str(tmp_path / "none"))
    for call in (client.questions, lambda: client.query(COUNT), lambda: client.quote(COUNT)):
        with pytest.raises(client.ClientError, match="from inside a workspace"):
            call()


def test_who_asks_is_the_socket_whatever_the_caller_says(session):
    house, project, door = session
    said = {**COUNT, "user": "emil", "project": "another", "actor": "stefan"}
    status, told = raw(door.own_socket, "POST", "/query", json.dumps(said).encode())
    assert status == 422, "words that no question has are refused"
    headers = {"Authorization": "token guessed", "X-User": "emil", "Cookie": "user=emil"}
    status, told = raw(door.own_socket, "POST", "/query", json.dumps(COUNT).encode(), **headers)
    assert (status, told["receipt"]["project"]) == (200, project)
    assert [c.charged_by for c in charges(house)] == ["rosa"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/query"), ("PUT", "/query"), ("POST", "/describe"), ("POST", "//query"),
        ("POST", "/query/../query"), ("POST", "/query?user=emil"), ("POST", "/%71uery"), ("DELETE", "/describe"),
    ],
)  # fmt: skip
def test_the_door_has_three_calls(session, method, path):
    house, _, door = session
    status, told = raw(door.own_socket, method, path, b"{}")
    assert status == 403
    assert told["problems"]
    assert charges(house) == []


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"null", b"\xff\xfe", b"[" * 60_000, b'{"epsilon": NaN}'])
def test_what_is_no_question_gets_a_sentence(session, body):
    house, _, door = session
    status, told = raw(door.own_socket, "POST", "/query", body)
    assert status in {400, 422}
    assert all(sentence.endswith(".") for sentence in told["problems"])
    assert charges(house) == []


def test_a_long_body_is_cut_off(session):
    status, told = raw(session[2].own_socket, "POST", "/query", b" " * (MOST_BYTES + 1))
    assert (status, "at most" in told["problems"][0]) == (413, True)


def test_calls_are_counted_and_come_back_with_time():
    pace = Pace(at=100.0)
    assert [pace.allows(100.0) for _ in range(int(BURST) + 1)] == [True] * int(BURST) + [False]
    assert [pace.allows(102.0), pace.allows(102.0)] == [True, False]


def test_too_many_calls_are_told_to_wait(session):
    door = session[2]
    door._pace = Pace(left=1.0, at=time.monotonic())
    assert raw(door.own_socket, "GET", "/describe")[0] == 200
    status, told = raw(door.own_socket, "GET", "/describe")
    assert (status, "Wait" in told["problems"][0]) == (429, True)


class Slow:
    """Answers when it is let; fails when it is told to."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def describe(self, user, project):
        self.entered.set()
        assert self.go.wait(20)
        if self.error:
            raise self.error
        return {"user": user, "project": project}

    def quote(self, user, project, wanted):
        return {"wanted": wanted}

    query = quote


def test_a_session_asks_one_question_at_a_time_and_does_not_hold_up_another(short):
    slow = Slow()
    doors = [Door(user, "p", short / "s", "a token", short / user) for user in ("rosa", "emil")]
    with running(a_server(slow, short / "s"), *map(DoorService, doors)):
        told: list[tuple[int, dict]] = []
        thread = threading.Thread(target=lambda: told.append(raw(short / "rosa", "GET", "/describe")))
        thread.start()
        assert slow.entered.wait(20)
        assert raw(short / "rosa", "POST", "/quote", b"{}")[0] == 429
        assert raw(short / "emil", "POST", "/quote", b"{}")[0] == 200
        slow.go.set()
        thread.join(20)
        assert told == [(200, {"user": "rosa", "project": "p"})]
        assert raw(short / "rosa", "POST", "/quote", b"{}")[0] == 200


def test_answers_and_refusals_leave_on_the_grid_of_seconds_however_long_they_took(short, monkeypatch):
    slept: list[float] = []
    honest = asyncio.sleep

    async def recorded(seconds: float) -> None:
        if seconds < 100:  # the libraries' own
            await honest(seconds)
        else:
            slept.append(seconds)

    monkeypatch.setattr("enclave.hub.questions.server.asyncio.sleep", recorded)
    server = a_server(Slow(), short / "s")
    server.grid = 1000.0
    door = Door("rosa", "p", short / "s", "a token", short / "d")
    with running(server, DoorService(door)):
        assert raw(short / "d", "POST", "/query", b"{}")[0] == 200
        assert raw(short / "d", "POST", "/query", b"no question")[0] == 422
    assert len(slept) == 2
    assert all(900 < seconds <= 1000 for seconds in slept)


def test_an_unforeseen_failure_shows_neither_words_nor_traceback_and_logs_only_its_kind(
    short, caplog, capsys
):
    slow = Slow()
    slow.go.set()
    slow.error = RuntimeError(f"row of {CANARY}")
    door = Door("rosa", "p", short / "s", "a token", short / "d")
    with caplog.at_level(logging.DEBUG), running(a_server(slow, short / "s"), DoorService(door)):
        status, told = raw(short / "d", "GET", "/describe")
    assert status == 500
    said = capsys.readouterr()
    everything = json.dumps(told) + caplog.text + said.out + said.err
    assert CANARY not in everything
    assert "Traceback" not in everything
    assert "RuntimeError" in everything


def test_the_answering_process_listens_to_the_hub_alone(asking, short):
    house, project = asking
    with running(a_server(house.querying, short / "s")):
        body = json.dumps({"user": "rosa", "project": project, "asked": json.dumps(COUNT)}).encode()
        assert (short / "s").stat().st_mode & 0o777 == 0o600
        for token in ("", "token ", "token wrong", "a token x"):
            headers = {"Content-Type": "application/json", "Authorization": token}
            assert raw(short / "s", "POST", "/query", body, **headers)[0] == 403
    assert charges(house) == []


def test_without_the_answering_process_the_session_gets_a_sentence(short):
    door = Door("rosa", "p", short / "nobody", "a token", short / "d")
    with running(DoorService(door)):
        status, told = raw(short / "d", "GET", "/describe")
    assert (status, told["problems"]) == (
        503, ["Private questions are not answered at the moment. Try again in a minute."],
    )  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_only_the_sessions_own_account_can_connect(short):
    door = Door("rosa", "p", short / "s", "a token", short / "d")
    code = f"""
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
socket.socket(socket.AF_UNIX).connect({str(short / "d")!r})
"""
    with running(DoorService(door, uid=61_234)):
        done = {
            uid: subprocess.run(
                [sys.executable, "-c", code, str(uid)], capture_output=True, text=True, check=False
            )
            for uid in (61_234, 61_235)
        }
    assert done[61_234].returncode == 0, done[61_234].stderr
    assert "PermissionError" in done[61_235].stderr


def test_many_sessions_asking_at_once_never_spend_more_than_the_grant(asking, short):
    house, project = asking  # epsilon 1: ten answers of 0.1 fit
    answered: list[int] = []
    doors = [Door("rosa", project, short / "s", "a token", short / f"d{n}") for n in range(14)]
    with running(a_server(house.querying, short / "s"), *map(DoorService, doors)):

        def ask(n: int) -> None:
            wanted = {**COUNT, "epsilon": 0.1, "min_count": n}
            answered.append(raw(short / f"d{n}", "POST", "/query", json.dumps(wanted).encode())[0])

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(14)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(answered) == [200] * 10 + [402] * 4
    assert len(charges(house)) == 10


def test_the_client_needs_nothing_of_the_platform():
    code = (
        "import sys, enclave.client\n"
        "print([m for m in sys.modules if m.startswith(('enclave.', 'anonymization', 'policies'))"
        " and not m.startswith('enclave.client')], 'yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[] False"


def test_an_answer_that_was_changed_on_its_way_is_not_taken(session, monkeypatch):
    monkeypatch.setattr("enclave.client.querying._table", lambda *_: pytest.fail("it was taken"))
    told = {"csv": "a,b\n", "rows": [], "receipt": {"answer_sha256": "0"}, "loss": {}, "left": {}}
    monkeypatch.setattr("enclave.client.querying._ask", lambda *_: told)
    with pytest.raises(client.ClientError, match="did not arrive"):
        client.query(COUNT)


def test_names_of_saved_answers_are_plain(session):
    answer = client.query(COUNT)
    for name in ("../x", "a/b", "", "A", "x.csv"):
        with pytest.raises(client.ClientError, match="plain name"):
            answer.save(name)
