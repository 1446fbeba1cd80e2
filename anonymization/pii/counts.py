"""How a part of a corpus uses its words, in counts that add up: the parts together say what the whole says.

Free text is read in two passes. The first counts words, a partition at a time and in any order; `Knowledge.of` then
draws its conclusions once, from the sum; the second pass redacts every partition with that one knowledge.

    counts = Counts()
    for part in partitions:
        counts += learn(part.texts, part.linked)
    knowledge = Knowledge.of(counts)
    for part in partitions:
        redact(part.texts, part.linked, knowledge=knowledge)

Counts hold words of the registry and of its notes: they may be kept only where the extract itself may be kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import iadd
from typing import Self

from anonymization.pii.folding import Token, is_arabic, words

#: Distinct words that are kept: about 250 MB at most, reached by some ten million notes.
LIMIT = 1_000_000


@dataclass(slots=True)
class Counts:
    """What one part of a corpus says about its words. `a + b` and `a += b` merge; the order does not matter.

    Args:
        texts: how many texts were read; arabic_texts: those with words in Arabic script.
        people: folded name words of the registry; places: folded place phrases.
        lower, capital, opening, upper: uses of a folded word in lower case, capitalised inside a sentence, capitalised
            where a sentence begins, and short in capitals; of texts whose case says something.
        arabic: texts that use a word in Arabic script.
        limit: distinct words that are kept. Beyond it the rarest words are forgotten (lossy counting: Manku and
            Motwani 2002), which makes the detectors take more for names, never less.
        forgotten: how many words that was.
    """

    texts: int = 0
    arabic_texts: int = 0
    people: set[str] = field(default_factory=set)
    places: set[tuple[str, ...]] = field(default_factory=set)
    lower: Counter[str] = field(default_factory=Counter)
    capital: Counter[str] = field(default_factory=Counter)
    opening: Counter[str] = field(default_factory=Counter)
    upper: Counter[str] = field(default_factory=Counter)
    arabic: Counter[str] = field(default_factory=Counter)
    limit: int = LIMIT
    forgotten: int = 0

    @classmethod
    def of(cls, names: Iterable[str], places: Iterable[str], corpus: Iterable[Sequence[Token]]) -> Self:
        """Args: names, places: values of the registry's own columns; corpus: the tokens of every text."""
        out = cls()
        out.people = {w for n in set(names) for w in words(n) if len(w) > 2}
        for place in set(places):
            phrase = tuple(words(place))
            if phrase and (len(phrase) > 1 or len(phrase[0]) > 3):
                out.places.add(phrase)
        for number, found in enumerate(corpus, 1):
            out._read(found)
            if number % 10_000 == 0:
                out._forget()
        out._forget()
        return out

    @classmethod
    def merged(cls, parts: Iterable[Counts]) -> Counts:
        """The sum of the parts, which stay as they are."""
        return reduce(iadd, parts, Counts())

    def __iadd__(self, other: Counts) -> Self:
        self.texts += other.texts
        self.arabic_texts += other.arabic_texts
        self.people |= other.people
        self.places |= other.places
        self.forgotten += other.forgotten
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            mine.update(theirs)
        self._forget()
        return self

    def __add__(self, other: Counts) -> Counts:
        return Counts.merged((self, other))

    def _counters(self) -> tuple[Counter[str], ...]:
        return self.lower, self.capital, self.opening, self.upper, self.arabic

    def _read(self, found: Sequence[Token]) -> None:
        self.texts += 1
        foreign = {t.folded for t in found if is_arabic(t.folded)}
        self.arabic.update(foreign)
        self.arabic_texts += bool(foreign)
        if case_is_mute(found):
            return
        for t in found:
            if t.upper and len(t.folded) <= 6:
                self.upper[t.folded] += 1
            elif not t.cap:
                self.lower[t.folded] += 1
            elif t.opens:
                self.opening[t.folded] += 1
            else:
                self.capital[t.folded] += 1

    def _forget(self) -> None:
        if sum(map(len, self._counters())) <= self.limit:
            return
        uses: Counter[str] = Counter()
        for counter in self._counters():
            uses.update(counter)
        rarest = sorted(uses, key=lambda w: (uses[w], w))
        gone = rarest[: max(1, len(rarest) - self.limit // 2)]
        self.forgotten += len(gone)
        for counter in self._counters():
            for word in gone:
                counter.pop(word, None)


def shouted(found: Sequence[Token]) -> bool:
    """Whether a text is written in capitals throughout, so that case says nothing."""
    long = [t for t in found if t.end - t.start > 2]
    return len(long) >= 3 and sum(t.upper for t in long) > 0.7 * len(long)


def case_is_mute(found: Sequence[Token]) -> bool:
    """Whether case says nothing in this text: all capitals, or none at all."""
    return shouted(found) or not any(t.cap for t in found)
