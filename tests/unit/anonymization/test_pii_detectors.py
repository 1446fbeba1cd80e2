"""The detectors one by one: shapes, linked values, titles, spans. All values here are made up."""

from __future__ import annotations

import socket

import pandas as pd
import pytest

from anonymization.pii import Linked, Span, find_identifiers, own_values_left, redact, scan_table
from anonymization.pii.engine import self_test
from anonymization.pii.folding import clean, fold, one_slip, skeleton, sound, tokens
from anonymization.pii.packs import EVERYWHERE, PACKS, check_of
from anonymization.pii.spans import merge, splice


def tags(text: str, country: str = "") -> list[tuple[str, str]]:
    return [(s.tag, clean(text)[s.start : s.end]) for s in find_identifiers(text, country)]


def one(text: str, country: str = "", profile: str = "strict", **own: str) -> str:
    """One note redacted with its own row; keyword is kind, value is the row's value."""
    linked = Linked({k: k.split("_", maxsplit=1)[0] for k in own}, {k: [v] for k, v in own.items()})
    redacted, _ = redact([text], linked, profile=profile, countries=[country])
    return redacted[0] or ""


def test_context_words_raise_scores_without_a_model():
    self_test()


@pytest.mark.parametrize(
    ("country", "text", "found"),
    [
        ("KE", "piga 0712 345 678 kesho", ("phone", "0712 345 678")),
        ("KE", "Kitambulisho 23456781 kimeonekana", ("id", "23456781")),
        ("KE", "KRA A001234567B", ("id", "A001234567B")),
        ("PH", "tawagan 0917 123 4567", ("phone", "0917 123 4567")),
        ("PH", "PhilSys 1234-5678-9012-3456", ("id", "1234-5678-9012-3456")),
        ("PH", "PhilHealth 12-345678901-2", ("id", "12-345678901-2")),
        ("BR", "CPF 529.982.247-25", ("id", "529.982.247-25")),
        ("BR", "CPF 529.982.247-24 digitado errado", ("id", "529.982.247-24")),
        ("PK", "CNIC 35202-1234567-1", ("id", "35202-1234567-1")),
        ("TR", "kimlik no 10000000146", ("id", "10000000146")),
        ("ID", "NIK 3201011505900001", ("id", "3201011505900001")),
        ("", "write to juma.k@kijiji.local please", ("email", "juma.k@kijiji.local")),
        ("TR", "IBAN TR33 0006 1005 1978 6457 8413 26", ("account", "TR33 0006 1005 1978 6457 8413 26")),
        ("", "house at -1.29210, 36.82190 by the road", ("location", "-1.29210, 36.82190")),
        ("", "plus code 6GCRPR6C+24", ("location", "6GCRPR6C+24")),
        ("PK", "رابطہ ۰۳۰۰ ۱۲۳۴۵۶۷ پر کریں", ("phone", "۰۳۰۰ ۱۲۳۴۵۶۷")),
        ("", "Bi. Nyokabi alikuja", ("person", "Nyokabi")),
        ("", "kausap si Ligaya kahapon", ("person", "Ligaya")),
        ("", "Ayşe Hanım geldi", ("person", "Ayşe Hanım")),
    ],
)
def test_identifiers_by_shape_or_title(country, text, found):
    assert found in tags(text, country)


@pytest.mark.parametrize(
    "text", ["Visited on 06-12-2024 and 2024-03-15.", "The roof leaks.", "paid 3 times, 2 goats", ""]
)
def test_dates_and_plain_words_are_no_identifiers(text):
    assert find_identifiers(text) == []


def test_every_check_of_the_packs_exists_and_every_pattern_compiles():
    shapes = [*EVERYWHERE, *(s for p in PACKS.values() for s in p.shapes)]
    assert all(isinstance(word, str) for s in shapes for word in s.context)
    for shape in shapes:
        check_of(shape.check)
    assert set(PACKS) == {"KE", "PH", "BR", "PK", "TR", "ID"}


