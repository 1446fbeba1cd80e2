"""National numbers and phones with the structure and check digits of the six traditions.

Sources: structure and checks as in python-stdnum's `br.cpf`, `tr.tckimlik`, `id.nik`, `pk.cnic`; a PhilSys
PCN is 16 digits without a published check; Kenya's number is a serial. All are made from counters.
"""

from __future__ import annotations

from datetime import date

#: A number's serial is `(serial * _STRIDE) mod prime`: every serial below the prime gives another number.
_STRIDE = 611_953_729
_KENYA = 89_999_999  # primes just under the room there is
_CPF = 999_999_937
_TCKN = 899_999_963
_CNIC = 9_999_991
_PCN = 999_999_999_989

IDENTIFIER_TYPES = {"KE": "NID", "PH": "PCN", "BR": "CPF", "PK": "CNIC", "TR": "TCKN", "ID": "NIK"}


def cpf(serial: int) -> str:
    """A Brazilian CPF, 000.000.000-00: nine digits and two modulo-11 digits, never one digit alone."""
    body = serial * _STRIDE % _CPF
    if body % 111_111_111 == 0:
        body = _CPF + body // 111_111_111
    digits = [int(d) for d in f"{body:09d}"]
    for _ in range(2):
        total = sum(d * w for d, w in zip(digits, range(len(digits) + 1, 1, -1), strict=True))
        digits.append((11 - total % 11) % 11 % 10)
    text = "".join(map(str, digits))
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"


def tckn(serial: int) -> str:
    """A Turkish identity number: eleven digits, the first not 0, the last two checks."""
    digits = [int(d) for d in str(100_000_000 + serial * _STRIDE % _TCKN)]
    digits.append((7 * sum(digits[0::2]) - sum(digits[1::2])) % 10)
    digits.append(sum(digits) % 10)
    return "".join(map(str, digits))


def nik(serial: int, born: date, sex: str, area: int) -> str:
    """An Indonesian NIK: place PPRRSS, birth date DDMMYY with a woman's day plus 40, running number."""
    place = f"{(31, 32, 33, 35, 36, 12, 13, 16, 18, 73)[area % 10]}71"  # 71 is the first city of a province
    day = born.day + (40 if sex == "female" else 0)
    number = serial * _STRIDE % 9_999 + 1
    return f"{place}{serial // 9_999 % 40 + 1:02d}{day:02d}{born.month:02d}{born.year % 100:02d}{number:04d}"


def cnic(serial: int, sex: str, area: int) -> str:
    """A Pakistani CNIC, 00000-0000000-0: locality, serial, and a last digit that is odd for men."""
    locality = (31_101, 32_203, 33_102, 34_104, 35_201, 41_304, 42_101, 45_203, 15_602, 54_401)[area % 10]
    parity = serial // _CNIC % 4
    last = 2 + 2 * parity if sex == "female" else 1 + 2 * parity
    return f"{locality}-{serial * _STRIDE % _CNIC:07d}-{last}"


def kenyan(serial: int) -> str:
    """Eight digits, the first not 0."""
    return str(10_000_000 + serial * _STRIDE % _KENYA)


def pcn(serial: int) -> str:
    """A PhilSys card number: sixteen digits in fours."""
    text = f"{2000 + serial % 7000:04d}{serial * _STRIDE * 1009 % _PCN:012d}"
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


def national_id(country: str, serial: int, born: date, sex: str, area: int) -> str:
    """The person's number in the tradition of `country`.

    Args:
        country: KE, PH, BR, PK, TR or ID.
        serial: the person's own counter; another counter gives another number.
        born: birth date, which a NIK carries.
        sex: male or female, which NIK and CNIC carry.
        area: number of the sub-region, which NIK and CNIC carry.
    """
    match country:
        case "BR":
            return cpf(serial)
        case "TR":
            return tckn(serial)
        case "ID":
            return nik(serial, born, sex, area)
        case "PK":
            return cnic(serial, sex, area)
        case "PH":
            return pcn(serial)
        case _:
            return kenyan(serial)


def phone(country: str, u: float, v: float) -> str:
    """A mobile number as people there write it.

    Args:
        country: KE, PH, BR, PK, TR or ID.
        u: uniform that picks the number.
        v: uniform that picks the prefix and the way of writing.
    """
    n = int(u * 10**8)
    k = int(v * 40)
    abroad = v * 40 - k < 0.3
    seven = f"{n % 10**7:07d}"
    match country:
        case "BR":
            area = (11, 21, 31, 41, 51, 61, 71, 81)[k % 8]
            eight = f"{n:08d}"
            rest = f"9{6 + int(eight[0]) % 4}{eight[1:4]}-{eight[4:]}"
            return f"+55 {area} {rest}" if abroad else f"({area}) {rest}"
        case "TR":
            prefix = (530, 532, 535, 541, 543, 505, 506, 551)[k % 8]
            rest = f"{prefix} {seven[:3]} {seven[3:5]} {seven[5:]}"
            return f"+90 {rest}" if abroad else f"0{rest}"
        case "ID":
            prefix = (811, 812, 813, 821, 852, 857, 878, 896)[k % 8]
            rest = f"{prefix}-{n // 10**4 % 10**4:04d}-{n % 10**4:04d}"
            return f"+62 {rest}" if abroad else f"0{rest}"
        case "PK":
            prefix = (300, 301, 302, 311, 321, 333, 341, 345)[k % 8]
            return f"+92 {prefix} {seven}" if abroad else f"0{prefix}-{seven}"
        case "PH":
            prefix = (905, 906, 915, 916, 917, 918, 919, 920)[k % 8]
            rest = f"{prefix} {seven[:3]} {seven[3:]}"
            return f"+63 {rest}" if abroad else f"0{rest}"
        case _:
            prefix = (701, 710, 711, 712, 720, 721, 722, 723)[k % 8]
            rest = f"{prefix} {n % 10**6 // 1000:03d} {n % 1000:03d}"
            return f"+254 {rest}" if abroad else f"0{rest}"
