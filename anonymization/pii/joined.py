"""The row's own names and dates where they are written together, apart, shortened or in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date

from anonymization.pii.folding import Token, fold
from anonymization.pii.spans import Span
from anonymization.pii.words import MONTHS, SHORT_NAMES

_GAP = re.compile(r"[ \-.'’_\r\n]{0,3}")
_DAY_FIRST = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|º)?\.?,?\s*(?:of |de |ng |-)?\s*([^\W\d_]{3,})"
    r"\.?,?\s*(?:de |-)?\s*(\d{4}|\d{2})(?!\d)"
)
_MONTH_FIRST = re.compile(r"(?<!\w)([^\W\d_]{3,})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4}|\d{2})(?!\d)")
_ONE_WORD = 5  # letters from which a name is looked for in pieces


def names_in_pieces(text: str, found: Sequence[Token], names: Collection[str]) -> list[Span]:
    """Names written apart (Wan jiku, W-a-n-j-i-k-u), together (WanjikuMwangi), short (Mohd) or as initials (W.M.).

    Args: found: the text's tokens. names: the row's folded name words.
    """
    out = []
    long = [n for n in names if len(n) >= _ONE_WORD]
    initials = {n[0] for n in names}
    for i, token in enumerate(found):
        word = token.folded
        if word[0] not in initials and word not in SHORT_NAMES:
            continue
        if word not in names and (
            _only_of(word, names) or not SHORT_NAMES.get(word, frozenset()).isdisjoint(names)
        ):
            out.append(Span(token.start, token.end, "head", "linked:name"))
            continue
        end = _apart(text, found, i, long)
        if end:
            out.append(Span(token.start, end, "head", "linked:name"))
        after = found[i + 1] if i + 1 < len(found) else None
        if (
            after
            and token.cap
            and after.cap
            and len(word) == len(after.folded) == 1
            and word != after.folded
            and {word, after.folded} <= initials
            and text[token.end : after.start] in (".", ". ", "")
        ):
            out.append(Span(token.start, after.end, "head", "linked:name"))
    return out


def _only_of(word: str, names: Collection[str]) -> bool:
    """Whether a word is nothing but two or more of the names."""
    if len(word) < 2 * 3:
        return False
    starts = [n for n in names if len(n) >= 3 and word.startswith(n) and len(n) < len(word)]
    return any(word[len(n) :] in names or _only_of(word[len(n) :], names) for n in starts)


def _apart(text: str, found: Sequence[Token], i: int, names: Sequence[str]) -> int:
    """Where a name ends whose pieces begin with token i; 0 where none does."""
    begun = [n for n in names if n.startswith(found[i].folded) and len(n) > len(found[i].folded)]
    for name in begun:
        so_far = found[i].folded
        for before, token in zip(found[i:], found[i + 1 :], strict=False):
            so_far += token.folded
            if not _GAP.fullmatch(text, before.end, token.start) or not name.startswith(so_far):
                break
            if so_far == name:
                return token.end
    return 0


def dates_in_words(plain: str, days: Collection[date]) -> list[Span]:
    """The row's own dates with their month in words, in any of the packs' languages."""
    out = []
    for pattern, order in ((_DAY_FIRST, (1, 2, 3)), (_MONTH_FIRST, (2, 1, 3))):
        for match in pattern.finditer(plain):
            number, word, year = (match[g] for g in order)
            months = MONTHS.get(fold(word)[:3], ())
            for day in days:
                same_year = int(year) in (day.year, day.year % 100)
                if int(number) == day.day and same_year and day.month in months:
                    out.append(Span(*match.span(), "birth_date", "linked:date"))
    return out


def email_written(email: str) -> re.Pattern[str]:
    """An address as people write it: with spaces, (at) and (dot)."""
    name, _, domain = email.partition("@")
    dot = r"\s*(?:\.|[(\[]dot[)\]]| dot )\s*"
    at = r"\s*(?:@|[(\[]at[)\]]| at )\s*"
    parts = [dot.join(map(re.escape, part.split("."))) for part in (name, domain)]
    return re.compile(at.join(parts))
