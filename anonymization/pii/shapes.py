"""What a text must have for a pattern to match it: derived from the pattern, never too little.

A pattern is read as Python's own parser reads it and relaxed: look-arounds, word boundaries and anchors fall away,
letters lose their case, and characters become one byte each (`classes`). Every text that the pattern matches also has
what its relaxed form needs, so a text without it need not be searched. What cannot be read needs nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from typing import Any

import regex

_parser: Any = import_module("re._parser")
OP: Any = import_module("re._constants")

#: Bytes of characters beyond ASCII: white space, parts of words, anything else. Their digits become 0-9.
_SPACE, _WORD, _OTHER = (
    0x80,
    ord("Z"),
    0x82,
)  # text is in lower case, so that Z is free; it counts as a letter
DIGITS = frozenset(b"0123456789")
EVERYTHING = frozenset(range(0x83)) - frozenset(range(ord("A"), ord("Z"))) - {0x81}
_SPACES = frozenset(b for b in range(128) if regex.match(r"\s", chr(b))) | {_SPACE}
_WORDS = frozenset(b for b in range(128) if regex.match(r"\w", chr(b).lower())) & EVERYTHING | {_WORD}
_LETTERS = _WORDS - DIGITS - frozenset(b"_")
#: What two patterns of the regex package may hold and Python's parser reads as something else.
_FOREIGN = re.compile(r"\[:\^?\w+:\]|\{\s*(?:\d+\s*<=?\s*)?[esid]\s*[<,:}]")


def set_of(alphabet: frozenset[int]) -> bytes:
    """A regular expression's set of bytes."""
    return b"[" + b"".join(b"\\x%02x" % b for b in sorted(alphabet)) + b"]"


class _Table(dict[int, int]):
    """str.translate's table to one byte a character, filled as characters come."""

    def __missing__(self, code: int) -> int:
        character = chr(code)
        if character in "ıİ":  # regex takes all four letters i for one when case is ignored
            byte = ord("i")
        elif character in "ſK":  # so it does with the long s and the kelvin sign
            byte = ord("s") if character == "ſ" else ord("k")
        elif code < 128:
            byte = ord(character.lower())
        elif regex.match(r"\d", character):
            byte = ord("0") + int(unicodedata.decimal(character, 0))
        else:
            byte = (
                _SPACE
                if regex.match(r"\s", character)
                else _WORD
                if regex.match(r"\w", character)
                else _OTHER
            )
        self[code] = byte
        return byte


_table = _Table()


def classes(text: str) -> bytes:
    """The text, one byte for each character."""
    return text.translate(_table).encode("latin-1")


@dataclass(frozen=True, slots=True)
class Need:
    """What a text must have.

    Args:
        digits: so many in one stretch without letters (`letterless`) or spaces (`spaceless`), or anywhere.
        solid: so many without anything between them.
        marks: all of these characters (as classes).
        pairs: for each, somewhere one character followed by another.
        length: so many characters, in one stretch without spaces if it is `spaceless`.
    """

    digits: int = 0
    solid: int = 0
    marks: frozenset[int] = frozenset()
    letterless: bool = False
    spaceless: bool = False
    pairs: tuple[re.Pattern[bytes], ...] = ()
    length: int = 0


@dataclass(frozen=True, slots=True)
class Features:
    """What a text has; see Need."""

    seen: bytes
    digits: int
    solid: int
    marks: frozenset[int]
    letterless: int
    spaceless: int
    longest: int

    @classmethod
    def of(cls, text: str) -> Features:
        seen = classes(text)
        marks = frozenset(seen)
        longest = max(map(len, _GAP.split(seen)))
        if DIGITS.isdisjoint(marks):
            return cls(seen, 0, 0, marks, 0, 0, longest)
        runs = _RUN.findall(seen)
        return cls(
            seen,
            sum(map(len, runs)),
            max(map(len, runs)),
            marks,
            max(map(_digits, _NO_LETTER.findall(seen))),
            max(map(_digits, _NO_GAP.findall(seen))),
            longest,
        )

    def have(self, need: Need) -> bool:
        return (
            self.solid >= need.solid
            and (self.letterless if need.letterless else self.digits) >= need.digits
            and (not need.spaceless or self.spaceless >= need.digits)
            and (self.longest if need.spaceless else len(self.seen)) >= need.length
            and need.marks <= self.marks
            and all(pair.search(self.seen) for pair in need.pairs)
        )


