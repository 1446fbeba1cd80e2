"""The word lists of words.yaml, folded."""

from __future__ import annotations

from importlib import resources

import yaml

from anonymization.pii.folding import fold

_LISTS: dict[str, str] = yaml.safe_load(
    (resources.files("anonymization.pii") / "words.yaml").read_text("utf-8")
)


def _folded(name: str) -> frozenset[str]:
    return frozenset(fold(word) for word in _LISTS[name].split())


TITLES = _folded("titles")
KIN = _folded("kin")
AFTER = _folded("after")
CALENDAR = _folded("calendar")
OFFICES = _folded("offices")
GENERIC = _folded("generic")
PARTICLES = _folded("particles")
SUFFIXES = _folded("suffixes")
PHONE = tuple(sorted(_folded("phone")))
DIGITS = _folded("digits")
NUMERALS = DIGITS | _folded("numerals")
BIRTH = _folded("birth")
MONTH_NAMES = _folded("months")
#: Capitalised or not, never taken for a name by their capital alone.
NOBODY = TITLES | KIN | AFTER | CALENDAR


def _months() -> dict[str, frozenset[int]]:
    """First three letters of a month to the months that begin so."""
    out: dict[str, set[int]] = {}
    for line in _LISTS["months"].splitlines():
        for number, word in enumerate(line.split(), 1):
            out.setdefault(fold(word)[:3], set()).add(number)
    return {start: frozenset(numbers) for start, numbers in out.items()}


def _short_names() -> dict[str, frozenset[str]]:
    out: dict[str, set[str]] = {}
    for pair in _LISTS["short_names"].split():
        short, long = map(fold, pair.split("="))
        out.setdefault(short, set()).add(long)
    return {short: frozenset(long) for short, long in out.items()}


MONTHS = _months()
SHORT_NAMES = _short_names()
