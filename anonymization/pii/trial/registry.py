"""Households that do not exist, in seven languages, and notes about them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

import yaml

from anonymization.pii.linked import Linked
from anonymization.pii.trial.notes import Fact, Note, write

OUTSIDE = 0.3  # share of third parties, and of other places, that no household of the registry has
#: Column to what it holds, as a recipe links it.
COLUMNS = {
    "head": "name", "spouse": "name", "child": "name", "village": "place", "phone": "phone", "national_id": "id",
    "email": "email", "born": "date", "latitude": "coordinate", "longitude": "coordinate",
}  # fmt: skip
_CENTRES = {
    "KE": (-0.5, 36.9), "PH": (13.1, 122.8), "BR": (-9.4, -40.5), "PK": (29.9, 69.3), "TR": (38.8, 35.1),
    "ID": (-7.2, 110.1),
}  # fmt: skip
#: How a number is written locally ({d}: the area, {a}: the rest), its digits, and the country's code.
_PHONES = {
    "KE": ("0{a}", "7########", "+254"), "PH": ("0{a}", "9#########", "+63"),
    "BR": ("({d}) {a}", "9########", "+55"), "PK": ("0{a}", "3#########", "+92"),
    "TR": ("0{a}", "5#########", "+90"), "ID": ("0{a}", "81########", "+62"),
}  # fmt: skip
_MONEY = {
    "KE": "KES {n}",
    "PH": "PHP {n}",
    "BR": "R$ {n},00",
    "PK": "Rs {n}",
    "TR": "{n} TL",
    "ID": "Rp {n}.000",
}
_ADDRESSES = {
    "KE": ("P.O. Box {n}-00{m}00", "Plot {n}, Orchard Road", "House {m}, Quarry Lane"),
    "PH": ("Blk {m} Lot {n}", "Purok {m}", "{n} Narra St."),
    "BR": ("Rua do Cajueiro, {n}", "Av. Beira Rio, {n}", "Travessa do Sol, {n}"),
    "PK": ("House No. {n}, Street {m}", "Makan No. {n}", "Chak No. {n}"),
    "TR": ("Zambak Sok. No: {n}", "Kavak Cad. No: {n}/{m}", "Nergis Sokak No {n}"),
    "ID": ("Jl. Kenanga No. {n}", "RT 0{m}/RW 0{m}", "Gg. Melati No. {n}"),
}


@dataclass(frozen=True, slots=True)
class Trial:
    """Households, their notes, and each note's own row."""

    notes: tuple[Note, ...]
    linked: Linked


@cache
def _names() -> dict[str, dict[str, Any]]:
    text = (resources.files("anonymization.pii.trial") / "names.yaml").read_text("utf-8")
    out: dict[str, dict[str, Any]] = {}
    for language, lists in yaml.safe_load(text).items():
        out[language] = {
            "country": lists["country"],
            **{k: lists[k].replace(",", "").split() for k in ("given", "surnames")},
            **{k: [p.strip() for p in lists[k].split(",")] for k in ("strangers", "places", "elsewhere")},
        }
    return out


def lists() -> Mapping[str, Mapping[str, Any]]:
    """Language to its country and lists of names and places."""
    return _names()


def trial(households: int, seed: int) -> Trial:
    """`households` households with one note each, spread over the languages; the same for a seed."""
    rng = random.Random(f"trial {seed}")
    languages = list(_names())
    rows, where = [], []
    for i in range(households):
        language = languages[i % len(languages)]
        rows.append(_household(language, rng))
        where.append(language)
    by_language = {lang: [r for r, w in zip(rows, where, strict=True) if w == lang] for lang in languages}
    notes = []
    for row, language in zip(rows, where, strict=True):
        country = _names()[language]["country"]
        notes.append(write(language, country, _facts(row, language, by_language[language], rng), rng))
    values = {c: [row[c] for row in rows] for c in COLUMNS}
    return Trial(tuple(notes), Linked(COLUMNS, values))


def _household(language: str, rng: random.Random) -> dict[str, str]:
    known = _names()[language]
    country = known["country"]
    surname = rng.choice(known["surnames"])
    head, spouse, child = rng.sample(known["given"], 3)
    lat, lon = _CENTRES[country]
    born = date(1940, 1, 1) + timedelta(rng.randrange(24_000))
    return {
        "head": f"{head} {surname}",
        "given": head,
        "spouse": f"{spouse} {surname}" if rng.random() < 0.5 else spouse,
        "child": child,
        "village": rng.choice(known["places"]),
        "phone": _phone(country, rng, plain=True),
        "national_id": national_id(country, rng),
        "email": f"hh{rng.randrange(10**6)}@posta.example",
        "born": born.isoformat(),
        "latitude": f"{lat + rng.uniform(-2, 2):.5f}",
        "longitude": f"{lon + rng.uniform(-2, 2):.5f}",
    }