_RUN = re.compile(rb"[0-9]+")
_GAP = re.compile(set_of(_SPACES) + rb"+")
# From the first digit of a stretch to its last.
_NO_LETTER = re.compile(rb"[0-9](?:" + set_of(EVERYTHING - _LETTERS) + rb"*[0-9])?")
_NO_GAP = re.compile(rb"[0-9](?:" + set_of(EVERYTHING - _SPACES) + rb"*[0-9])?")
_NO_DIGITS = bytes(b for b in range(256) if b not in DIGITS)


def _digits(part: bytes) -> int:
    return len(part.translate(None, _NO_DIGITS))


def parsed(pattern: str, flags: int) -> Any:
    """The pattern's tree as Python's parser reads it; None where it cannot be relied on."""
    if _FOREIGN.search(pattern):
        return None
    try:
        return _parser.parse(pattern, flags & (re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE))
    except (re.error, OverflowError, RecursionError):
        return None


@lru_cache(maxsize=2_048)
def need_of(pattern: str, flags: int) -> Need:
    """What every text that `pattern` matches (with flags of the regex package) has."""
    tree = parsed(pattern, flags)
    if tree is None:
        return Need()
    part = _sequence(tree)
    bytes_ = part.alphabet
    return Need(
        part.digits,
        part.solid,
        part.marks,
        letterless=bytes_.isdisjoint(_LETTERS),
        spaceless=bytes_.isdisjoint(_SPACES),
        pairs=tuple(sorted((_pair(a, b) for a, b in part.pairs), key=lambda p: p.pattern)),
        length=part.length,
    )


@lru_cache(maxsize=2_048)
def _pair(first: frozenset[int], second: frozenset[int]) -> re.Pattern[bytes]:
    return re.compile(set_of(first) + set_of(second))


@dataclass(frozen=True, slots=True)
class _Part:
    """The same of a part of a pattern.

    head, tail: digits at its ends without anything between; whole: nothing but digits. first, last: what its first
    and last character can be, empty where it may have none; pairs: such neighbours inside.
    """

    digits: int = 0
    solid: int = 0
    marks: frozenset[int] = frozenset()
    alphabet: frozenset[int] = frozenset()
    head: int = 0
    tail: int = 0
    whole: bool = True
    first: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    pairs: frozenset[tuple[frozenset[int], frozenset[int]]] = frozenset()
    length: int = 0


_NO_WIDTH = frozenset({OP.AT, OP.ASSERT, OP.ASSERT_NOT})
_UNKNOWN = _Part(alphabet=EVERYTHING, whole=False)


def _sequence(items: Iterable[Any]) -> _Part:
    out = _Part()
    begun = False
    for item in items:
        if item[0] in _NO_WIDTH:
            continue
        nxt = _part(item)
        out = _Part(
            out.digits + nxt.digits,
            max(out.solid, nxt.solid, out.tail + nxt.head),
            out.marks | nxt.marks,
            out.alphabet | nxt.alphabet,
            out.head + nxt.head if out.whole else out.head,
            out.tail + nxt.tail if nxt.whole else nxt.tail,
            out.whole and nxt.whole,
            out.first if begun else nxt.first,
            nxt.last,
            out.pairs | nxt.pairs | _neighbours(out.last, nxt.first),
            out.length + nxt.length,
        )
        begun = True
    return out


def _neighbours(
    last: frozenset[int], first: frozenset[int]
) -> frozenset[tuple[frozenset[int], frozenset[int]]]:
    """The pair, where it tells something that the digits do not and letters do not have anyway."""
    if not last or not first or (last <= DIGITS and first <= DIGITS) or min(len(last), len(first)) > 60:
        return frozenset()
    return frozenset() if last >= _LETTERS and first >= _LETTERS else frozenset({(last, first)})


def first_of(items: Iterable[Any]) -> frozenset[int]:
    """What the first character of a sequence can be; empty where it may have none."""
    return _sequence(items).first


def _either(parts: list[_Part]) -> _Part:
    return _Part(
        min(p.digits for p in parts),
        min(p.solid for p in parts),
        frozenset.intersection(*(p.marks for p in parts)),
        frozenset().union(*(p.alphabet for p in parts)),
        min(p.head for p in parts),
        min(p.tail for p in parts),
        all(p.whole for p in parts),
        frozenset().union(*(p.first for p in parts)) if all(p.first for p in parts) else frozenset(),
        frozenset().union(*(p.last for p in parts)) if all(p.last for p in parts) else frozenset(),
        frozenset.intersection(*(p.pairs for p in parts)),
        min(p.length for p in parts),
    )


