"""Redacting a column: profiles, evidence, processes, and what may not be in any of them."""

from __future__ import annotations

import json

import pytest
from deid_frames import ibr_frame

from anonymization.errors import AnonymizationError
from anonymization.pii import Linked, own_values_left, redact
from anonymization.pii.chunk import Job, redact_chunk
from anonymization.pii.folding import tokens
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.worker import Worker

LINKS = {"head_given_name": "name", "head_surname": "name", "locality": "place", "phone_number": "phone", "head_national_id": "id", "email": "email"}  # fmt: skip


def test_missing_and_blank_notes_stay_as_they_are():
    assert redact([None, "", "  "], processes=1)[0] == [None, "", "  "]


def test_notes_are_redacted_and_no_own_value_is_left():
    frame = ibr_frame(200)
    linked = Linked.of(frame, LINKS)
    texts = frame["case_note"].tolist()
    out, evidence = redact(
        texts, linked, frame["note_language"].tolist(), countries=frame["country"].tolist()
    )
    assert own_values_left(texts, linked) > 100
    assert own_values_left(out, linked) == 0
    assert evidence["texts_changed"] == 160  # one template in five names nobody
    assert "Roof leaks, one room for everybody, water from the river." in out
    written = json.dumps(evidence)
    assert "no named-entity model" in written
    assert not any(name in written for name in frame["head_given_name"].unique())


def test_a_language_column_with_something_else_in_it_reaches_no_evidence():
    _, evidence = redact(["x"], languages=["Wanjiku Mwangi"], countries=["0712345678"])
    assert "Wanjiku" not in json.dumps(evidence)
    assert "0712345678" not in json.dumps(evidence)


def test_standard_leaves_unknown_capitals_and_strict_does_not():
    text = "the council met in Zamboria yesterday"
    assert redact([text], profile="standard")[0] == [text]
    assert redact([text], profile="strict")[0] == ["the council met in [name] yesterday"]
    assert redact([text], profile="strict", keep_words=["Zamboria"])[0] == [text]


def test_strangers_whom_the_registry_knows_go_in_both_profiles():
    linked = Linked({"n": "name", "p": "place"}, {"n": ["Achieng Odhiambo", None], "p": ["Dagoretti", None]})
    for profile in ("standard", "strict"):
        out, _ = redact(["all well", "they stay with Achieng in Dagoretti now"], linked, profile=profile)
        assert out[1] == "they stay with [person] in [place] now"


def test_an_ordinary_word_that_is_also_a_name_stays_when_written_as_a_word():
    notes = ["She has the patience of a saint", "With patience they waited", "Much patience was needed"]
    linked = Linked({"n": "name"}, {"n": ["Patience", None, None, None]})
    out, _ = redact(["No news", *notes], linked, profile="standard")
    assert out[1:] == notes


def test_an_unknown_profile_and_unequal_lists_are_sentences():
    with pytest.raises(AnonymizationError, match="standard, strict"):
        redact(["x"], profile="gentle")
    with pytest.raises(AnonymizationError, match="one length"):
        redact(["x"], countries=["KE", "PH"])


def test_a_worker_process_gives_what_this_process_gives():
    frame = ibr_frame(40)
    linked = Linked.of(frame, LINKS)
    texts = frame["case_note"].tolist()
    knowledge = Knowledge.learn(linked.of_kind("name"), linked.of_kind("place"), [tokens(t) for t in texts])
    assert Knowledge.from_json(json.loads(json.dumps(knowledge.to_json()))) == knowledge
    job = Job(texts, linked, frame["country"].tolist(), "strict", (), knowledge)
    worker = Worker(job)
    try:
        assert worker.result() == redact_chunk(job)
    finally:
        worker.stop()


def test_a_worker_that_dies_is_an_error_and_not_a_shorter_table():
    worker = Worker(Job(["a"], Linked({}, {}), [""], "strict", (), Knowledge()))
    worker._process.kill()
    with pytest.raises(AnonymizationError, match="Nothing was released"):
        worker.result()
    worker.stop()


def test_many_notes_over_two_processes_keep_their_order(monkeypatch):
    monkeypatch.setattr("anonymization.pii.redaction._CHUNK", 20)
    frame = ibr_frame(60)
    linked, texts = Linked.of(frame, LINKS), frame["case_note"].tolist()
    countries = frame["country"].tolist()
    assert redact(texts, linked, countries=countries, processes=2) == redact(
        texts, linked, countries=countries, processes=1
    )
