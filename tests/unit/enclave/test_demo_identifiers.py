"""The numbers and phones of the demo hold against libraries that nobody here wrote."""

from __future__ import annotations

from datetime import date

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cpf as stdnum_cpf
from stdnum.id import nik as stdnum_nik
from stdnum.pk import cnic as stdnum_cnic
from stdnum.tr import tckimlik

from enclave.demo.identifiers import cnic, cpf, kenyan, national_id, nik, pcn, phone, tckn

SERIALS = st.integers(0, 50_000_000)
DATES = st.dates(date(1925, 1, 1), date(2026, 9, 30))
SEXES = st.sampled_from(["female", "male"])
AREAS = st.integers(0, 7)


@given(SERIALS)
def test_a_cpf_has_its_check_digits_and_is_not_one_digit_repeated(serial):
    number = cpf(serial)

    assert stdnum_cpf.is_valid(number)
    assert stdnum_cpf.format(number) == number
    assert len(set(stdnum_cpf.compact(number))) > 1


@given(SERIALS)
def test_a_turkish_number_has_its_check_digits(serial):
    assert tckimlik.is_valid(tckn(serial))


@given(SERIALS, DATES, SEXES, AREAS)
def test_a_nik_carries_place_birth_date_and_sex(serial, born, sex, area):
    number = nik(serial, born, sex, area)

    assert stdnum_nik.is_valid(number)
    day = int(number[6:8])
    assert day - (40 if sex == "female" else 0) == born.day
    assert (int(number[8:10]), int(number[10:12])) == (born.month, born.year % 100)


@given(SERIALS, SEXES, AREAS)
def test_a_cnic_carries_province_and_sex(serial, sex, area):
    number = cnic(serial, sex, area)

    assert stdnum_cnic.is_valid(number)
    assert stdnum_cnic.format(number) == number
    assert stdnum_cnic.get_gender(number) == ("F" if sex == "female" else "M")


@given(SERIALS)
def test_kenyan_numbers_have_eight_digits_and_philippine_ones_sixteen(serial):
    assert kenyan(serial).isdigit()
    assert len(kenyan(serial)) == 8
    assert len(pcn(serial)) == 19
    assert pcn(serial).replace("-", "").isdigit()


@pytest.mark.parametrize("country", ["KE", "PH", "BR", "PK", "TR"])
def test_no_two_of_sixty_thousand_people_share_a_number(country):
    born = date(1980, 5, 17)

    numbers = {national_id(country, serial, born, "male", 3) for serial in range(0, 960_000, 16)}

    assert len(numbers) == 60_000


@given(
    st.sampled_from(["KE", "PH", "BR", "PK", "TR", "ID"]),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_every_phone_is_a_valid_mobile_of_its_country(country, u, v):
    number = phonenumbers.parse(phone(country, u, v), country)

    assert phonenumbers.is_valid_number_for_region(number, country)
    assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
