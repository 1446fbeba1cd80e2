"""Reading a note with its own row in hand: the household's names, place and numbers, however written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Self

import pandas as pd

from anonymization.keys import normalise
from anonymization.pii.folding import (
    Token,
    ascii_digits,
    clean,
    fold,
    is_arabic,
    one_slip,
    skeleton,
    sound,
    tokens,
    words,
)
from anonymization.pii.joined import dates_in_words, email_written, names_in_pieces
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.spans import Span, without_placeholders
from anonymization.pii.words import GENERIC, PARTICLES, SUFFIXES

_NUMBER = re.compile(r"\+?\d(?:[\s().\-/_]{0,2}\d){4,}")
_DATE = re.compile(r"(?<!\d)(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?!\d)")
_DECIMAL = re.compile(r"(?<![\d.,])-?\d{1,3}(?:\.\d{2,}|,\d{4,})(?!\d|\.\d)")


@dataclass(frozen=True, slots=True)
class Linked:
    """The identifiers that a row's text may repeat.

    Args:
        columns: column name to what it holds (name, place, phone, id, email, date, coordinate).
        values: column name to one text (or None) for each row.
    """

    columns: Mapping[str, str]
    values: Mapping[str, Sequence[str | None]]

    @classmethod
    def of(cls, table: pd.DataFrame, columns: Mapping[str, str]) -> Self:
        return cls(dict(columns), {c: [normalise(v) for v in table[c]] for c in columns})

    def row(self, i: int) -> Own:
        return Own.of([(kind, self.values[c][i]) for c, kind in self.columns.items()])

    def part(self, rows: Sequence[int]) -> Linked:
        return Linked(self.columns, {c: [v[i] for i in rows] for c, v in self.values.items()})

    def of_kind(self, kind: str) -> list[str]:
        """Every known value of one kind, over all rows and columns."""
        return [v for c, k in self.columns.items() if k == kind for v in self.values[c] if v]


@dataclass(frozen=True, slots=True)
class Own:
    """One row's identifiers, as they are compared."""

    names: frozenset[str]
    places: tuple[tuple[str, ...], ...]
    phones: tuple[str, ...]
    ids: tuple[str, ...]
    emails: tuple[str, ...]
    dates: tuple[date, ...]
    coordinates: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[tuple[str, str | None]]) -> Self:
        by: dict[str, list[str]] = {}
        for kind, value in values:
            if value:
                by.setdefault(kind, []).append(value)
        return cls(
            names=frozenset(w for v in by.get("name", []) for w in words(v) if len(w) > 1),
            places=tuple(p for v in by.get("place", []) if (p := tuple(words(v)))),
            phones=tuple(d[-9:] for v in by.get("phone", []) if len(d := _digits(v)) >= 7),
            ids=tuple(s for v in by.get("id", []) if len(s := _squeezed(v)) >= 5),
            emails=tuple(v.lower() for v in by.get("email", []) if "@" in v),
            dates=tuple(born for v in by.get("date", []) if (born := _iso(v)) is not None),
            coordinates=tuple(c for v in by.get("coordinate", []) if (c := _float(v)) is not None),
        )


def own_in(text: str, found: Sequence[Token], own: Own, knowledge: Knowledge) -> list[Span]:
    """Where a text repeats its own row's identifiers. Args: found: the text's tokens."""
    plain = ascii_digits(text)
    return [
        *_names(text, found, own, knowledge),
        *(names_in_pieces(text, found, own.names) if own.names else ()),
        *_places(found, own, knowledge),
        *_numbers(plain, own),
        *_rest(plain, own),
    ]


def own_values_left(texts: Sequence[str | None], linked: Linked) -> int:
    """How many texts still hold one of their own row's values: a second look, by other means."""
    left = 0
    for i, text in enumerate(texts):
        if not text:
            continue
        own = linked.row(i)
        rest = ascii_digits(without_placeholders(text))
        there = {t.folded for t in tokens(rest)}
        runs = " ".join(_digits(m.group()) for m in _NUMBER.finditer(rest))
        squeezed = {_squeezed(w) for w in rest.split()}
        left += bool(
            any(len(n) >= 3 and n in there for n in own.names)
            or any(p in runs for p in own.phones)
            or any(d in squeezed or (d.isdigit() and len(d) >= 6 and d in runs) for d in own.ids)
            or any(e in rest.lower() for e in own.emails)
        )
    return left


def _names(text: str, found: Sequence[Token], own: Own, knowledge: Knowledge) -> list[Span]:
    if not own.names:
        return []
    hit = [_is_name(t, own.names, knowledge) for t in found]
    out = [Span(t.start, t.end, "head", "linked:name") for t, yes in zip(found, hit, strict=True) if yes]
    for i, yes in enumerate(hit):
        if not yes:
            continue
        for step in (-1, 1):
            j = i + step
            # Initials, and particles that lead to another part of the name.
            while (
                0 <= j < len(found) and not hit[j] and _touch(text, found, min(j, j - step), max(j, j - step))
            ):
                t = found[j]
                beyond = j + step
                # A capital that opens a sentence without a full stop may be an article (A, O).
                if t.cap and t.end - t.start == 1 and (not t.opens or text[t.end : t.end + 1] == "."):
                    out.append(Span(t.start, t.end, "head", "linked:name"))
                elif t.folded not in PARTICLES or not (
                    (0 <= beyond < len(found) and hit[beyond]) or (step < 0 and t.cap and not t.opens)
                ):
                    break
                else:
                    out.append(Span(t.start, t.end, "head", "linked:name"))
                j += step
    return out


