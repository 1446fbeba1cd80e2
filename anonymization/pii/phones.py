"""Telephone numbers as Presidio's PhoneRecognizer finds them, for all regions in one pass.

phonenumbers looks for candidates anew for every region, and parses each of them; that is half of Presidio's time on
short notes. Which candidates a text has does not hang on the region, most are rejected by their digits alone, and the
rest (numbers, dates) come again and again. Here candidates are found once, rejected where no number of the region can
end like that, and remembered otherwise. The result is the same (property test, on random digits too); the private
names of phonenumbers that this uses are pinned by that test and by the version in constraints.txt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneNumberMatcher, parse
from phonenumbers.phonemetadata import PhoneMetadata
from phonenumbers.phonenumbermatcher import (
    _INNER_MATCHES as INNER_MATCHES,
)
from phonenumbers.phonenumbermatcher import (
    _LEAD_PATTERN as LEAD_PATTERN,
)
from phonenumbers.phonenumbermatcher import (
    _MATCHING_BRACKETS as MATCHING_BRACKETS,
)
from phonenumbers.phonenumbermatcher import (
    _PATTERN as PATTERN,
)
from phonenumbers.phonenumbermatcher import (
    _PUB_PAGES as PUB_PAGES,
)
from phonenumbers.phonenumbermatcher import (
    _SLASH_SEPARATED_DATES as SLASH_SEPARATED_DATES,
)
from phonenumbers.phonenumbermatcher import (
    _TIME_STAMPS as TIME_STAMPS,
)
from phonenumbers.phonenumbermatcher import (
    _TIME_STAMPS_SUFFIX as TIME_STAMPS_SUFFIX,
)
from phonenumbers.phonenumbermatcher import (
    _verify as verify,
)
from phonenumbers.phonenumberutil import (
    _SECOND_NUMBER_START_PATTERN as SECOND_NUMBER_START_PATTERN,
)
from phonenumbers.phonenumberutil import (
    _UNWANTED_END_CHAR_PATTERN as UNWANTED_END_CHAR_PATTERN,
)

#: The matcher gives up after 65,535 failures; a text that could come near is left to it.
_LONGEST = 6_000
#: A candidate of these characters alone is its digits: no plus sign, no extension (x # ~ ; ,).
_PLAIN = re.compile(r"[0-9 .()/\-]+")
#: The same with a country code in front.
_INTERNATIONAL = re.compile(r"\+[0-9][0-9 .()/\-]*")
_SIMPLE = re.compile(r"\+?[0-9 .()/\-]+")
_SETTLES = 20  # blocks of digits that one search takes
#: A region whose numbers begin with another country code than the number's: +1 or, for numbers of +1, +44.
_NOWHERE = ("US", "GB")
_TYPES = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan",
    "voicemail",
)  # fmt: skip
#: Rewriting rules of national prefixes that leave an ending of the digits (any other could add digits).
_ENDING_STAYS = (None, "", "\\2")
_MEMO = 50_000


def phones_in(text: str, regions: tuple[str, ...], leniency: int) -> set[tuple[int, int]]:
    """(start, end) of every number that PhoneNumberMatcher finds in `text` for one of `regions`.

    Numbers that lie wholly inside another one may be missing.

    Args:
        text: any text. regions: ISO 3166-1 alpha-2 codes. leniency: as in phonenumbers, 0 or 1; others are slow.
    """
    if leniency not in {0, 1} or len(text) > _LONGEST:
        found = (m for region in regions for m in PhoneNumberMatcher(text, region, leniency=leniency))
        return {(m.start, m.end) for m in found}
    out: set[tuple[int, int]] = set()
    candidates: dict[int, tuple[int, str] | None] = {}
    settled: set[tuple[int, int]] = set()
    for region in regions:
        at = 0
        while True:
            if at not in candidates:
                candidates[at] = _next(text, at)
            candidate = candidates[at]
            if candidate is None:
                break
            start, written = candidate
            end = start + len(written)
            if (start, end) in settled:
                at = end
                continue
            around = (
                bool(leniency) and start > 0 and _spoils(text[start - 1]),
                bool(leniency) and end < len(text) and _spoils(text[end]),
                bool(TIME_STAMPS_SUFFIX.match(text, end)),
            )
            span = _number_in(written, around, region, leniency)
            if span is None:
                at = end
            else:
                out.add((start + span[0], start + span[1]))
                at = start + span[1]
                # What another region finds inside a number falls away later, and it goes on behind it. Not so where
                # the search had to stop for the length.
                if span == (0, len(written)) and len(written) <= _SETTLES and _SIMPLE.fullmatch(written):
                    settled.add((start, end))
    return out


def _next(text: str, at: int) -> tuple[int, str] | None:
    """The first candidate at or behind a position, cut where a second number begins."""
    match = PATTERN.search(text, at)
    return (match.start(), _cut(SECOND_NUMBER_START_PATTERN, match.group())) if match else None


def _cut(pattern: re.Pattern[str], written: str) -> str:
    match = pattern.search(written)
    return written[: match.start()] if match else written


_check: Any = verify  # for these leniencies it does not look at the matcher
_mark = PhoneNumberMatcher._is_invalid_punctuation_symbol  # noqa: SLF001 (phonenumbers has no public name for it)
_letter = PhoneNumberMatcher._is_latin_letter  # noqa: SLF001 (as above)


@lru_cache(maxsize=4_096)
def _spoils(character: str) -> bool:
    """Whether a character beside digits says that they are no telephone number (a Latin letter, %, a currency)."""
    return bool(_mark(character) or _letter(character))


@lru_cache(maxsize=_MEMO)
def _number_in(
    written: str, around: tuple[bool, bool, bool], region: str, leniency: int
) -> tuple[int, int] | None:
    """The (start, end) of a candidate's first valid number for a region. `around`: spoilt before, behind; a time."""
    rules = _rules(region) if leniency else None
    for offset, part, digits in _parts(written, around, leniency):
        if digits and rules and not _possible(digits, rules):
            continue
        if _valid(part, region if digits else _counting(part, region), leniency):
            return offset, offset + len(part)
    return None


