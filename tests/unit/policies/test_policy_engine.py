"""Deciding: dates, versions, what is missing, what is recorded."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pytest

from policies import BadDocument, NotInForce, Outcome, PolicyBook, UnknownPolicy
from policies.explain import kinds_page, page, sentences
from policies.lock import LOCK, digests, problems, read, updated
from policies.rules import KINDS, Entry
from policies.schema import read_document

BOOK = PolicyBook.packaged()
DAY = date(2026, 3, 2)
TWO_VERSIONS = """
title: An example
summary: An example of a document.
owner: Nobody
decides:
  example: Whether an example is good
facts:
  size: how large it is
  until: the last day of it
versions:
  - version: 1
    effective: 2026-01-01
    approved_by: [minute-1]
    rules:
      - {id: small, kind: at_most, fact: size, threshold: 5, says: "At most {threshold}, please.", fix: "Make it shorter.", otherwise: deny}
  - version: 2
    effective: 2026-07-01
    approved_by: [minute-2]
    rules:
      - {id: small, kind: at_most, fact: size, threshold: 3, says: "At most {threshold}, please.", fix: "Make it shorter.", otherwise: review}
      - {id: until, kind: still_valid, fact: until, says: "It has not ended.", fix: "Renew it, please.", otherwise: deny}
