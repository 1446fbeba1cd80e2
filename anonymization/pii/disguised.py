"""The strict profile: addresses, numbers and dates of birth that are spelt so that no shape fits them any more.

People write `a.b (at) mail (dot) com`, `O712 345 67B`, `zero seven one two ...`, `0712*345*678`, `6gcrpr6c + 9f` or
`born on the 3rd of March nineteen ninety`: to dodge a filter, or because that is how somebody read it out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from anonymization.pii.engine import DATE_SHAPE, MONEY
from anonymization.pii.folding import Token, ascii_digits
from anonymization.pii.spans import Span
from anonymization.pii.words import BIRTH, DIGITS, MONTH_NAMES, NUMERALS

_FEWEST_WORDS = 5  # digits in words from which they are a number and not a count or two
_FEWEST_DIGITS = 5  # true digits that a number with look-alike letters still has
_JOINERS = frozenset({"and", "of", "the", "e", "de", "na", "ng", "at", "mwaka", "tahun"})
_NEAR = 8  # words behind "born" in which its date begins

_AT = r"(?:\s*@\s*|\s*[(\[{]\s*(?:at|arroba|et)\s*[)\]}]\s*)"
_DOT_WORD = r"(?:dot|ponto|punto|titik|nokta|nukta|tuldok)"
_DOT = rf"(?:\s*\.\s*|\s*[(\[{{]\s*(?:{_DOT_WORD}|\.)\s*[)\]}}]\s*|\s{_DOT_WORD}\s)"
_TOP = r"(?:com|org|net|gov|edu|info|int|co|go|or|ac|id|ke|ph|br|tr|pk|tz|uk)"
_LOCAL = r"\w[\w+\-]{0,40}(?:\s?\.\s?[\w+\-]{1,40}){0,3}"
_EMAIL = re.compile(
    rf"(?<!\w){_LOCAL}(?:{_AT}[\w\-]{{1,40}}(?:{_DOT}[\w\-]{{1,20}}){{0,2}}?{_DOT}{_TOP}"
    rf"|\s(?:at|arroba)\s[\w\-]{{1,40}}(?:\s{_DOT_WORD}\s[\w\-]{{2,20}}){{1,3}})(?!\w)",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<![\w.@])@[^\W\d_][\w.]{2,30}")
_PLUS = re.compile(
    r"(?<!\w)(?=\d*[a-z])(?=[a-z]*\d)[2-9cfghjmpqrvwx]{4,8}\s?\+\s?[2-9cfghjmpqrvwx]{2,3}(?!\w)",
    re.IGNORECASE,
)
#: O, I, l, S and B are what 0, 1, 5 and 8 are misread or disguised as.
_NUMBER = re.compile(r"(?<![\w.,])\+?[\dOoIl](?:[ ().\-/|*_]{0,2}[\dOoIlSB]){6,}(?!\w)")
_WIDE = re.compile(r"(?<![\w.,])\d{1,6}(?: ?[.\-/] \d{1,6}| [.\-/] ?\d{1,6}){2,}(?![\w])")
_ONE_BY_ONE = re.compile(r"(?<![\w.,])\d(?: \d){4,}(?![\w,])")
_BEFORE = re.compile(r"(?<!\d)\d{1,2}\s?(?:st|nd|rd|th|º|\.)?[\s,\-/]*(?:(?:of|de|ng)\s+)?$")
_BEHIND = re.compile(
    r"[\s,.\-/]*(?:(?:de|of)\s+)?(?:\d{1,2}(?:st|nd|rd|th)?(?!\d)[\s,.\-/]*)?(?:['’]?\d{2,4}(?!\d))?"
)


def disguised_in(text: str, found: Sequence[Token]) -> list[Span]:
    """Identifiers in disguise. Args: found: the text's tokens."""
    plain = ascii_digits(text)
    out = (
        [Span(*m.span(), "email", "disguised:email", 0.6) for m in _EMAIL.finditer(plain)]
        if ("@" in plain or "at" in plain or "arroba" in plain)
        else []
    )
    out += [Span(*m.span(), "account", "disguised:handle", 0.4) for m in _HANDLE.finditer(plain)]
    out += [Span(*m.span(), "location", "disguised:plus_code", 0.6) for m in _PLUS.finditer(plain)]
    return [*out, *_numbers(plain), *_in_words(text, found), *_births(plain, found)]


def _numbers(plain: str) -> list[Span]:
    out = []
    for pattern in (_NUMBER, _WIDE, _ONE_BY_ONE):
        for match in pattern.finditer(plain):
            written = match.group()
            digits = sum(c.isdigit() for c in written)
            enough = digits >= (9 if pattern is _WIDE else _FEWEST_DIGITS)
            if enough and not DATE_SHAPE.fullmatch(written) and not MONEY.search(plain[: match.start()]):
                out.append(Span(*match.span(), "number", "disguised:number", 0.4))
    return out


def _in_words(text: str, found: Sequence[Token]) -> list[Span]:
    """Runs of digits in words: zero seven one two ..., in any of the packs' languages."""
    out, first = [], 0
    for i in range(len(found) + 1):
        runs_on = i < len(found) and found[i].folded in DIGITS
        if runs_on and i > first and text[found[i - 1].end : found[i].start].strip(" ,.-\n"):
            runs_on, ends = True, True
        else:
            ends = not runs_on
        if ends:
            if i - first >= _FEWEST_WORDS:
                out.append(Span(found[first].start, found[i - 1].end, "number", "disguised:words", 0.5))
            first = i if runs_on else i + 1
    return out


def _births(plain: str, found: Sequence[Token]) -> list[Span]:
    """A day and month in words behind a word for birth, with the year however it is written."""
    out = []
    for i, cue in enumerate(found):
        if cue.folded not in BIRTH:
            continue
        for j in range(i + 1, min(i + 1 + _NEAR, len(found))):
            if found[j].folded not in MONTH_NAMES:
                continue
            low, high = _counted(found, j, -1, i), _counted(found, j, 1, len(found))
            before = _BEFORE.search(plain, max(cue.end, found[low].start - 20), found[low].start)
            behind = _BEHIND.match(plain, found[high].end)
            start = before.start() if before else found[low].start
            end = behind.end() if behind and any(c.isdigit() for c in behind.group()) else found[high].end
            if start < found[j].start or end > found[j].end:
                out.append(Span(start, end, "birth_date", "disguised:birth", 0.6))
            break
    return out


def _counted(found: Sequence[Token], month: int, step: int, end: int) -> int:
    """The outermost number in words that touches the month on one side; the month itself where there is none."""
    last, at = month, month + step
    while at != end and (found[at].folded in NUMERALS or found[at].folded in _JOINERS):
        last = at if found[at].folded in NUMERALS else last
        at += step
    return last
