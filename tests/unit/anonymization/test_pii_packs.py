"""Shapes of the country packs one by one, and their look-alikes. Every number here is made up."""

from __future__ import annotations

import pytest

from anonymization.pii import Linked, find_identifiers, redact
from anonymization.pii.checks import cns, nis, titulo
from anonymization.pii.folding import ascii_digits, clean


def tags(text: str, country: str = "") -> list[tuple[str, str]]:
    return [(s.tag, clean(text)[s.start : s.end]) for s in find_identifiers(text, country)]


@pytest.mark.parametrize(
    ("country", "text", "found"),
    [
        ("KE", "mpesa code QK12AB34CD received", ("account", "QK12AB34CD")),
        ("KE", "paybill 247247 till", ("account", "247247")),
        ("KE", "alizaliwa 5/3/1980 huko", ("birth_date", "5/3/1980")),
        ("KE", "she was born on 5th March 1980 there", ("birth_date", "5th March 1980")),
        ("BR", "nasceu em 12 de agosto de 1975", ("birth_date", "12 de agosto de 1975")),
        ("TR", "12.04.1966 doğumlu", ("birth_date", "12.04.1966")),
        ("ID", "lahir 1990-02-11", ("birth_date", "1990-02-11")),
        ("KE", "send to P.O. Box 431-00200 please", ("address", "P.O. Box 431-00200")),
        ("KE", "lives in Plot 12, Market Road now", ("address", "Plot 12, Market Road")),
        ("PH", "nakatira sa Purok 4", ("address", "Purok 4")),
        ("PH", "Blk 5 Lot 12", ("address", "Blk 5 Lot 12")),
        ("BR", "mora na Rua das Acácias, 145", ("address", "Rua das Acácias, 145")),
        ("BR", "CEP 60410-215", ("address", "60410-215")),
        ("TR", "Lale Sok. No: 12", ("address", "Lale Sok. No: 12")),
        ("ID", "di Jl. Merpati No. 7", ("address", "Jl. Merpati No. 7")),
        ("ID", "RT 03/RW 02", ("address", "RT 03/RW 02")),
        ("PK", "Chak No. 42", ("address", "Chak No. 42")),
        ("BR", "NIS 12056789347", ("id", "12056789347")),
        ("BR", "título de eleitor 1234 5678 0191", ("id", "1234 5678 0191")),
        ("BR", "cartão SUS 700 5000 1234 5679", ("id", "700 5000 1234 5679")),
        ("", "chave pix 123e4567-e89b-42d3-a456-426614174000", ("account", "123e4567-e89b-42d3-a456-426614174000")),
        ("", "passport AB1234567", ("id", "AB1234567")),
        ("TR", "hesap no 1234 5678 9012", ("account", "1234 5678 9012")),
        ("PK", "CNIC ３５２０２-１２３４５６７-１", ("id", "３５２０２-１２３４５６７-１")),
        ("BR", "CPF 529.982.247‑25", ("id", "529.982.247‑25")),
        ("", "mail someone＠post.example", ("email", "someone＠post.example")),
        ("KE", "piga ⓪⑦①② 345 678", ("phone", "⓪⑦①② 345 678")),
        ("KE", "piga 0\u03327\u03321\u03322 345 678", ("phone", "0712 345 678")),
        ("TR", "KİMLİK NO 10000000146", ("id", "10000000146")),
    ],
)  # fmt: skip
def test_found(country, text, found):
    assert found in tags(text, country)


@pytest.mark.parametrize(
    ("country", "text"),
    [
        ("KE", "visited on 5/3/2024 and again on 2024-03-15"),
        ("KE", "received KES 2500 and KES 12000"),
        ("BR", "R$ 600,00 em 2023"),
        ("PH", "ang 3000 sa account niya"),
        ("", "PHASE 2 of the programme, class 4B, 12 goats"),
        ("KE", "the A of B12 and Q4 2023"),
        ("TR", "2024 yılında 3 kez"),
    ],
)
def test_not_found(country, text):
    assert tags(text, country) == []


def test_a_title_at_the_end_of_a_sentence_announces_nobody():
    assert (
        redact(
            ["Kumusta ka. Noong isang araw umalis. Sa araw na iyon noong umalis."],
            profile="standard",
            processes=1,
        )[1]["texts_changed"]
        == 0
    )


@pytest.mark.parametrize(
    ("check", "good"), [(nis, "120.56789.34-7"), (titulo, "123456780191"), (cns, "700 5000 1234 5679")]
)
def test_own_checks_see_a_slip(check, good):
    assert check(good)
    digits = [i for i, c in enumerate(good) if c.isdigit()]
    slips = [good[:i] + str((int(good[i]) + 1) % 10) + good[i + 1 :] for i in digits]
    assert sum(map(check, slips)) <= len(slips) // 6
    assert not check("")
    assert not check("x")


def test_plain_forms_keep_their_places():
    text = "٠۱२৩４−۵ ａ＠ｂ\u00a0x\u2011y ½ ²"
    assert len(ascii_digits(text)) == len(text)
    assert ascii_digits(text) == "01234-5 a@b x-y ½ 2"


@pytest.mark.parametrize(
    ("own", "written", "left"),
    [
        ({"name": "Wanjiku Mwangi"}, "we saw Mwangi, Wanjiku there", "we saw [head], [head] there"),
        ({"name": "Wanjiku Mwangi"}, "we saw WanjikuMwangi there", "we saw [head] there"),
        ({"name": "Wanjiku Mwangi"}, "we saw W.M. there", "we saw [head]. there"),
        ({"name": "Wanjiku Mwangi"}, "we saw Wan jiku there", "we saw [head] there"),
        ({"name": "Wanjiku Mwangi"}, "we saw W a n j i k u there", "we saw [head] there"),
        ({"name": "Wanjiku Mwangi"}, "we saw Ｗａｎｊｉｋｕ there", "we saw [head] there"),
        ({"name": "Juan dela Cruz"}, "we saw delacruz there", "we saw [head] there"),
        ({"name": "فاطمہ"}, "we saw Fatima there", "we saw [head] there"),
        ({"name": "Muhammad Ali"}, "we saw Mohd Aly there", "we saw [head] there"),
        ({"name": "Nyong'o"}, "we saw Nyong o there", "we saw [head] there"),
        ({"id": "35202-1234567-1"}, "seen 35202_1234567_1 there", "seen [id] there"),
        ({"date": "1980-03-05"}, "on 5th of March 1980 there", "on [birth date] there"),
        ({"date": "1980-03-05"}, "on 5 machi 80 there", "on [birth date] there"),
        ({"date": "1980-03-05"}, "on March 5, 1980 there", "on [birth date] there"),
        ({"date": "1980-03-05"}, "on 6 March 1980 there", "on 6 March 1980 there"),
        ({"email": "juma.k@kijiji.local"}, "mail Juma.K (at) kijiji.local there", "mail [email] there"),
        ({"coordinate": "36.8799"}, "gps 36,8799 there", "gps [location] there"),
        ({"name": "Wanjiku"}, "we saw Wan. Jikuyu there", "we saw Wan. Jikuyu there"),
        ({"name": "Asha Omar"}, "a sh a was heard", "a sh a was heard"),
    ],
)  # fmt: skip
def test_own_values_together_apart_shortened_and_in_words(own, written, left):
    linked = Linked({k: k for k in own}, {k: [v] for k, v in own.items()})
    assert redact([written], linked, profile="standard", processes=1)[0] == [left]