"""


def a_book(text: str = TWO_VERSIONS) -> PolicyBook:
    return PolicyBook({"example.yaml": read_document(text, "example.yaml")})


def test_the_version_in_force_on_the_day_decides():
    facts = {"size": 4, "until": date(2030, 1, 1)}

    before, after = (
        a_book().decide("example", facts, date(2026, 6, 30)),
        a_book().decide("example", facts, date(2026, 7, 1)),
    )

    assert (before.outcome, before.policy.version) == (Outcome.ALLOW, 1)
    assert (after.outcome, after.policy.version) == (Outcome.REVIEW, 2)
    assert a_book().parameter("example", "small", "threshold", date(2026, 6, 30)) == 5
    assert a_book().parameter("example", "small", "threshold", date(2026, 7, 1)) == 3


def test_a_day_before_the_first_version_is_an_error_that_names_the_first_day():
    with pytest.raises(
        NotInForce, match=r"policy example is in force on 2025-12-31.*takes effect on 2026-01-01"
    ):
        a_book().decide("example", {"size": 1}, date(2025, 12, 31))


def test_the_strictest_finding_wins():
    decision = a_book().decide("example", {"size": 4, "until": date(2026, 7, 1)}, date(2026, 7, 2))

    assert decision.outcome is Outcome.DENY
    assert [f.outcome.value for f in decision.findings] == ["review", "deny"]
    # A rule says what must hold; where it does not, its words must not read as if it did.
    assert decision.refusals == (
        "This rule is not kept: It has not ended. Renew it, please.",
        "This rule is not kept: At most 3, please. Make it shorter.",
    )


@pytest.mark.parametrize("facts", [{}, {"size": None}])
def test_a_missing_fact_denies_and_is_named_in_words_even_where_the_rule_only_asks_for_review(facts):
    decision = a_book().decide("example", {"until": date(2030, 1, 1)} | facts, date(2026, 7, 2))

    assert decision.outcome is Outcome.DENY
    assert "without knowing how large it is" in decision.refusals[0]


@pytest.mark.parametrize("value", ["4", True, math.nan, [4], Decimal("NaN"), object(), 1j])
def test_a_fact_of_the_wrong_kind_denies_and_its_value_is_not_repeated(value):
    decision = a_book().decide("example", {"size": value}, DAY)

    assert decision.outcome is Outcome.DENY
    assert decision.refusals[0].startswith("This cannot be decided without knowing how large it is")
    assert repr(value) not in decision.refusals[0]


def test_a_time_is_not_a_date():
    facts = {"size": 1, "until": datetime(2030, 1, 1)}

    assert a_book().decide("example", facts, date(2026, 7, 2)).outcome is Outcome.DENY


@pytest.mark.parametrize("value", [np.int64(4), np.float32(4), Decimal(4), 4.0])
def test_numbers_of_other_libraries_are_numbers_and_are_recorded_as_plain_ones(value):
    decision = a_book().decide("example", {"size": value}, DAY)

    assert decision.allowed
    assert json.loads(json.dumps(decision.to_dict()))["findings"][0]["observed"] == 4


def test_one_is_not_yes():
    facts = {"reviewer_is_author": 0, "reviewer_is_member": False, "reviewer_same_organisation": False}

    assert BOOK.decide("output-review", facts, DAY).outcome is Outcome.DENY


def test_a_tenth_spent_three_times_stays_within_three_tenths_when_counted_in_decimals():
    nothing = dict.fromkeys(
        ("rho_requested", "delta_requested", "rho_after", "delta_after", "rho_granted", "delta_granted"), 0
    )
    facts = nothing | {
        "accounting": "pure",
        "epsilon_requested": 0.1,
        "epsilon_granted": 0.3,
        "dataset_epsilon_after": 0.3,
        "privacy_unit": "household",
        "bounds_are_public": True,
    }

    assert BOOK.decide("privacy-budget", facts | {"epsilon_after": Decimal("0.1") * 3}, DAY).allowed
    assert not BOOK.decide("privacy-budget", facts | {"epsilon_after": 0.1 + 0.1 + 0.1}, DAY).allowed
    assert not BOOK.decide(
        "privacy-budget", facts | {"epsilon_after": math.inf, "epsilon_granted": 0.3}, DAY
    ).allowed


def test_free_text_is_not_recorded():
    decision = BOOK.decide("access", {"purpose": "my neighbour Ana"}, DAY)

    assert "Ana" not in json.dumps(decision.to_dict())


def test_a_decision_cites_policy_version_and_digest():
    decision = a_book().decide("example", {"size": 1}, DAY)

    assert decision.cites == f"example@1:{decision.policy.digest[:12]}"
    assert len(decision.policy.digest) == 64
    assert sentences(decision)[0] == "This is allowed."
    assert "version 1" in sentences(decision)[-1]


def test_policies_that_only_state_limits_are_read_not_asked():
    with pytest.raises(UnknownPolicy, match="decides nothing: read its parameters"):
        BOOK.decide("workspaces", {}, DAY)

    for name in ("memory_bytes", "message_bytes", "session_out_bytes", "idle_seconds", "max_seconds"):
        assert BOOK.parameter("workspaces", "scientific-use", name, DAY) >= BOOK.parameter(
            "workspaces", "secure", name, DAY
        )
    assert BOOK.parameter("retention", "quarantine", "days", DAY) == 30
    assert BOOK.parameter("output-file", "minimum-cell-count", "threshold", DAY) == 10


def test_what_is_not_there_is_named_with_what_is():
    with pytest.raises(UnknownPolicy, match=r"no policy called acces. There are: access,"):
        BOOK.decide("acces", {}, DAY)
    with pytest.raises(UnknownPolicy, match=r"no rule small on 2026-03-02. It has: purpose"):
        BOOK.parameter("access", "small", "threshold", DAY)
    with pytest.raises(UnknownPolicy, match=r"no parameter limit. It has: .*threshold"):
        BOOK.parameter("access", "duration", "limit", DAY)


def test_two_documents_cannot_decide_the_same_policy():
    document = read_document(TWO_VERSIONS, "example.yaml")

    with pytest.raises(BadDocument, match="decided by another document too"):
        PolicyBook({"one.yaml": document, "two.yaml": document})


def test_a_folder_of_documents_is_loaded_and_an_empty_one_is_an_error(tmp_path):
    with pytest.raises(BadDocument, match="no policy document"):
        PolicyBook.load(tmp_path)

    (tmp_path / "example.yaml").write_text(TWO_VERSIONS, encoding="utf-8")

    assert list(PolicyBook.load(tmp_path)) == ["example"]


def test_no_published_version_was_edited():
    assert problems(BOOK, read(LOCK.read_text(encoding="utf-8"))) == ()


@pytest.mark.parametrize(
    "edit",
    [
        ("threshold: 5", "threshold: 6"),
        ("minute-1", "minute-9"),
        ("At most", "Up to"),
        ("2026-01-01", "2026-01-02"),
    ],
)
def test_editing_a_published_version_is_noticed_and_refused(edit):
    published = updated(a_book(), "")

    changed = a_book(TWO_VERSIONS.replace(*edit, 1))

    assert any("no longer reads as it was published" in p for p in problems(changed, read(published)))
    with pytest.raises(ValueError, match="example@1 no longer reads as it was published"):
        updated(changed, published)


def test_a_new_version_is_added_and_leaves_the_old_ones_alone():
    first = TWO_VERSIONS[: TWO_VERSIONS.index("  - version: 2")]
    published = updated(a_book(first), "")

    after = read(updated(a_book(), published))

    assert after.items() >= read(published).items()
    assert set(after) == {"example@1", "example@2"}
    with pytest.raises(ValueError, match="was published and is gone"):
        updated(a_book(first), updated(a_book(), published))


def test_words_outside_the_rules_may_be_improved_without_a_new_version():
    assert digests(a_book(TWO_VERSIONS.replace("An example of a document", "A better summary"))) == digests(
        a_book()
    )


@pytest.mark.parametrize("policy", sorted(BOOK))
def test_every_policy_has_a_page_with_every_rule_in_words_and_every_fact(policy):
    text = page(policy, examples=["An example."])

    for entry in BOOK.document(policy).versions[-1].entries(policy):
        assert f"`{entry.id}`" in text
        assert entry.sentence() in text
    assert "An example." in text
    assert "{" not in text


def test_every_rule_kind_is_on_the_page_of_kinds_and_documented():
    text = kinds_page()

    for name, kind in KINDS.items():
        assert f"| `{name}` |" in text
        assert kind.__doc__ != Entry.__doc__


def test_every_rule_kind_is_used_by_a_packaged_policy():
    used = {type(r) for p in BOOK for v in BOOK.document(p).versions for r in v.rules}

    assert used == set(KINDS.values())
