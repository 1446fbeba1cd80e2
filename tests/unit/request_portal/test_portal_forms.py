"""The runner of journeys, and what pages make of values."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portalkit import ANSWERS, TABLE, Portal

import request_portal
from enclave.airlock.model import OutputState, Verdict
from enclave.kernel.errors import Invalid, NotFound
from enclave.kernel.tiers import Tier
from enclave.projects.model import ProjectState
from enclave.releases.model import ReleaseState
from enclave.requests.model import EntitlementState, RequestAnswers, RequestState
from policies import Outcome, PolicyBook
from request_portal import forms
from request_portal.journeys.access_request import access_request, answers_of
from request_portal.journeys.model import Kind
from request_portal.posted import Posted
from request_portal.present import tags, words
from request_portal.present.charts import chart_svg
from request_portal.present.columns import offered, requestable
from request_portal.present.evidence import flatten
from request_portal.present.tables import read_private_table, read_sheet

HERE = Path(request_portal.__file__).parent


def test_the_forms_questions_are_the_fields_that_the_api_takes(portal: Portal) -> None:
    asked = {q.name for t in access_request(portal.enclave).tasks for p in t.pages for q in p.questions}

    assert asked == set(answers_of(RequestAnswers())) - {"tier"}


def test_an_empty_draft_has_everything_to_do_and_a_full_one_nothing(portal: Portal) -> None:
    journey = access_request(portal.enclave)
    empty = [line.state for line in forms.task_list(journey, answers_of(RequestAnswers()))]
    full = [line.state for line in forms.task_list(journey, answers_of(ANSWERS))]

    assert set(full) == {"completed"}
    assert empty.count("incomplete") == 4  # who has access, and for how long, has a usable default


def test_what_is_complete_in_the_form_is_what_the_policy_lets_through(portal: Portal) -> None:
    draft = portal.draft()

    assert portal.enclave.requests.preview(portal.actor("amina"), draft.id).allowed


def test_only_columns_of_the_newest_release_are_offered(portal: Portal) -> None:
    dataset = portal.enclave.catalogue.dataset("households")
    lines = {line.name: line for line in offered(portal.enclave, dataset)}

    assert not lines["head_name"].can_be_requested
    assert "removed" in lines["case_note"].treatment
    assert "pseudonym" in lines["household_id"].treatment
    assert requestable(portal.enclave, "households")[0] == "household_id"
    assert requestable(portal.enclave, "nowhere") == ()


def test_another_dataset_takes_the_chosen_columns_with_it(portal: Portal) -> None:
    draft, client = portal.draft(), portal.client("amina")

    client.post(f"/requests/{draft.id}/answer/dataset", data={"dataset": "another"})

    after = portal.enclave.requests.read(portal.actor("amina"), draft.id).answers
    assert (after.variables, after.areas) == ((), ())


def test_a_wrong_answer_is_kept_and_said(portal: Portal) -> None:
    draft, client = portal.draft(), portal.client("amina")

    answer = client.post(f"/requests/{draft.id}/answer/summary", data={"summary": "Short"})

    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert portal.enclave.requests.read(portal.actor("amina"), draft.id).answers.summary == "Short"


def test_a_page_that_is_not_asked_for_is_not_there(portal: Portal) -> None:
    draft, client = portal.draft(dataset=""), portal.client("amina")

    assert client.get(f"/requests/{draft.id}/answer/variables").status_code == 404
    with pytest.raises(NotFound):
        forms.find_page(access_request(portal.enclave), "nothing", answers_of(RequestAnswers()))


def test_sending_twice_sends_once(portal: Portal) -> None:
    draft, client = portal.draft(), portal.client("amina")

    first = client.post(f"/requests/{draft.id}/submit", data={"declaration": "yes"})
    second = client.post(f"/requests/{draft.id}/submit", data={"declaration": "yes"})

    assert first.headers["location"] == second.headers["location"] == f"/requests/{draft.id}/sent"
    assert len(portal.enclave.requests.queue(portal.actor("sofia"))) == 1


def test_what_the_policy_refuses_is_said_where_it_can_be_changed(portal: Portal) -> None:
    draft, client = portal.draft(purpose="advertising"), portal.client("amina")

    answer = client.post(f"/requests/{draft.id}/submit", data={"declaration": "yes"})

    assert answer.status_code == 422
    assert "Data is given for one of these purposes" in answer.text
    assert portal.enclave.requests.queue(portal.actor("sofia")) == []


def test_a_returned_request_says_why_and_can_be_sent_again(portal: Portal) -> None:
    request = portal.submitted()
    reason = "Ask for fewer columns, please."
    portal.client("sofia").post(
        f"/requests/{request.id}/decision", data={"verdict": "return", "reason": reason}
    )
    client = portal.client("amina")

    assert reason in client.get(f"/requests/{request.id}/tasks").text
    assert client.post(f"/requests/{request.id}/submit", data={"declaration": "yes"}).status_code == 303


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=60)), max_size=8))
def test_whatever_is_posted_becomes_an_answer_that_can_be_kept(pairs: list[tuple[str, str]]) -> None:
    from request_portal.journeys import access_request as journeys

    posted = Posted(
        [
            *pairs,
            *[
                (name, text)
                for (_, text), name in zip(pairs, ("duration_days", "title", "members"), strict=False)
            ],
        ]
    )
    for question in (journeys._title(), journeys._duration(), journeys._members(lambda *_: "")):
        from request_portal.journeys.model import Page

        taken = forms.take(Page("p", "P", (question,)), posted)[question.name]
        assert isinstance(
            taken, tuple if question.kind is Kind.LINES else int if question.name == "duration_days" else str
        )


def test_every_state_has_words_of_its_own() -> None:
    states = (RequestState, EntitlementState, OutputState, ReleaseState, ProjectState, Verdict, Outcome)
    for state in (s for kind in states for s in kind):
        assert state.value in tags.TAGS, f"say in present/tags.py what {state!r} is called"
        assert tags.tag(state)["text"]


def test_every_purpose_of_the_policy_has_plain_words() -> None:
    allowed = PolicyBook.packaged().parameter("access-submission", "purpose", "allowed", date(2026, 6, 1))

    assert set(words.PURPOSES) == set(allowed)  # type: ignore[call-overload]
    assert set(words.TIERS) == set(Tier)


def test_dates_and_sizes_are_written_as_people_write_them() -> None:
    now = datetime(2026, 4, 13, 9, 5, tzinfo=UTC)

    assert words.day(date(2026, 4, 3)) == "3 April 2026"
    assert words.day(None) == "not yet"
    assert words.moment(now) == "13 April 2026, 09:05 UTC"
    assert [words.size(n) for n in (0, 999, 1_500, 2_340_000, 123_456_789)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "2.34 MB",
        "123 MB",
    ]
    assert words.age(datetime(2026, 4, 1, tzinfo=UTC), now) == "12 days"
    assert words.age(None, now) == ""
    assert words.plural(1, "file") == "1 file"
    assert words.plural(1200, "entry", "entries") == "1,200 entries"
    assert [words.number(v) for v in (True, 12_345, 0.12345, 54_321.9, "k")] == [
        "yes",
        "12,345",
        "0.1235",
        "54,322",
        "k",
    ]


def test_a_private_table_is_read_by_name_and_drawn_without_what_is_withheld() -> None:
    table = read_private_table(TABLE, title="Enrolled")

    assert table.groups == ("region",)
    assert [c.value for c in table.cells] == [412, 291, 173, 96, None]
    assert table.cells[-1].withheld.startswith("Too few")
    svg = chart_svg(table)
    assert svg.startswith("<svg")
    assert "North" in svg
    assert "Islands" not in svg
    assert "<script" not in svg


def test_a_table_without_values_cannot_be_drawn() -> None:
    with pytest.raises(Invalid, match="no column named value"):
        read_private_table(b"a,b\n1,2\n", title="")


def test_a_sheet_shows_what_it_leaves_out() -> None:
    sheet = read_sheet(b"a,b\n" + b"1,2\n" * 700)

    assert (sheet.header, len(sheet.rows), sheet.cut) == (("a", "b"), 500, 200)
    assert read_sheet(b"").rows == ()
    assert read_sheet(b"\xff\xfe,x\n")


@given(st.binary(max_size=300))
def test_any_bytes_can_be_shown_as_a_sheet(data: bytes) -> None:
    sheet = read_sheet(data)

    assert sheet.cut >= 0


def test_evidence_becomes_sections_of_figures() -> None:
    pack = {
        "schema": "x/1",
        "risk": {"before": {"k": 1}, "after": {"k": 10}},
        "steps": [{"step": "drop", "columns": ["a", "b"]}, {"step": "round"}],
        "long": list(range(50)),
        "nothing": None,
    }

    sections = dict(flatten(pack))

    assert sections["Summary"] == [
        ("Schema", "x/1"),
        ("Long", "50 entries (see the evidence file)"),
        ("Nothing", "none"),
    ]
    assert ("After › K", 10) in sections["Risk"]
    assert ("1. Columns", "a, b") in sections["Steps"]


def test_what_is_built_was_built_from_these_sources() -> None:
    sources = b"".join(
        (HERE / "assets" / name).read_bytes() for name in ("package.json", "portal.js", "portal.scss")
    )

    assert (HERE / "static" / "built-from.txt").read_text().strip() == hashlib.sha256(sources).hexdigest(), (
        "run make assets"
    )


def test_what_is_built_loads_nothing_from_elsewhere_and_carries_nobodys_brand() -> None:
    css = (HERE / "static" / "portal.css").read_text()

    assert "url(" not in css
    assert "@import" not in css
    assert "GDS Transport" not in css
    assert "crown" not in css.lower()
    assert "http" not in (HERE / "static" / "portal.js").read_text().replace("http://www.w3.org", "")


def test_no_module_is_longer_than_it_should_be() -> None:
    longest = {p.name: len(p.read_text().splitlines()) for p in HERE.rglob("*.py")}

    assert max(longest.values()) <= 400, longest
