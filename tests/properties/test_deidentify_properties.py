"""Promises of de-identification, for any table and any note that hypothesis can think of."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymization.keys import KeyRing, normalise
from anonymization.pii import Linked, own_values_left, redact
from anonymization.pii.folding import ascii_digits, clean, tokens
from anonymization.pii.spans import Span, merge, splice
from anonymization.risk.classes import key_codes, sizes_of_codes
from anonymization.steps.base import Context
from anonymization.steps.suppress import Suppress

RING = KeyRing(b"a master key of the tests")
CONTEXT = Context(RING, "scope", date(2026, 1, 1))
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
codes = st.integers(1, 5).flatmap(
    lambda m: st.lists(st.lists(st.integers(-1, 3), min_size=m, max_size=m), min_size=6, max_size=40)
)


@given(codes, st.floats(0.2, 1.0))
@QUICK
def test_no_more_are_expected_to_be_reidentified_than_the_share_allows(rows, share):
    table = pd.DataFrame(rows).where(lambda t: t >= 0)
    keys = tuple(str(c) for c in table.columns)
    table.columns = list(keys)
    out, evidence = Suppress(keys, 2, share=share).apply(table, CONTEXT)
    fk = sizes_of_codes(key_codes(out, keys), np.ones(len(out)), missing="wildcard").fk
    assert (1 / fk).mean() <= share
    assert evidence["global"]["share"] <= share


@given(st.lists(st.one_of(st.none(), st.integers(0, 4), st.sampled_from("abc")), min_size=1, max_size=30))
@QUICK
def test_class_sizes_do_not_depend_on_labels_or_order(values):
    table = pd.DataFrame({"k": pd.Series(values, dtype=object)})
    shuffled = table.iloc[::-1]
    ones = np.ones(len(table))
    one = sizes_of_codes(key_codes(table, ["k"]), ones, missing="wildcard").fk
    two = sizes_of_codes(key_codes(shuffled, ["k"]), ones, missing="wildcard").fk
    assert one.tolist() == two.tolist()[::-1]


@given(
    st.lists(st.text(max_size=12), max_size=30),
    st.text(min_size=1, max_size=8),
    st.text(min_size=1, max_size=8),
)
@QUICK
def test_equal_values_have_equal_tokens_and_unequal_ones_do_not(values, scope, domain):
    tokens_of = RING.tokens(scope, domain, pd.Series(values, dtype=object))
    by_value: dict[str, str] = {}
    for value, token in zip(values, tokens_of, strict=True):
        plain = normalise(value)
        if plain is None:
            assert token is None
        else:
            assert by_value.setdefault(plain, token) == token
    assert len(set(by_value.values())) == len(by_value)


@given(st.sets(st.text(min_size=1, max_size=10).filter(lambda t: t.strip()), min_size=1, max_size=40))
@QUICK
def test_two_projects_share_no_pseudonym(values):
    ids = pd.Series(sorted(values))
    release = pd.DataFrame({"hh": RING.tokens("dataset:x", "household", ids)})
    one, two = (RING.rekey(release, {"hh": "household"}, f"project:{p}") for p in "ab")
    kept = [set(t["hh"]) for t in (release, one, two)]
    assert len(kept[0] | kept[1] | kept[2]) == 3 * len(kept[0])
    assert one["hh"].nunique() == release["hh"].nunique()


spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 12), st.sampled_from(["person", "id", "phone", "head"])),
    max_size=8,
)


@given(st.text(min_size=60, max_size=60, alphabet=st.characters(codec="ascii", categories=["Ll"])), spans)
@QUICK
def test_everything_that_a_detector_found_is_gone_and_everything_else_is_kept(text, found):
    wanted = [Span(a, a + n, tag, "x") for a, n, tag in found]
    covered = {i for s in wanted for i in range(s.start, s.end)}
    assert covered == {i for s in merge(wanted) for i in range(s.start, s.end)}
    redacted, _ = splice(text, wanted)
    rest = "".join(c for i, c in enumerate(text) if i not in covered)
    for tag in ("[person]", "[id]", "[phone]", "[head]"):
        redacted = redacted.replace(tag, "")
    assert redacted == rest


_NAMES = [
    "Wanjiku",
    "Otieno",
    "Ng'ang'a",
    "Şükrü",
    "İbrahim",
    "João",
    "Muhammad",
    "Ana",
    "de la Cruz",
    "محمد",
    "Li Na",
]
_CASES = [str, str.upper, str.lower, str.title]
_WORDS = ["went", "home", "the", "roof", "Leaks", "3", "مکان", "nyumba", "casa.", "(", "—", "[head]", "and,"]
_SEPARATORS = ["", " ", "-", ".", " - "]


@st.composite
def notes(draw):
    name, surname = draw(st.sampled_from(_NAMES)), draw(st.sampled_from(_NAMES))
    phone = "07" + "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=8, max_size=8)))
    number = "".join(draw(st.lists(st.sampled_from("123456789"), min_size=8, max_size=16)))
    between = draw(st.sampled_from(_SEPARATORS))
    spaced = between.join(phone[i : i + 3] for i in range(0, len(phone), 3)) if len(between) < 3 else phone
    dashed = number[:5] + draw(st.sampled_from(["", "-", " "])) + number[5:]
    case = draw(st.sampled_from(_CASES))
    planted = [
        case(name),
        case(f"{name} {surname}"),
        spaced,
        dashed,
        f"{name}{draw(st.sampled_from(['', ',', '.']))}",
    ]
    words = draw(st.lists(st.sampled_from([*_WORDS, *planted]), min_size=1, max_size=14))
    glue = draw(st.sampled_from([" ", "  ", "\n"]))
    return glue.join(words), {"given": name, "sur": surname, "phone": phone, "nid": number}


@given(st.lists(notes(), min_size=1, max_size=6), st.sampled_from(["standard", "strict"]))
@QUICK
def test_no_note_keeps_an_identifier_of_its_own_row(rows, profile):
    linked = Linked(
        {"given": "name", "sur": "name", "phone": "phone", "nid": "id"},
        {k: [own[k] for _, own in rows] for k in ("given", "sur", "phone", "nid")},
    )
    texts = [text for text, _ in rows]
    redacted, evidence = redact(texts, linked, profile=profile, countries=["KE"] * len(rows), processes=1)
    assert own_values_left(redacted, linked) == 0
    assert evidence["texts"] == sum(bool(t.strip()) for t in texts)


@given(st.text(max_size=80))
@QUICK
def test_any_text_at_all_is_redacted_without_an_error(text):
    plain = clean(text)
    assert len(ascii_digits(plain)) == len(plain)
    assert all(plain[t.start : t.end] for t in tokens(plain))
    redact([text], Linked({"n": "name"}, {"n": [text[:10]]}), processes=1, countries=["PK"])
