"""A run's evidence says how well identifiers were found: on a planted sample always, on a labelled one when given."""

from __future__ import annotations

import json
from datetime import date

import pytest
from deid_frames import ibr_frame

from anonymization.errors import RecipeProblem, Unusable
from anonymization.keys import KeyRing
from anonymization.schema import Schema
from anonymization.steps import STEPS
from anonymization.steps.base import Context

LINKS = {"head_given_name": "name", "head_surname": "name", "locality": "place", "phone_number": "phone", "head_national_id": "id", "head_birth_date": "date", "latitude": "coordinate", "longitude": "coordinate"}  # fmt: skip
KEYS = KeyRing(b"a master key of the tests")


def step(**options):
    return STEPS["redact_text"](("case_note",), LINKS, "note_language", "country", **options)


def context(part: int = 0) -> Context:
    return Context(KEYS, "project-1", date(2024, 1, 1), 1, part)


@pytest.fixture(scope="module")
def frame():
    return ibr_frame(300)


def test_every_run_measures_on_its_own_values(frame):
    _, evidence = step().apply(frame, context())
    found = evidence["case_note"]
    assert found["recall_on_labelled_sample"].startswith("not measured on this extract")
    measured = found["recall_on_planted_sample"]
    assert measured["all"]["recall"] >= 0.97
    assert {"recall", "precision", "f2"} <= measured["all"].keys()
    assert {"person", "place", "phone", "id", "birth_date", "location"} <= measured["by_kind"].keys()
    assert 100 <= measured["texts"] <= 150
    written = json.dumps(evidence, ensure_ascii=False)
    values = {v for c in LINKS for v in frame[c].astype(str)}
    assert not [v for v in values if len(v) > 4 and v in written]


def test_the_planted_measure_falls_when_detectors_fail(frame, monkeypatch):
    from anonymization.pii import finding

    monkeypatch.setattr(finding, "own_in", lambda *_: [])
    table = frame.assign(case_note="nothing here")
    _, evidence = step(profile="standard").apply(table, context())
    assert evidence["case_note"]["recall_on_planted_sample"]["all"]["recall"] < 0.97


def test_a_labelled_sample_is_measured_once_and_never_repeated(frame, tmp_path):
    path = tmp_path / "sample.jsonl"
    lines = [
        {
            "text": "Bi. Nekesa alipiga 0712 345 678",
            "spans": [[4, 10, "person"], [19, 31, "phone"]],
            "language": "sw",
            "country": "KE",
        },
        {
            "text": "Baadaye zubeidamwana alikuja",
            "spans": [[8, 20, "person"]],
            "language": "sw",
            "country": "KE",
        },
    ]
    path.write_text("\n".join(json.dumps(x) for x in lines) + "\n\n")
    _, evidence = step(sample=str(path), profile="standard").apply(frame, context())
    measured = evidence["case_note"]["recall_on_labelled_sample"]
    assert measured["texts"] == 2
    assert measured["all"]["identifiers"] == 3
    assert measured["all"]["whole"] == pytest.approx(2 / 3, abs=1e-3)
    assert "ekesa" not in json.dumps(evidence)
    _, later = step(sample=str(path)).apply(frame, context(part=1))
    assert "recall_on_labelled_sample" not in later["case_note"]


@pytest.mark.parametrize(
    "line",
    [
        '{"text": "Wanjiku", "spans": [[0, 99, "person"]]}',
        '{"text": "Wanjiku", "spans": [[0, 3, "dog"]]}',
        "Wanjiku",
        '["Wanjiku"]',
        '{"text": 5}',
    ],
)
def test_a_wrong_sample_names_the_line_and_repeats_nothing(frame, tmp_path, line):
    path = tmp_path / "sample.jsonl"
    path.write_text('{"text": "fine"}\n' + line + "\n")
    with pytest.raises(Unusable, match="Line 2 of the labelled sample") as caught:
        step(sample=str(path)).apply(frame.head(5), context())
    assert "Wanjiku" not in str(caught.value)


def test_a_sample_that_is_not_there_is_a_problem_of_the_recipe(frame):
    with pytest.raises(RecipeProblem, match="no file at the path"):
        step(sample="/nowhere/at/all.jsonl").plan(Schema.infer(frame, {}))


def test_partitions_give_the_texts_of_the_whole(frame):
    made = step(replace="surrogates")
    whole, _ = made.apply(frame, context())
    parts = [frame.iloc[:100], frame.iloc[100:]]
    decision = made.decide([made.scan(p, context(i)) for i, p in enumerate(parts)], context())
    out = [made.carry_out(p, decision, context(i))[0] for i, p in enumerate(parts)]
    assert [t for p in out for t in p["case_note"]] == whole["case_note"].tolist()
    assert [i for p in out for i in p.index] == frame.index.tolist()


def test_the_plan_says_what_stands_instead(frame):
    schema = Schema.infer(frame, {})
    assert "writes surrogates instead" in step(replace="surrogates").plan(schema).says
    assert step().plan(schema).says.endswith("linked columns.")