@lru_cache(maxsize=_MEMO)
def _parts(written: str, around: tuple[bool, bool, bool], leniency: int) -> tuple[tuple[int, str, str], ...]:
    """(offset, text, digits) of what may be a number: the whole candidate, then what stands between separators.

    The digits are empty where the text is more than its digits.
    """
    spoilt_before, spoilt_behind, a_time_follows = around
    if SLASH_SEPARATED_DATES.search(written) or (TIME_STAMPS.search(written) and a_time_follows):
        return ()
    out = []
    for offset, part in _pieces(written):
        if not MATCHING_BRACKETS.fullmatch(part) or PUB_PAGES.search(part):
            continue
        end = offset + len(part)
        if leniency:
            before = _spoils(written[offset - 1]) if offset else spoilt_before
            if before and not LEAD_PATTERN.match(part):
                continue
            if _spoils(written[end]) if end < len(written) else spoilt_behind:
                continue
        out.append((offset, part, re.sub(r"\D", "", part) if _PLAIN.fullmatch(part) else ""))
    return tuple(out)


def _pieces(written: str) -> Iterator[tuple[int, str]]:
    yield 0, written
    for separator in INNER_MATCHES:
        match = separator.search(written)
        if match:
            yield 0, _cut(UNWANTED_END_CHAR_PATTERN, written[: match.start()])
        while match:
            yield match.start(1), _cut(UNWANTED_END_CHAR_PATTERN, match.group(1))
            match = separator.search(written, match.start() + 1)


def _possible(digits: str, rules: _Rules) -> bool:
    """False only where no prefix that the region knows leaves a number of the region's country code."""
    if len(digits) < rules.shortest:
        return False
    if rules.international.match(digits):
        return True
    left = {digits, digits.removeprefix(rules.code)}
    for prefix in rules.national * 2:  # parsing may take a national prefix off twice
        left |= {rest for d in left if (m := prefix.match(d)) for rest in _rests(d, m)}
    return any(len(d) in rules.lengths and rules.numbers.fullmatch(d) for d in left)


def _rests(digits: str, match: re.Match[str]) -> list[str]:
    """What is left behind a national prefix, with and without what it captured."""
    starts = (match.start(g) for g in range(1, (match.re.groups or 0) + 1))
    return [digits[match.end() :], *(digits[at:] for at in starts if at >= 0)]


def _counting(part: str, region: str) -> str:
    """The region, or where a number names another country first, one region for all that do not matter."""
    if not _INTERNATIONAL.fullmatch(part):
        return region
    digits = re.sub(r"\D", "", part)
    named = next((int(digits[:n]) for n in (1, 2, 3) if int(digits[:n]) in COUNTRY_CODE_TO_REGION_CODE), 0)
    shared = COUNTRY_CODE_TO_REGION_CODE.get(named, ())
    return region if digits[0] == "0" or not shared or region in shared else _NOWHERE[named == 1]


class _Rules(NamedTuple):
    """What parsing may take off a number's front, and what can be left."""

    code: str
    international: re.Pattern[str]
    national: tuple[re.Pattern[str], ...]
    numbers: re.Pattern[str]
    lengths: frozenset[int]
    shortest: int


@lru_cache(maxsize=512)
def _rules(region: str) -> _Rules | None:
    """A region's rules with those of all that share its country code; None where nothing can be said."""
    own: Any = PhoneMetadata.metadata_for_region(region, None)
    if own is None:
        return None
    patterns: dict[str, None] = {}
    lengths: set[int] = set()
    sharing = COUNTRY_CODE_TO_REGION_CODE.get(own.country_code, ())
    known: list[Any] = [PhoneMetadata.metadata_for_region(r, None) for r in sharing]
    if not known or any(metadata is None for metadata in known):
        return None
    for metadata in known:
        lengths.update(metadata.general_desc.possible_length)
        for kind in filter(None, (getattr(metadata, name, None) for name in _TYPES)):
            if kind.national_number_pattern:
                patterns[kind.national_number_pattern] = None
                lengths.update(kind.possible_length)
    front = [own, known[0]]  # the first of those that share a code is its main region
    if any(m.national_prefix_transform_rule not in _ENDING_STAYS for m in front):
        return None
    national = dict.fromkeys(m.national_prefix_for_parsing for m in front if m.national_prefix_for_parsing)
    return _Rules(
        str(own.country_code),
        re.compile(own.international_prefix or r"(?!)"),
        tuple(re.compile(prefix) for prefix in national),
        re.compile("|".join(f"(?:{p})" for p in patterns)),
        frozenset(lengths),
        min(lengths),
    )


@lru_cache(maxsize=_MEMO)
def _valid(part: str, region: str, leniency: int) -> bool:
    try:
        number: Any = parse(part, region, keep_raw_input=True)
        return bool(_check(leniency, number, part, None))
    except NumberParseException:
        return False