def _part(item: Any) -> _Part:
    op, value = item
    if op is OP.SUBPATTERN:
        return _sequence(value[-1])
    if op is OP.ATOMIC_GROUP:
        return _sequence(value)
    if op is OP.BRANCH:
        return _either([_sequence(branch) for branch in value[1]])
    if op in {OP.MAX_REPEAT, OP.MIN_REPEAT, OP.POSSESSIVE_REPEAT}:
        low, high, inner = value
        return _repeated(_sequence(inner), int(low), int(high))
    if op in {OP.LITERAL, OP.IN}:
        return _one(alphabet_of([item] if op is OP.LITERAL else value))
    return _UNKNOWN if op in {OP.GROUPREF, OP.GROUPREF_EXISTS} else _one(EVERYTHING)


def _one(alphabet: frozenset[int]) -> _Part:
    """One character out of an alphabet."""
    if alphabet and alphabet <= DIGITS:
        return _Part(1, 1, frozenset(), alphabet, 1, 1, whole=True, first=alphabet, last=alphabet, length=1)
    # Only what stands for one character alone is a mark; letters also stand for their variants.
    mark = alphabet if len(alphabet) == 1 and max(alphabet) < _SPACE else frozenset()
    return _Part(0, 0, mark - _WORDS, alphabet, whole=False, first=alphabet, last=alphabet, length=1)


def _repeated(part: _Part, low: int, high: int) -> _Part:
    if low == 0:
        return _Part(alphabet=part.alphabet, whole=part.whole) if high else _Part()
    solid = part.solid * low if part.whole else part.solid
    if not part.whole and low > 1:
        solid = max(solid, part.tail + part.head)
    ends = low if part.whole else 1
    return replace(
        part,
        digits=part.digits * low,
        length=part.length * low,
        solid=solid,
        head=part.head * ends,
        tail=part.tail * ends,
        pairs=part.pairs | (_neighbours(part.last, part.first) if low > 1 else frozenset()),
    )


def alphabet_of(items: Iterable[Any]) -> frozenset[int]:
    """The bytes of what a set of characters (a list of literals, ranges, categories) can match."""
    items = list(items)
    negated = any(op is OP.NEGATE for op, _ in items)
    out: set[int] = set()
    for op, value in items:
        if negated:
            out |= _surely(op, value)
        elif op is OP.LITERAL:
            out |= _like(chr(value))
        elif op is OP.RANGE:
            low, high = value
            for code in range(low, min(high, 127) + 1):
                out |= _like(chr(code))
            if high > 127:
                out |= {_SPACE, _WORD, _OTHER, *DIGITS, *b"isk"}
        elif op is OP.CATEGORY:
            out |= _CATEGORIES.get(value, EVERYTHING)
    return EVERYTHING - out if negated else frozenset(out)


def _like(character: str) -> frozenset[int]:
    """The bytes of a character and its other cases."""
    return frozenset(
        classes("".join({character, character.lower(), character.upper(), character.swapcase()}))
    )


def _surely(op: Any, value: Any) -> frozenset[int]:
    """Bytes all of whose characters a negated set shuts out."""
    if op is OP.CATEGORY and value in {OP.CATEGORY_DIGIT, OP.CATEGORY_SPACE, OP.CATEGORY_WORD}:
        return _CATEGORIES[value]
    # Of single characters only those that share their byte with no other.
    low, high = value if op is OP.RANGE else (value, value) if op is OP.LITERAL else (1, 0)
    return frozenset(b for b in range(low, min(high, 127) + 1) if b in EVERYTHING - _WORDS)


_CATEGORIES: dict[Any, frozenset[int]] = {
    OP.CATEGORY_DIGIT: DIGITS,
    OP.CATEGORY_SPACE: _SPACES,
    OP.CATEGORY_WORD: _WORDS,
    OP.CATEGORY_NOT_SPACE: EVERYTHING - _SPACES,
    OP.CATEGORY_NOT_WORD: EVERYTHING - _WORDS,
    OP.CATEGORY_NOT_DIGIT: EVERYTHING,
}
