"""Whatever is known or not known: less knowledge never makes a policy more lenient."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies import Outcome, PolicyBook
from policies.rules import Rule

BOOK = PolicyBook.packaged()
SHEETS = [
    yaml.safe_load(p.read_text(encoding="utf-8"))
    for p in sorted((Path(__file__).parents[1] / "cases").glob("*.yaml"))
]
WORDS = ["csv", "png", "md", "pickle", "scientific_use", "secure", "household", "targeting-evaluation", "x"]
VALUES = st.one_of(
    st.integers(-1, 20_000_000),
    st.floats(allow_nan=True),
    st.booleans(),
    st.sampled_from(WORDS),
    st.dates(date(2025, 1, 1), date(2027, 1, 1)),
    st.none(),
)


@st.composite
def cases(draw):
    sheet = draw(st.sampled_from(SHEETS))
    facts = dict(sheet["facts"])
    for name in draw(st.lists(st.sampled_from(sorted(facts)), max_size=3)):
        facts[name] = draw(VALUES)
    return sheet["policy"], facts, sheet["day"]


@given(case=cases(), data=st.data())
def test_removing_any_fact_never_makes_the_outcome_more_lenient(case, data):
    policy, facts, on = case
    removed = data.draw(st.sampled_from(sorted(facts)))

    whole = BOOK.decide(policy, facts, on)
    less = BOOK.decide(policy, {k: v for k, v in facts.items() if k != removed}, on)

    assert less.outcome.strictness >= whole.outcome.strictness
    for before, after in zip(whole.findings, less.findings, strict=True):
        assert after.outcome.strictness >= before.outcome.strictness


@given(case=cases())
def test_a_decision_is_as_strict_as_its_strictest_finding_and_repeats_itself(case):
    policy, facts, on = case

    decision = BOOK.decide(policy, facts, on)

    assert decision.outcome.strictness == max(f.outcome.strictness for f in decision.findings)
    assert decision == BOOK.decide(policy, dict(reversed(facts.items())), on)
    assert decision.allowed == (not decision.refusals)


@given(case=cases(), text=st.text("QXZ", min_size=6), data=st.data())
def test_no_value_of_a_word_reaches_a_sentence_or_the_record(case, text, data):
    policy, facts, on = case
    name = data.draw(st.sampled_from(sorted(facts)))

    decision = BOOK.decide(policy, facts | {name: text}, on)

    assert text not in str(decision.to_dict())


@given(case=cases())
def test_nothing_known_is_always_a_refusal(case):
    policy, _, on = case

    decision = BOOK.decide(policy, {}, on)

    assert decision.outcome is Outcome.DENY
    rules = [e for e in BOOK.document(policy).versions[-1].entries(policy) if isinstance(e, Rule)]
    assert len(decision.refusals) == len(rules)
