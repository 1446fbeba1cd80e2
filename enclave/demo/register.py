"""What the registry writes down about the people: names, numbers, phones, addresses and case notes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from enclave.demo.country import AS_OF, REGIONS
from enclave.demo.draws import Draws, Ints
from enclave.demo.identifiers import national_id, phone
from enclave.demo.names import Tradition, tradition
from enclave.demo.notes import UNIFORMS, Note, compose
from enclave.demo.people import CHILD, HEAD, MEMBERS, SPOUSE, Homes, People

_MAIL = ("example.com", "example.org", "example.net")
_DATES = {"en": "%d/%m/%Y", "tl": "%m/%d/%Y", "tr": "%d.%m.%Y", "id": "%d-%m-%Y"}
Texts = list[str | None]


@dataclass(frozen=True, slots=True)
class Identities:
    """Lists of (m,), one entry for each person: given name, surname, national id, phone, email."""

    given: list[str]
    surname: list[str]
    number: Texts
    phone: Texts
    email: Texts


@dataclass(frozen=True, slots=True)
class Addresses:
    """Lists of (n,), one entry for each household; degrees for the coordinates."""

    locality: list[str]
    line: list[str]
    latitude: list[float]
    longitude: list[float]


def _one(words: tuple[str, ...], u: float) -> str:
    return words[int(u * len(words))]


def traditions(homes: Homes) -> list[Tradition]:
    """(n,) how each household's people are called."""
    return [
        tradition(REGIONS[r].country, urdu)
        for r, urdu in zip(homes.region.tolist(), homes.urdu.tolist(), strict=True)
    ]


def _mail(given: str, surname: str, u: float) -> str:
    plain = unicodedata.normalize("NFKD", f"{given}.{surname}".lower().replace("ı", "i"))
    local = "".join(c for c in plain if c.isascii() and (c.isalnum() or c == "."))
    return f"{local.strip('.') or 'household'}{int(u * 900) + 10}@{_MAIL[int(u * 1e6) % 3]}"


def identities(seed: int, homes: Homes, people: People) -> Identities:
    """Adults have numbers, heads have phones, a few have addresses to write to; families share a surname."""
    serials = homes.index[people.home] * MEMBERS + people.position
    u = Draws(seed, serials).table("identity", 8)
    family = Draws(seed, homes.index).uniform("surname").tolist()
    kinds = traditions(homes)
    countries = [REGIONS[r].country for r in homes.region.tolist()]
    head = people.role == HEAD
    numbered = head | ((people.age >= 18) & (u[:, 2] < 0.97))
    phoned = head | ((people.age >= 18) & (u[:, 3] < 0.45))
    mailed = (people.age >= 18) & (u[:, 6] < np.where(homes.urban[people.home], 0.18, 0.05))
    own_surname = (u[:, 1] < 0.12) & ~head & (people.role != CHILD)
    result = Identities([], [], [], [], [])
    for serial, home, born, woman, number, called, mail, own, row in zip(
        serials.tolist(),
        people.home.tolist(),
        people.born.tolist(),
        people.female.tolist(),
        numbered.tolist(),
        phoned.tolist(),
        mailed.tolist(),
        own_surname.tolist(),
        u.tolist(),
        strict=True,
    ):
        kind, country = kinds[home], countries[home]
        given_names = kind.female if woman else kind.male
        given = _one(given_names, row[0])
        surname = _one(kind.surnames, row[7] if own else family[home])
        sex = "female" if woman else "male"
        result.given.append(given)
        result.surname.append(surname)
        result.number.append(
            national_id(country, serial + 1, born, sex, int(homes.sub[home])) if number else None
        )
        result.phone.append(phone(country, row[4], row[5]) if called else None)
        result.email.append(_mail(given, surname, row[4]) if mail else None)
    return result


def addresses(seed: int, homes: Homes) -> Addresses:
    """Twelve villages to a tradition, spread over the sub-regions; dwellings some 30 km around."""
    u = Draws(seed, homes.index).table("address", 6)
    result = Addresses([], [], [], [])
    for kind, r, sub, row in zip(
        traditions(homes), homes.region.tolist(), homes.sub.tolist(), u.tolist(), strict=True
    ):
        region = REGIONS[r]
        village = (sub + int(row[0] * 5)) % len(kind.places)
        street = _one(kind.streets, row[1])
        result.locality.append(kind.places[village])
        result.line.append(street.format(n=1 + int(row[2] * 240), m=1 + int(row[3] * 9)))
        result.latitude.append(round(region.latitude + 0.35 * (sub % 4) + 0.5 * (row[4] - 0.5), 6))
        result.longitude.append(round(region.longitude + 0.4 * (sub // 4) + 0.5 * (row[5] - 0.5), 6))
    return result


def notes(
    seed: int, homes: Homes, people: People, who: Identities, where: Addresses
) -> Iterator[tuple[str, Note]]:
    """One case note for each household, with the code of its language (en sw tl pt ur tr id)."""
    d = Draws(seed, homes.index)
    rows = d.table("note", UNIFORMS)
    u = d.table("note facts", 10).tolist()
    kinds = traditions(homes)
    registered = homes.registered.tolist()
    spouse = _member(homes, people, SPOUSE)
    child = _member(homes, people, CHILD)
    for i, (kind, row) in enumerate(zip(kinds, u, strict=True)):
        country = REGIONS[int(homes.region[i])].country
        style, language = _style(country, bool(homes.urdu[i]), row[0])
        at = int(homes.first[i])
        given_names = kind.female + kind.male
        third = (
            _one(kind.strangers, row[2])
            if row[1] < 0.3
            else f"{_one(given_names, row[2])} {_one(kind.surnames, row[3])}"
        )
        others = kind.elsewhere if row[4] < 0.3 else kind.places
        facts = {
            "head": f"{who.given[at]} {who.surname[at]}",
            "given": who.given[at],
            "spouse": who.given[spouse[i]] if spouse[i] >= 0 else "",
            "child": who.given[child[i]] if child[i] >= 0 else "",
            "third": third,
            "phone": who.phone[at] or "",
            "tphone": phone(country, row[5], row[6]),
            "id": who.number[at] or "",
            "place": where.locality[i],
            "other": _one(others, row[7]),
            "date": min(registered[i], AS_OF).strftime(_DATES.get(style, "%d/%m/%Y")),
        }
        yield language, compose(style, facts, rows[i])


def _style(country: str, urdu: bool, u: float) -> tuple[str, str]:
    """The set of sentences, and the language's code."""
    if country == "KE":
        return ("sw", "sw") if u < 0.6 else ("en", "en")
    if country == "PK":
        return ("ur-Arab" if urdu else "ur-Latn"), "ur"
    language = {"PH": "tl", "BR": "pt", "TR": "tr", "ID": "id"}[country]
    return language, language


def _member(homes: Homes, people: People, role: int) -> Ints:
    """(n,) where each household's first member in `role` is, or -1."""
    found = np.full(len(homes.index), -1)
    at = np.flatnonzero(people.role == role)[::-1]
    found[people.home[at]] = at
    return found
