"""The log against its anchors: here, and offline on another machine."""

from __future__ import annotations

import dataclasses
import json

import pytest
from click.testing import CliRunner
from houses import a_house

from enclave.audit.model import AuditEvent, digest_of
from enclave.audit.service import ANCHORS, verify_file
from enclave.cli import audit as cli
from enclave.kernel.errors import Invalid, NotAllowed
from enclave.kernel.events import Event


@pytest.fixture
def house(tmp_path):
    house = a_house(tmp_path)
    assert house.audit.anchor() is not None
    return house


@pytest.fixture
def run(house, monkeypatch):
    monkeypatch.setattr(cli, "enclave", lambda: house)
    monkeypatch.setattr(cli, "signed_in", lambda _: house.actor("olga"))
    return lambda *words: CliRunner().invoke(cli.audit, [str(word) for word in words])


def forged(text: str) -> str:
    """Event 4 by somebody else, and everything after it chained anew."""
    rows, previous, lines = [json.loads(line) for line in text.split("\n")[:-1]], "", []
    rows[3]["actor"] = "somebody-else"
    for row in rows:
        draft = AuditEvent(
            **{
                **row,
                "at": __import__("datetime").datetime.fromisoformat(row["at"]),
                "cites": tuple(row["cites"]),
            }
        )
        draft = dataclasses.replace(draft, previous=previous or draft.previous)
        previous = digest_of(draft)
        lines.append(json.dumps({**row, "previous": draft.previous, "digest": previous}))
    return "\n".join(lines) + "\n"


def test_a_forged_log_that_was_chained_anew_does_not_agree_with_its_exported_anchors(house, run, tmp_path):
    log = tmp_path / "log.jsonl"
    assert run("export", log).exit_code == 0
    assert run("verify", log).exit_code == 0
    assert "agrees with 1 anchors" in run("verify", log).output
    log.write_text(forged(log.read_text()))
    done = run("verify", log)
    assert done.exit_code != 0
    assert "anchor" in done.output


def test_a_log_without_anchors_is_said_to_be_compared_with_none(house, run, tmp_path):
    log = tmp_path / "log.jsonl"
    text = house.audit.exported(house.actor("olga"))
    log.write_text(forged(text))
    done = run("verify", log)
    assert done.exit_code == 0
    assert "consistent in itself, not compared with any anchor" in done.output
    assert verify_file(log) == []
    anchors = tmp_path / "kept-elsewhere.json"
    anchors.write_text(json.dumps(house.audit.anchors(house.actor("olga"))))
    assert run("verify", log, "--anchors", anchors).exit_code != 0
    log.write_text(text)
    assert verify_file(log, anchors) == []


def test_a_log_that_was_cut_short_does_not_agree_with_its_anchors(house, run, tmp_path):
    log = tmp_path / "log.jsonl"
    run("export", log)
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:5]))
    assert any("cut short" in fault for fault in verify_file(log))
    log.write_text("")
    assert any("cut short" in fault for fault in verify_file(log))


def test_an_export_that_holds_line_separators_inside_a_value_still_verifies(house, tmp_path):
    with house.kit.write() as uow:
        uow.audit(Event.PERSON_CREATE, house.actor("sami"), "person:x", {"note": "a\u2028b\x85c\rd"})
        uow.commit()
    log = tmp_path / "log.jsonl"
    log.write_text(house.audit.exported(house.actor("olga")), encoding="utf-8")
    assert verify_file(log) == []


def test_an_oddly_named_object_among_the_anchors_stops_neither_anchoring_nor_verifying(house):
    house.objects.put(ANCHORS, "audit/oops.json", b"x", media_type="text/plain")
    house.objects.put(ANCHORS, "stray", b"x", media_type="text/plain")
    with house.kit.write() as uow:
        uow.audit(Event.PERSON_CREATE, house.actor("sami"), "person:x")
        uow.commit()
    assert house.audit.anchor() is not None
    assert house.audit.anchor() is None
    faults = house.audit.verify()
    assert len(faults) == 2
    assert all("no anchor" in fault for fault in faults)
    assert len(house.audit.anchors(house.actor("olga"))) == 2


@pytest.mark.parametrize("text", ["not json", "[1]", '{"sequence": 1}', '[{"sequence": "x", "digest": ""}]'])
def test_a_file_that_is_no_list_of_anchors_is_refused_with_a_sentence(house, tmp_path, text):
    log, anchors = tmp_path / "log.jsonl", tmp_path / "anchors.json"
    log.write_text(house.audit.exported(house.actor("olga")))
    anchors.write_text(text)
    with pytest.raises(Invalid, match="Export it again"):
        verify_file(log, anchors)


def test_a_researcher_reads_no_anchors(house):
    with pytest.raises(NotAllowed):
        house.audit.anchors(house.actor("rosa"))


def test_replacing_a_row_of_the_log_is_refused_even_on_a_connection_of_somebody_elses(house):
    import sqlite3

    connection = sqlite3.connect(house.root / "enclave.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event WHERE sequence = 5")
    connection.close()
    assert house.audit.verify() == []
