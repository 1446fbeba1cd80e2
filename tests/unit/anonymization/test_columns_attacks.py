"""Columns that try to pass as harmless: nothing here carries a telling name, and nothing may be kept."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from anonymization.columns import classify
from enclave.demo.identifiers import cnic, cpf, kenyan, nik, pcn, phone, tckn

N = 700
RNG = np.random.default_rng(20)
BORN = [date(1935, 1, 1) + timedelta(days=int(d)) for d in RNG.integers(0, 25_000, N)]
SEX = ["female" if s else "male" for s in RNG.integers(0, 2, N)]
CODES = RNG.choice(["A1", "B2", "C3", "D4"], N)
GIVEN = [
    "Amina",
    "Juma",
    "Wanjiku",
    "Otieno",
    "Siti",
    "Budi",
    "Mehmet",
    "Fatma",
    "Joao",
    "Maria",
    "Bashir",
    "Rosario",
]
FAMILY = [
    "Kamau",
    "Mwangi",
    "Hidayat",
    "Yilmaz",
    "Santos",
    "Iqbal",
    "Reyes",
    "Ochieng",
    "Demir",
    "Souza",
    "Malik",
]
NAMES = [f"{GIVEN[i % 12]} {FAMILY[(i * 7) % 11]}" for i in range(N)]
LAT, LON = -1.28 + RNG.normal(0, 0.2, N), 36.82 + RNG.normal(0, 0.2, N)


def some(values, share: float, elsewhere) -> list[object]:
    """`values` in a share of the rows, `elsewhere` in the others."""
    hidden = np.random.default_rng(4).random(N) < share
    return [v if h else e for v, h, e in zip(values, hidden, elsewhere, strict=True)]


def niks() -> list[str]:
    return [nik(i, BORN[i], SEX[i], i % 10) for i in range(N)]


def base36(n: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return digits[n % 36] if n < 36 else base36(n // 36) + digits[n % 36]


#: What is hidden: how it is written, and the roles that would protect it.
DIRECT, QUASI, TEXT = {"direct"}, {"quasi"}, {"direct", "free_text"}
HIDDEN: dict[str, tuple[list[object], set[str]]] = {
    "NIK": (niks(), DIRECT),
    "NIK as a float": ([float(n) for n in niks()], DIRECT),
    "CNIC": ([cnic(i, SEX[i], i % 10) for i in range(N)], DIRECT),
    "CNIC without dashes as a number": (
        [int(cnic(i, SEX[i], i % 10).replace("-", "")) for i in range(N)],
        DIRECT,
    ),
    "CPF": ([cpf(i) for i in range(N)], DIRECT),
    "CPF as a number that lost its zeros": (
        [int(cpf(i).replace(".", "").replace("-", "")) for i in range(N)],
        DIRECT,
    ),
    "CPF repeated in a person table": ([cpf(i // 5) for i in range(N)], DIRECT),
    "TCKN as text of a float": ([f"{tckn(i)}.0" for i in range(N)], DIRECT),
    "TCKN in Arabic digits": (
        [tckn(i).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")) for i in range(N)],
        DIRECT,
    ),
    "Kenyan id": ([int(kenyan(i)) for i in range(N)], DIRECT),
    "Kenyan id with a spreadsheet's quote": ([f"'{kenyan(i)}" for i in range(N)], DIRECT),
    "PCN": ([pcn(i) for i in range(N)], DIRECT),
    "ids in one row of a hundred of a code column": (some([kenyan(i) for i in range(N)], 0.01, CODES), TEXT),
    "CPFs in one row of a hundred of an amount": (
        some(
            [int(cpf(i).replace(".", "").replace("-", "")) for i in range(N)],
            0.01,
            RNG.integers(1, 90, N).tolist(),
        ),
        DIRECT,
    ),
    "ids inside remarks": (
        some(
            [f"ok, ID {cnic(i, SEX[i], 1)}" for i in range(N)], 0.03, RNG.choice(["ok", "absent", "moved"], N)
        ),
        TEXT,
    ),
    "phones inside remarks": (
        some(
            [f"call {phone('KE', i / N, 0.3)}" for i in range(N)],
            0.02,
            RNG.choice(["ok", "absent", "moved"], N),
        ),
        TEXT,
    ),
    "phones": (
        [phone(("KE", "BR", "TR", "ID", "PK", "PH")[i % 6], i / N, (i * 7 % N) / N) for i in range(N)],
        DIRECT,
    ),
    "phones as numbers without their zero": (
        [712_000_000 + int(x) for x in RNG.integers(0, 999_999, N)],
        DIRECT,
    ),
    "phones that a spreadsheet rounded": ([f"2.547{i % 90 + 10}E+11" for i in range(N)], DIRECT),
    "e-mail in few rows": (some([f"a{i}@example.org" for i in range(N)], 0.02, [None] * N), DIRECT),
    "names": (list(NAMES), DIRECT),
    "names in capitals": ([n.upper() for n in NAMES], DIRECT),
    "names in one row of twenty of a status": (some(NAMES, 0.05, RNG.choice(["open", "closed"], N)), TEXT),
    "names in Urdu": (
        [
            f"{('محمد', 'فاطمہ', 'احمد', 'علی')[i % 4]} {('خان', 'حسین', 'بی بی')[i % 3]} {i % 17}".rstrip(
                " 0123456789"
            )
            for i in range(N)
        ],
        DIRECT,
    ),
    "villages nobody lists": (
        [
            f"{a}{b}"
            for a, b in zip(
                RNG.choice(["Ka", "Mu", "Nya", "Ki", "Lo", "Bu", "Cha"], N),
                RNG.choice(["tare", "mbeni", "ruru", "goro", "leni", "saka", "wanda", "tuta"], N),
                strict=True,
            )
        ],
        DIRECT,
    ),
    "addresses": ([f"House {i % 300}, Moi Road" for i in range(N)], DIRECT),
    "coordinates in one cell": ([f"{a:.5f}, {b:.5f}" for a, b in zip(LAT, LON, strict=True)], DIRECT),
    "well-known text": ([f"POINT({b:.6f} {a:.6f})" for a, b in zip(LAT, LON, strict=True)], DIRECT),
    "degrees and minutes": ([f"1°{i % 60}'{i % 59}\"S 36°{i % 50}'E" for i in range(N)], DIRECT),
    "plus codes": (
        [
            f"6GCRPR{'23456789CFGHJMPQRVWX'[i % 20]}{'23456789CFGHJMPQRVWX'[i // 20 % 20]}+{'23456789CFGHJMPQRVWX'[i // 35]}V"
            for i in range(N)
        ],
        DIRECT,
    ),
    "short plus codes with a town": (
        [
            f"PR{'23456789CFGHJMPQRVWX'[i % 20]}{'23456789CFGHJMPQRVWX'[i // 20 % 20]}+QV Nairobi"
            for i in range(N)
        ],
        DIRECT,
    ),
    "three words": ([f"{GIVEN[i % 12].lower()}.{FAMILY[i % 11].lower()}.table" for i in range(N)], DIRECT),
    "UUIDs": ([f"{i:08x}-1111-4222-8333-{i * 7919:012x}" for i in range(N)], DIRECT),
    "digests of ids": (
        [f"{i * 2654435761 % 2**128:032x}"[:32].replace("0", "a", 3) for i in range(1, N + 1)],
        DIRECT,
    ),
    "short codes of one's own": ([base36(36**3 + i * 31) for i in range(N)], DIRECT),
    "household numbers in a person table": ([f"HH{i // 4:05d}" for i in range(N)], DIRECT),
    "household numbers as numbers": ([1000 + i // 4 for i in range(N)], DIRECT),
    "full birth dates": ([b.isoformat() for b in BORN], QUASI),
    "full birth dates as timestamps": (list(pd.to_datetime(BORN)), QUASI),
    "full birth dates day first": ([f"{b:%d/%m/%Y}" for b in BORN], QUASI),
    "full birth dates with month names": ([f"{b:%d %b %Y}" for b in BORN], QUASI),
    "full birth dates as numbers": ([int(f"{b:%Y%m%d}") for b in BORN], QUASI | DIRECT),
    "full birth dates in two-digit years": ([f"{b:%d.%m.%y}" for b in BORN], QUASI),
    "full birth dates as days of a spreadsheet": (
        [(b - date(1899, 12, 30)).days for b in BORN],
        QUASI | DIRECT,
    ),
    "years of birth": ([b.year for b in BORN], QUASI),
}


def table_with(values: list[object]) -> pd.DataFrame:
    return pd.DataFrame(
        {"v00": RNG.integers(1, 9, N), "v01": pd.Series(values, dtype=object).infer_objects(), "v02": CODES}
    )


@pytest.mark.parametrize("what", HIDDEN)
def test_nothing_hidden_is_kept(what):
    values, protecting = HIDDEN[what]
    column = classify(table_with(values)).column("v01")
    assert column.proposed.role.value in protecting, (column.reason, column.profile)
    if "direct" in protecting and "quasi" not in protecting:
        assert set(column.proposed.treatment) & {"drop", "pseudonymise", "redact_text"}
    elif column.proposed.role == "quasi":
        assert "keep" not in column.proposed.treatment


@pytest.mark.parametrize("what", HIDDEN)
def test_nothing_hidden_is_kept_under_a_name_that_lies(what):
    values, protecting = HIDDEN[what]
    for name in ("income", "programme_status"):
        table = table_with(values).rename(columns={"v01": name})
        column = classify(table).column(name)
        said = column.proposed.role.value
        unsure = name == "income" and all(isinstance(v, int | float) for v in values)
        if not unsure:  # numbers called an amount may be one; the others cannot
            assert said in protecting | TEXT, (name, column.reason)


def test_a_birth_date_in_three_columns_is_one():
    rows = pd.DataFrame(
        {
            "v00": [b.year for b in BORN],
            "v01": [b.month for b in BORN],
            "v02": [b.day for b in BORN],
            "v03": RNG.integers(1, 5, N),
            "v04": RNG.integers(0, 12, N),
        }
    )
    found = classify(rows)
    for name in ("v00", "v01", "v02"):
        assert found.column(name).proposed.kind == "birth_part"
        assert found.column(name).proposed.treatment == ("drop",)
        assert "together" in found.column(name).reason
    assert found.column("v03").proposed.kind == "category"
    text = classify(rows.astype(str))
    assert text.column("v02").proposed.kind == "birth_part"
    two_digits = classify(rows.assign(v00=rows["v00"] % 100))
    assert two_digits.column("v01").proposed.kind == "birth_part"


def test_two_columns_of_degrees_are_a_place_whatever_their_decimals():
    for places in (4, 6, 15):
        rows = pd.DataFrame(
            {"v00": CODES, "v01": LAT.round(places), "v02": LON.round(places), "v03": RNG.integers(1, 9, N)}
        )
        found = classify(rows)
        assert found.column("v01").proposed.kind == "coordinate", places
        assert found.column("v02").proposed.kind == "coordinate", places


def test_household_composition_is_a_quasi_identifier_and_its_household_is_named():
    household = np.repeat(np.arange(N), 3)[:N]
    rows = pd.DataFrame(
        {
            "hhid": household + 10_000,
            "relationship": np.tile([1, 2, 3], N)[:N],
            "members_under_5": RNG.integers(0, 4, N),
            "household_size": 3,
            "children": RNG.integers(0, 6, N),
            "age": RNG.integers(0, 90, N),
        }
    )
    found = classify(rows, unit="person")
    assert {
        found.column(n).proposed.role.value for n in ("relationship", "members_under_5", "children", "age")
    } == {"quasi"}
    assert found.household == "hhid"


def test_no_value_of_the_table_stands_in_the_document():
    rows = pd.DataFrame({what: values for what, (values, _) in HIDDEN.items() if len(values) == N})
    text = classify(rows).to_yaml()
    for what, (values, _) in HIDDEN.items():
        for value in values[:40]:
            if value is not None and len(str(value)) >= 6 and str(value) not in what:
                assert str(value) not in text, what


def test_an_index_with_repeated_labels_or_odd_column_types_changes_nothing():
    rows = pd.DataFrame(
        {
            "v00": [kenyan(i) for i in range(N)],
            "v01": pd.Categorical(CODES),
            "v02": [[1, 2]] * N,
            "v03": [None] * N,
            "v04": [b"\xff\xfe"] * N,
        },
        index=[0] * N,
    )
    found = classify(rows)
    assert found.column("v00").proposed.role.value == "direct"
    assert found.column("v03").profile.type == "empty"
    assert len(found.columns) == 5
    assert classify(rows.iloc[:0]).rows == 0
    assert len(classify(pd.DataFrame({"a b": [1], "a": ["x"]})).columns) == 2


@pytest.mark.parametrize(
    "what", ["NIK", "NIK as a float", "CPF", "CPF as a number that lost its zeros", "TCKN as text of a float"]
)
def test_a_national_number_is_called_one_by_its_check_digits(what):
    values = HIDDEN[what][0]
    if "lost" in what:
        values = [v for v in values if v < 10_000_000_000] * 8  # only such as lost one
    column = classify(pd.DataFrame({"v00": values})).column("v00")
    assert column.proposed.kind == "national_id", column.reason
    assert column.profile.detectors["national number"] > 0.5