def _touch(text: str, found: Sequence[Token], left: int, right: int) -> bool:
    return text[found[left].end : found[right].start].strip(" .") == ""


def _is_name(token: Token, names: frozenset[str], knowledge: Knowledge) -> bool:
    word = token.folded
    if word in names or is_arabic(word):
        exact = word in names and (len(word) > 2 or token.cap)
        return exact or (is_arabic(word) and len(word) >= 3 and _across(word, names, 2, arabic=False))
    if len(word) < 4:
        return len(word) == 3 and token.cap and any(len(n) == 3 and sound(n) == sound(word) for n in names)
    if _across(word, names, 3, arabic=True) and (token.cap or word not in knowledge.ordinary):
        return True
    for name in names:
        if (
            word.startswith(name)
            and len(name) >= 4
            and word[len(name) :] in SUFFIXES
            and (token.cap or word not in knowledge.ordinary)
        ):
            return True
        if (
            len(name) < 4
            or abs(len(name) - len(word)) > 2
            or (word in knowledge.ordinary and not (token.cap and not token.opens))
        ):
            continue
        alike = sound(word) == sound(name) and len(sound(word)) >= 3
        if alike or (min(len(name), len(word)) >= 5 and one_slip(word, name)):
            return True
    return False


def _across(word: str, names: frozenset[str], consonants: int, *, arabic: bool) -> bool:
    """Whether a word is the transliteration of a name in the other script (`arabic`: the name's)."""
    others = _by_script(names)[arabic]
    return bool(others) and len(s := skeleton(word)) >= consonants and any(s == skeleton(n) for n in others)


@lru_cache(maxsize=4_096)
def _by_script(names: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names that are not in Arabic script, names that are)."""
    return tuple(n for n in names if not is_arabic(n)), tuple(n for n in names if is_arabic(n))


def _places(found: Sequence[Token], own: Own, knowledge: Knowledge) -> list[Span]:
    out = []
    folded = [t.folded for t in found]
    for place in own.places:
        size = len(place)
        out += [
            Span(found[i].start, found[i + size - 1].end, "own_place", "linked:place")
            for i in range(len(folded) - size + 1)
            if folded[i] == place[0] and tuple(folded[i : i + size]) == place
        ]
        for token in found:
            word = token.folded
            if (
                len(word) < 4
                or word in GENERIC
                or (word in knowledge.ordinary and not (token.cap and not token.opens))
            ):
                continue
            telling = [p for p in place if len(p) >= 4 and p not in GENERIC]
            if any(
                word == p or (min(len(p), len(word)) >= 5 and (one_slip(word, p) or sound(word) == sound(p)))
                for p in telling
            ) or (
                is_arabic(word)
                and any(len(skeleton(word)) >= 3 and skeleton(word) == skeleton(p) for p in telling)
            ):
                out.append(Span(token.start, token.end, "own_place", "linked:place"))
    return out


def _numbers(plain: str, own: Own) -> list[Span]:
    out = []
    for match in _NUMBER.finditer(plain):
        digits = _digits(match.group())
        if any(p in digits for p in own.phones):
            out.append(Span(*match.span(), "phone", "linked:phone"))
        elif any(d in digits or (len(d) > 8 and d.isdigit() and one_slip(d, digits)) for d in own.ids):
            out.append(Span(*match.span(), "id", "linked:id"))
        elif any(one_slip(p, digits[-9:]) for p in own.phones):
            out.append(Span(*match.span(), "phone", "linked:phone"))
    lettered = [d for d in own.ids if not d.isdigit()]
    if lettered:
        kept = [(fold(c), i) for i, c in enumerate(plain) if c.isalnum()]
        squeezed = "".join(c for c, _ in kept)
        if len(squeezed) == len(kept):
            for wanted in lettered:
                at = squeezed.find(wanted)
                while at >= 0:
                    out.append(Span(kept[at][1], kept[at + len(wanted) - 1][1] + 1, "id", "linked:id"))
                    at = squeezed.find(wanted, at + 1)
    return out


def _rest(plain: str, own: Own) -> list[Span]:
    out = []
    lower = plain.lower()
    if len(lower) == len(plain):
        for email in own.emails:
            out += [
                Span(m.start(), m.end(), "email", "linked:email")
                for m in email_written(email).finditer(lower)
            ]
    out += dates_in_words(plain, own.dates) if own.dates else []
    for match in _DATE.finditer(plain) if own.dates else ():
        numbers = [int(g) for g in match.groups()]
        for day in own.dates:
            shapes = {
                (day.year, day.month, day.day),
                (day.day, day.month, day.year),
                (day.month, day.day, day.year),
            }
            shapes |= {(d, m, y % 100) for d, m, y in shapes if y > 31}
            if tuple(numbers) in shapes:
                out.append(Span(match.start(), match.end(), "birth_date", "linked:date"))
    for match in _DECIMAL.finditer(plain) if own.coordinates else ():
        if any(
            math.isclose(abs(float(match.group().replace(",", "."))), abs(c), abs_tol=0.011)
            for c in own.coordinates
        ):
            out.append(Span(*match.span(), "location", "linked:coordinate"))
    return out


def _digits(value: str) -> str:
    return "".join(c for c in ascii_digits(value) if c.isdigit() and c.isascii())


def _squeezed(value: str) -> str:
    return "".join(c for c in fold(ascii_digits(clean(value))) if c.isalnum())


def _iso(value: str) -> date | None:
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


def _float(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
