"""Which of many patterns a text can match at all, by Hyperscan where it is installed and by counting otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from anonymization.pii.relaxed import relaxed
from anonymization.pii.shapes import Features, classes, need_of


class Flags(NamedTuple):
    """For each pattern, whether the text can match it; for each context, whether it can hold one of its words."""

    patterns: list[bool]
    contexts: list[bool]
    digit: bool


class Prefilter:
    """Says for each pattern whether a text can match it; never No where it does.

    Args:
        patterns: (regular expression of the regex package, its flags).
        contexts: groups of folded words that may stand in a text.
        multi_pattern: whether to use Hyperscan (the extra `fast`) when it is installed.
    """

    def __init__(
        self,
        patterns: Sequence[tuple[str, int]],
        contexts: Sequence[tuple[str, ...]] = (),
        *,
        multi_pattern: bool = True,
    ) -> None:
        self._patterns, self._contexts = len(patterns), len(contexts)
        # Folding leaves no more of a word of plain letters than its small letters, so that it can be searched so.
        words = [("|".join(map(re.escape, group)) or "(?!)", re.IGNORECASE) for group in contexts]
        self._scan = _hyperscan([*patterns, *words]) if multi_pattern and find_spec("hyperscan") else None
        self._needs = [] if self._scan else [need_of(pattern, flags) for pattern, flags in patterns]

    @property
    def multi_pattern(self) -> bool:
        """Whether Hyperscan is at work."""
        return self._scan is not None

    def flagged(self, text: str) -> Flags:
        """What the text can match."""
        if self._scan is None:
            features = Features.of(text)
            matching = [features.have(need) for need in self._needs]
            return Flags(matching, [True] * self._contexts, digit=features.digits > 0)
        found, digit = self._scan(classes(text))
        near = found[self._patterns :] if text.isascii() else [True] * self._contexts
        return Flags(found[: self._patterns], near, digit=digit)


def _hyperscan(patterns: Sequence[tuple[str, int]]) -> Callable[[bytes], tuple[list[bool], bool]] | None:
    hs: Any = import_module("hyperscan")
    flags = hs.HS_FLAG_SINGLEMATCH | hs.HS_FLAG_PREFILTER | hs.HS_FLAG_DOTALL
    digit = len(patterns)
    always = [True] * digit
    numbers, written = [digit], [b"[0-9]"]
    for number, (pattern, of) in enumerate(patterns):
        text = relaxed(pattern, of)
        if text is not None and _compiles(hs, [text], [number], flags):
            always[number] = False
            numbers.append(number)
            written.append(text)
    database = _compiles(hs, written, numbers, flags)
    if database is None:
        return None

    def scan(seen: bytes) -> tuple[list[bool], bool]:
        out = [*always, False]
        if seen:
            database.scan(seen, match_event_handler=lambda number, *_: out.__setitem__(number, True))
        return out[:digit], out[digit]

    return scan


def _compiles(hs: Any, written: list[bytes], numbers: list[int], flags: int) -> Any:
    """A database of the patterns; None where Hyperscan does not take them."""
    database = hs.Database(mode=hs.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=written, ids=numbers, elements=len(written), flags=[flags] * len(written)
        )
    except hs.error:
        return None
    return database
