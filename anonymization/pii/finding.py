"""All detectors on one text: the only place where they come together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from anonymization.pii.context import announced_in, bridges, capitals_in, known_in
from anonymization.pii.disguised import disguised_in
from anonymization.pii.engine import DATE_SHAPE, MONEY, shapes_in
from anonymization.pii.folding import ascii_digits, fold, tokens
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.linked import Own, own_in
from anonymization.pii.models import Models
from anonymization.pii.spans import Span, merge

#: What may be switched on, in the order in which it was added to the ladder, and what evidence calls it.
DETECTORS: dict[str, str] = {
    "shapes": "presidio shapes and phones",
    "linked": "linked",
    "registry": "registry names and places",
    "titles": "titles and kin",
    "models": "named-entity models",
    "capitals": "unknown capitalised words",
    "numbers": "long numbers",
    "disguised": "identifiers in disguise",
}
_STANDARD = frozenset(DETECTORS) - {"capitals", "numbers", "disguised"}
#: The profiles of a recipe. Strict adds unknown capitalised words, every other long number and disguises.
PROFILES: dict[str, frozenset[str]] = {"standard": _STANDARD, "strict": frozenset(DETECTORS)}

_LONG_NUMBER = re.compile(r"(?<![\w.,])\+?\d(?:[ ().\-/]{0,2}\d){6,}(?![\w])")
_SHORT = 2_000  # longer texts are hardly met twice, and would fill the memory


class Finder:
    """Finds identifiers in texts of one corpus.

    Args:
        knowledge: what was learned from the corpus and its registry.
        detectors: keys of DETECTORS. keep_words: words that are never names here.
        models: named-entity models; None where there are none.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        detectors: Iterable[str] = PROFILES["strict"],
        keep_words: Iterable[str] = (),
        models: Models | None = None,
    ) -> None:
        self._knowledge = knowledge
        self._on = frozenset(detectors)
        self._keep = frozenset(fold(w) for w in keep_words)
        self._models = models if "models" in self._on else None

    def find(self, text: str, country: str = "", language: str = "", own: Own | None = None) -> list[Span]:
        """Findings of every detector, merged so that none overlaps; positions in `text`, which must be clean."""
        found = tokens(text)
        knowledge, keep, on = self._knowledge, self._keep, self._on
        spans: list[Span] = []
        if own and "linked" in on:
            spans += own_in(text, found, own, knowledge)
        if "shapes" in on:
            spans += _shapes(text, country) if len(text) <= _SHORT else shapes_in(text, country)
        if "registry" in on:
            spans += (s for s in known_in(text, found, knowledge) if fold(text[s.start : s.end]) not in keep)
        if "titles" in on:
            spans += announced_in(text, found, knowledge)
        if self._models:
            spans += self._models.find(text, language)
        if "capitals" in on:
            spans += capitals_in(text, found, knowledge, keep)
        if "numbers" in on:
            spans += _numbers_in(text)
        if "disguised" in on:
            spans += disguised_in(text, found)
        if "registry" in on:
            spans += bridges(text, found, spans, knowledge)
        return merge(spans)


@lru_cache(maxsize=50_000)
def _shapes(text: str, country: str) -> tuple[Span, ...]:
    """Texts that stand more than once are analysed once."""
    return tuple(shapes_in(text, country))


def _numbers_in(text: str) -> list[Span]:
    """Any number of seven digits or more that is neither a date nor an amount of money."""
    plain = ascii_digits(text)
    return [
        Span(*m.span(), "number", "long_number", 0.4)
        for m in _LONG_NUMBER.finditer(plain)
        if not DATE_SHAPE.fullmatch(m.group()) and not MONEY.search(plain[: m.start()])
    ]