def test_nothing_is_fetched_for_an_email(monkeypatch):
    def no_network(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert tags("a.person@somewhere.example")[0][0] == "email"


@pytest.mark.parametrize(
    "written",
    [
        "Wanjiku",
        "WANJIKU",
        "wanjiku",
        "Wanjku",
        "Wanijku",
        "Wanjikuu",
        "Wan\u200bjiku",
        "Wanjiku's",
        "Ŵanjiku",
    ],
)
def test_the_rows_own_name_however_it_is_written(written):
    out = one(f"Then the aunt of {written} came.", name="Wanjiku Mwangi")
    assert out == "Then the aunt of [head] came."


@pytest.mark.parametrize(
    ("registered", "written"),
    [("Muhammad", "محمد"), ("Fatima", "فاطمہ"), ("Şükrü", "SUKRU"), ("İbrahim", "ibrahim"), ("Ng'ang'a", "Ng’ang’a"),
     ("Yusuf", "Yousouf"), ("Sharifa", "Sherifa"), ("João", "Joao")],
)  # fmt: skip
def test_own_names_across_scripts_and_spellings(registered, written):
    assert "[head]" in one(f"we saw {written} there", name=registered)


def test_initials_and_full_names_become_one_head():
    assert (
        one("Met W. Mwangi and Wanjiku Mwangi today", name="Wanjiku Mwangi") == "Met [head] and [head] today"
    )


@pytest.mark.parametrize(
    "written", ["0712345678", "+254 712 345 678", "254712345678", "0712-345-678", "0712 345 679"]
)
def test_the_rows_own_phone_in_any_format(written):
    assert one(f"call {written} now", phone="+254712345678") == "call [phone] now"


@pytest.mark.parametrize("written", ["3520212345671", "35202-1234567-1", "35202 1234567 1", "3520212345617"])
def test_the_rows_own_number_with_any_separator_or_one_slip(written):
    assert one(f"seen: {written}.", id="35202-1234567-1") == "seen: [id]."


def test_own_place_birth_date_and_coordinates():
    text = "She lives at Kariobangi North, born 5/3/1980, near -1.262 or 36.88."
    out = one(
        text, place="Kariobangi North", date="1980-03-05", coordinate_lat="-1.2621", coordinate_lon="36.8799"
    )
    assert out == "She lives at [own place], born [birth date], near [location] or [location]."


def test_amounts_of_money_stay_in_the_strict_profile():
    assert "1500000" in one("received Rp 1500000 in May", country="ID")
    assert "[number]" in one("code 20394857261234 written on the door", country="KE")


def test_what_overlaps_is_covered_whole():
    spans = [Span(0, 5, "person", "a"), Span(3, 9, "id", "b"), Span(20, 22, "phone", "c")]
    assert [(s.start, s.end, s.tag) for s in merge(spans)] == [(0, 9, "id"), (20, 22, "phone")]


def test_a_bracket_stays_in_pairs():
    assert one("Asha (0712 345 678) came", country="KE").endswith("([phone]) came")


def test_two_people_stay_two():
    text = "Ana Maria, Jose Cruz"
    spans = [
        Span(0, 3, "person", "a"),
        Span(4, 9, "person", "a"),
        Span(11, 15, "person", "a"),
        Span(16, 20, "person", "a"),
    ]
    assert splice(text, spans)[0] == "[person], [person]"


def test_the_second_look_sees_what_was_left():
    linked = Linked({"name": "name", "phone": "phone"}, {"name": ["Otieno"] * 3, "phone": ["0712345678"] * 3})
    assert own_values_left(["OTIENO left", "call 0712 345 678", "[head] at [phone]"], linked) == 2


def test_a_placeholder_in_the_original_hides_nothing():
    assert "otieno" not in one("[otieno] was here, [head] too", name="Otieno").lower()


def test_folding_levels_what_registries_write_differently():
    assert fold("KİMLİK") == fold("kimlik") == "kimlik"
    assert fold("Ng'ang'a") == "nganga"
    assert sound("yousouf") == sound("yusuf")
    assert skeleton(fold("محمد")) == skeleton("muhammad")
    assert one_slip("kamau", "kamua")
    assert not one_slip("kamau", "kimao")


def test_tokens_know_where_sentences_begin():
    opens = {t.folded: t.opens for t in tokens("Bi. Wanjiku alisema. Kisha Otieno")}
    assert opens == {"bi": True, "wanjiku": False, "alisema": False, "kisha": True, "otieno": False}


def test_a_finished_table_is_scanned_without_repeating_values():
    table = pd.DataFrame({"note": ["fine", "mail x.y@z.example"], "n": [1, 2], "who": ["[head]", "Kamau W"]})
    findings = scan_table(table, planted=["kamau"])
    assert {(f.column, f.kind) for f in findings} == {("note", "email"), ("who", "planted")}
    assert "x.y" not in repr(findings)


def test_pseudonyms_are_not_taken_for_identifiers():
    from anonymization.keys import KeyRing

    ring = KeyRing(b"a master key of the tests")
    table = pd.DataFrame({"hh": ring.tokens("s", "d", pd.Series(range(300)))})
    assert scan_table(table) == []
