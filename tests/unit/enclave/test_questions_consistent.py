"""Answers that were paid for are brought to agree for nothing: in the house, over the socket, and only one's own."""

from __future__ import annotations

import json

import pytest
from askings import COUNT, DoorService, a_server, an_asking_house, running

from enclave import client
from enclave.budget.model import Charge
from enclave.client import ClientError
from enclave.hub.questions.door import Door
from enclave.kernel.errors import Invalid, NotFound

TOTAL = {"measure": "count", "epsilon": 0.2}
POOR = {"measure": "count", "epsilon": 0.1, "filters": [{"column": "welfare", "op": "<=", "value": 100}]}


@pytest.fixture
def asked(tmp_path):
    house, project = an_asking_house(tmp_path)
    told = [house.querying.query("rosa", project, q) for q in (COUNT, TOTAL, POOR)]
    return house, project, [t["receipt"]["key"] for t in told]


def spent(house) -> list[tuple[float, bool]]:
    with house.kit.read() as uow:
        return [(c.epsilon, c.answer is not None) for c in uow.find(Charge)]


def test_the_total_is_the_sum_of_its_parts_and_nothing_was_spent_or_read(asked, monkeypatch):
    house, project, (by_region, total, _) = asked
    before = spent(house)
    monkeypatch.setattr(type(house.extracts), "table", lambda *_: pytest.fail("a row was read"))

    told = house.querying.consistent("rosa", project, {"answers": [by_region, total]})

    parts, whole = ([row["consistent"] for row in table["rows"]] for table in told["tables"])
    assert sum(parts) == whole[0]
    assert min(parts) >= 0
    assert [t["key"] for t in told["tables"]] == [by_region, total]
    assert spent(house) == before


def test_answers_about_different_things_or_of_others_get_a_sentence(asked):
    house, project, (by_region, total, poor) = asked
    for answers, sentence in (
        ([by_region, poor], "same households"),
        ([by_region], "2 to 20"),
        ([by_region, by_region], "2 to 20"),
        ([by_region, "0" * 64], "no answer that this project"),
        ("abc", "2 to 20"),
        (None, "2 to 20"),
    ):
        with pytest.raises(Invalid, match=sentence):
            house.querying.consistent("rosa", project, {"answers": answers})
    for user, where in (("emil", project), ("priya", project), ("nobody", project), ("rosa", "another")):
        with pytest.raises(NotFound):
            house.querying.consistent(user, where, {"answers": [by_region, total]})


def test_inside_a_workspace_it_is_one_call(asked, tmp_path, monkeypatch):
    house, project, _ = asked
    door = DoorService(Door("rosa", project, tmp_path / "s", "a token", tmp_path / "questions.sock"))
    with running(a_server(house.querying, tmp_path / "s"), door):
        monkeypatch.setenv("ENCLAVE_QUESTIONS", str(tmp_path / "questions.sock"))
        answers = [client.query(q) for q in (COUNT, TOTAL)]
        by_region, total = client.consistent(*answers)
        with pytest.raises(ClientError, match="same households"):
            client.consistent(answers[0], client.query(POOR))
        with pytest.raises(ClientError, match=r"client\.query"):
            client.consistent("no answer")

    assert list(by_region.columns) == [*answers[0].table.columns, "consistent"]
    assert by_region.consistent.sum() == total.consistent[0]
    assert json.dumps(by_region.region_code.tolist()) == '["R01", "R02"]'