def _facts(
    row: dict[str, str], language: str, others: list[dict[str, str]], rng: random.Random
) -> dict[str, Fact]:
    known = _names()[language]
    country = known["country"]
    inside = rng.random() >= OUTSIDE
    stranger = rng.choice(others)["head"] if inside else rng.choice(known["strangers"])
    near = rng.random() >= OUTSIDE
    village = rng.choice([p for p in known["places"] if p != row["village"]] if near else known["elsewhere"])
    year, month, day = row["born"].split("-")
    number = rng.randint(2, 98)
    visit = date(2024, 1, 1) + timedelta(rng.randrange(600))
    return {
        **{slot: Fact(row[slot]) for slot in ("head", "given", "spouse", "child", "email")},
        "third": Fact(stranger, inside),
        "place": Fact(row["village"]),
        "other": Fact(village, near and any(o["village"] == village for o in others)),
        "phone": Fact(_phone(country, rng, of=row["phone"])),
        "tphone": Fact(_phone(country, rng), known=False),
        "id": Fact(_written_id(row["national_id"], rng)),
        "born": Fact(rng.choice((f"{int(day)}/{int(month)}/{year}", f"{day}-{month}-{year}", row["born"]))),
        "gps": Fact(f"{row['latitude']}, {row['longitude']}"),
        "address": Fact(rng.choice(_ADDRESSES[country]).format(n=number, m=rng.randint(1, 9)), known=False),
        "date": Fact(rng.choice((visit.isoformat(), f"{visit.day}/{visit.month}/{visit.year}"))),
        "amount": Fact(_MONEY[country].format(n=rng.randint(2, 9) * 500)),
    }


def _digits(pattern: str, rng: random.Random) -> str:
    return "".join(str(rng.randrange(10)) if c == "#" else c for c in pattern)


def _phone(country: str, rng: random.Random, *, of: str = "", plain: bool = False) -> str:
    """A number as people write it; `of`: that number, given as the registry holds it."""
    local, pattern, code = _PHONES[country]
    area = rng.choice(("11", "21", "71", "81", "85")) if country == "BR" else ""
    if of:
        digits = of.removeprefix(code)
        area, digits = (digits[:2], digits[2:]) if area else ("", digits)
    else:
        digits = _digits(pattern, rng)
    if plain:
        return f"{code}{area}{digits}"
    cut = [digits[:3], digits[3:6], digits[6:]] if len(digits) > 8 else [digits[:4], digits[4:]]
    shown = rng.choice(("", " ", "-")).join(cut)
    if rng.random() < 0.3:
        return f"{code} {area} {shown}".replace("  ", " ")
    return local.format(a=shown, d=area)


def national_id(country: str, rng: random.Random) -> str:
    """A made-up identity number in the country's form, with its check digits where it has any."""
    if country == "BR":
        nine = _digits("#########", rng)
        for _ in range(2):  # each check digit weighs all digits before it
            rest = sum(w * int(d) for w, d in zip(range(len(nine) + 1, 1, -1), nine, strict=True)) % 11
            nine += "0" if rest < 2 else str(11 - rest)
        return f"{nine[:3]}.{nine[3:6]}.{nine[6:9]}-{nine[9:]}"
    if country == "TR":
        nine = str(rng.randint(1, 9)) + _digits("########", rng)
        odd, even = sum(map(int, nine[::2])), sum(map(int, nine[1::2]))
        ten = (7 * odd - even) % 10
        return f"{nine}{ten}{(odd + even + ten) % 10}"
    if country == "ID":
        born = f"{rng.randint(1, 28):02d}{rng.randint(1, 12):02d}{rng.randint(40, 99)}"
        return f"{rng.randint(31, 36)}{_digits('01##', rng)}{born}{_digits('####', rng)}"
    if country == "PK":
        return _digits(f"{rng.randint(1, 6)}####-#######-#", rng)
    if country == "PH":
        return _digits("####-####-####-####", rng)
    return str(rng.randint(10_000_000, 39_999_999))


def _written_id(number: str, rng: random.Random) -> str:
    u = rng.random()
    if u < 0.3:
        return number.replace("-", "").replace(".", "")
    return number.replace("-", " ") if u < 0.4 else number
