"""Identifiers in disguise, as people write them to get past a filter or as they were read out."""

from __future__ import annotations

import pytest

from anonymization.pii.folding import clean, tokens
from anonymization.pii.linked import Linked
from anonymization.pii.redaction import redact


def strict(*notes: str, name: str = "Miriam Ochieng") -> list[str]:
    linked = Linked({"head": "name"}, {"head": [name] * len(notes)})
    out, _ = redact(list(notes), linked, profile="strict", processes=1, models=False)
    return [str(text) for text in out]


@pytest.mark.parametrize(
    ("note", "hidden"),
    [
        ("contact: j.wekesa (at) yahoo (dot) com for follow up", ("wekesa", "yahoo")),
        ("write to otieno77 at gmail dot com", ("otieno77", "gmail")),
        ("her mail is kim . otieno @ gmail . com please", ("otieno", "gmail")),
        ("phone O712 345 67B was given by the neighbour", ("712", "345")),
        ("gcash 0917-l23-4567 of the aunt", ("0917", "4567")),
        ("call 0712|345|678 or 0722*345*678 or 0733_345_678", ("345", "678")),
        ("PhilSys 1234_5678_9012_3456", ("5678",)),
        ("CPF 529 . 982 . 247 - 25 of the head", ("982", "247")),
        ("till number 5 2 3 4 5 6 was used", ("3 4",)),
        ("phone zero seven one two three four five six seven eight", ("seven", "three")),
        ("simu ni sifuri saba moja mbili tatu nne tano sita saba nane", ("moja", "tano")),
        ("CPF cinco dois nove nove oito dois dois quatro sete dois cinco", ("nove", "quatro")),
        ("telefon sıfır beş üç iki dört beş altı yedi", ("dört", "yedi")),
        ("house at 6gcrpr6c + 9f near the school", ("6gcrpr6c", "9f")),
        ("reach her on tg @mcdc90", ("mcdc90",)),
        ("born on the 3rd of March nineteen ninety", ("3rd", "March", "ninety")),
        ("born March 3rd, '90 in the village", ("March", "90")),
        ("lahir tanggal tiga Maret seribu sembilan ratus sembilan puluh", ("tiga", "Maret", "puluh")),
        ("nasc. três de março de mil novecentos e noventa", ("três", "março", "noventa")),
        ("doğum: 3 Mart bin dokuz yüz doksan", ("3 Mart", "doksan")),
    ],
)
def test_disguises_are_seen_through(note, hidden):
    [text] = strict(note)
    assert not [part for part in hidden if part in text], text


@pytest.mark.parametrize(
    "note",
    [
        "two of three children go to school and five goats were sold",
        "the house has three rooms, one door and two windows",
        "she was at home at noon. dot matrix prints were given",
        "paid KES 1,234,567 for the roof in 2019 - 2023",
        "rice 2 + 3 bags and the visit of 3 March went well",
        "born in the village of the elders and may come again",
        "visited @ home. She may need help",
    ],
)
def test_ordinary_counts_and_words_stay(note):
    assert strict(note) == [note]


@pytest.mark.parametrize(
    "written",
    [
        "M\u0456ri\u0430m",
        "Miri\u0430m",
        "\U0001d40c\U0001d422\U0001d42b\U0001d422\U0001d41a\U0001d426",
        "\u24c2\u24d8\u24e1\u24d8\u24d0\u24dc",
        "\uff2d\uff49\uff52\uff49\uff41\uff4d",
        "Mi\u200bri\u00adam",
    ],
)
def test_look_alike_letters_do_not_hide_a_name(written):
    assert clean(written) == "Miriam"
    assert strict(f"{written} was seen there today") == ["[head] was seen there today"]


def test_a_word_of_another_script_is_left_as_it_is():
    assert clean("Мария сказала Ωμέγα") == "Мария сказала Ωμέγα"


def test_a_stretched_arabic_name_is_the_name():
    assert [t.folded for t in tokens(clean("فـاطـمـہ"))] == [t.folded for t in tokens("فاطمہ")]


def test_a_name_broken_over_lines_is_found():
    [text] = strict("we saw Miri-\nam Ochi-\neng at home")
    assert "eng" not in text
    assert "Miri" not in text
