"""The registry's own names and numbers are found in an output however they are written, and never kept or repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymization.disclosure.own_values import OwnValues, digests

KEY = b"k" * 32
NAMES = [
    "Ana María López",
    "Chukwuemeka Obi",
    "Ngô Đình Nhu",
    "محمد علي",
    "Rosa da Silva e Souza Lima",
    "Kofi",
    None,
]
NUMBERS = ["0712 345 678", "CC-1987-004-X", "19870041", float("nan"), "12", "1987004"]


@pytest.fixture(scope="module")
def own() -> OwnValues:
    return OwnValues(digests([*NAMES, *NUMBERS], KEY), KEY)


@pytest.mark.parametrize(
    "text",
    [
        "paid to Ana María López in May",
        "LOPEZ, Ana Maria",
        "ana maria lopez",
        "region_Obi_Chukwuemeka.csv",
        "Lima, Rosa",
        "Rosa da Lima",
        "see محمد علي here",
        "Ngo Đinh Nhu",
        "call 0712345678",
        "0712-345-678",
        "(0712) 345.678",
        "id cc1987004x!",
        "CC/1987/004/X",
        "٠٧١٢٣٤٥٦٧٨",
        "1 9 8 7 0 0 4 1",
    ],
)
def test_it_is_found_however_it_is_written(own, text):
    assert own(text), text
    assert own(f"Some words before. {text} And after.")


@pytest.mark.parametrize(
    "text",
    [
        "Ana María",
        "López",
        "Kofi",
        "Households in the north: 412",
        "12",
        "0712 345 679",
        "CC-1987-004-Y",
        "",
        "1987",
        "0712345.678",
        "1987004",
    ],
)
def test_what_is_not_theirs_is_left_alone(own, text):
    assert not own(text)


def test_it_says_what_kind_and_never_which(own):
    assert sorted(set(own("Obi Chukwuemeka, 0712 345 678"))) == ["name", "number"]
    assert "0712" not in repr(own.held)


def test_another_key_knows_nobody(own):
    other = OwnValues(own.held, b"x" * 32)
    assert not other("Ana María López, 0712 345 678")
    assert not set(digests(NAMES, b"x" * 32).tolist()) & set(own.held.tolist())


@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text):
    assert OwnValues(digests(NUMBERS, KEY), KEY)(text) in ([], ["number"])
    assert digests([text], KEY).dtype == "uint64"


@given(
    st.lists(st.text(alphabet="abcdefghij", min_size=2, max_size=8), min_size=2, max_size=4),
    st.randoms(use_true_random=False),
)
def test_a_name_is_found_in_any_order_and_case(words, random):
    shuffled = list(words)
    random.shuffle(shuffled)
    own = OwnValues(digests([" ".join(words)], KEY), KEY)
    assert own("x1 " + " ".join(w.upper() for w in shuffled) + " 7")
