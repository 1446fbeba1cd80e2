"""Pseudonyms and surrogates in texts: the same for one person in one project, different in another, never real."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymization.errors import AnonymizationError
from anonymization.keys import KeyRing
from anonymization.pii import Knowledge, Linked, own_values_left, redact
from anonymization.pii.folding import fold, tokens
from anonymization.pii.replacing import Replacer
from anonymization.pii.spans import Span, without_placeholders

RING = KeyRing(b"a master key of the tests")
KEY, OTHER = RING.sub_key("project-1", "text"), RING.sub_key("project-2", "text")
LINKED = Linked(
    {"name": "name", "phone": "phone", "id": "id", "place": "place"},
    {
        "name": ["Wanjiku Mwangi"] * 4 + ["Otieno"],
        "phone": ["+254712345678"] * 5,
        "id": ["23456781"] * 5,
        "place": ["Kariobangi"] * 5,
    },
)
TEXTS = [
    "We met Wanjiku Mwangi at Kariobangi.",
    "Then Wanjku came; call 0712 345 678.",
    "Then MWANGI called from +254712345678.",
    "The aunt of W. Mwangi has 23456781.",
    "He is Otieno and knows Wanjiku.",
]  # fmt: skip


def replaced(way: str, key: bytes = KEY, texts=TEXTS, linked=LINKED) -> list[str]:
    out, evidence = redact(
        texts, linked, replace=way, key=key, processes=1, countries=["KE"] * len(texts), profile="standard"
    )
    assert evidence["replaced_by"] == way
    assert own_values_left(out, linked) == 0
    return out


def test_one_person_has_one_surrogate_in_every_spelling_and_number_format():
    out = replaced("surrogates")
    given, surname = re.fullmatch(r"We met (\w+) (\w+) at \w+\.", out[0]).groups()
    assert out[1].startswith(f"Then {given} came")
    assert out[2].startswith(f"Then {surname.upper()} called")
    assert re.search(r"call (\+000 [\d ]+)\.", out[1])[1] == re.search(r"from (\+000 [\d ]+)\.", out[2])[1]
    assert out[4].endswith(f"knows {given}.")
    assert surname in out[3]
    assert re.search(r"has X-\d{5}-\d{5}\.", out[3])
    assert replaced("surrogates") == out


def test_pseudonyms_name_the_kind_and_hold_per_word():
    out = replaced("pseudonyms")
    both = re.fullmatch(r"We met \[person (\w{8}) (\w{8})\] at \[place \w{8}\]\.", out[0]).groups()
    assert f"[person {both[0]}] came" in out[1]
    assert f"[person {both[1]}] called" in out[2]
    assert without_placeholders(out[0]).split() == ["We", "met", "at", "."]


@pytest.mark.parametrize("way", ["pseudonyms", "surrogates"])
def test_two_projects_share_nothing(way):
    one, two = replaced(way), replaced(way, OTHER)
    carrier = {
        "We",
        "met",
        "at",
        "Then",
        "came",
        "call",
        "called",
        "from",
        "The",
        "aunt",
        "of",
        "has",
        "He",
        "is",
        "and",
        "knows",
        "person",
        "place",
        "phone",
        "id",
    }
    words = [
        {w for t in found for w in re.findall(r"\w+", t)} - carrier - {"000", "X", "W"}
        for found in (one, two)
    ]
    assert not {w for w in words[0] & words[1] if len(w) > 2}


def test_a_key_is_needed():
    with pytest.raises(AnonymizationError, match="key"):
        redact(["x"], replace="surrogates", processes=1)
    with pytest.raises(AnonymizationError, match="roles, pseudonyms, surrogates"):
        redact(["x"], replace="hashes", key=KEY, processes=1)


def test_processes_give_the_same():
    texts, linked = TEXTS * 700, Linked(LINKED.columns, {c: list(v) * 700 for c, v in LINKED.values.items()})
    one, _ = redact(texts, linked, replace="surrogates", key=KEY, processes=1)
    two, _ = redact(texts, linked, replace="surrogates", key=KEY, processes=2)
    assert one == two


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(alphabet="abeiklmnorsuwyzAEIOüşı عمرفاط", min_size=3, max_size=9), min_size=1, max_size=6
    ),
    st.sampled_from(["KE", "PH", "BR", "PK", "TR", "ID", ""]),
)
def test_a_surrogate_is_never_a_name_of_the_registry(names, country):
    """Even where the registry holds what would have been the surrogate."""
    linked = Linked({"n": "name"}, {"n": names})
    own = linked.row(0)
    span = Span(0, 1, "head", "linked:name")
    blank = Replacer("surrogates", KEY, Knowledge()).within(own, country)
    would_be = [blank(name, span) for name in names]
    registry = [*names, *would_be]
    knowledge = Knowledge.learn(registry, [], [tokens(" ".join(registry))])
    instead = Replacer("surrogates", KEY, knowledge).within(own, country)
    real = {fold(w) for n in registry for w in n.split()}
    for name in names:
        for word in instead(name, span).split():
            assert fold(word) not in real or len(word) < 3
        assert instead(name, span) == instead(name, span)
