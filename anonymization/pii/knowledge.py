"""What is learned from this registry and corpus, and kept nowhere: names, places, ordinary words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from anonymization.pii.folding import Token, is_arabic, skeleton, sound, words

#: A word is ordinary when at least this share of its telling uses is in lower case.
_ORDINARY = 0.25
_LARGE = 500  # from this many texts on, a word that hardly ever opens a sentence is worth a suspicion
_SUSPECT = 0.25  # a word that opens sentences is suspect when it stands inside them this often, capitalised
_NAME = 0.5  # the same for a word that the registry knows as a name, counting the sentences that it opens
_COMMON_ARABIC = 0.005  # a word in a script without capitals is ordinary when this share of its texts uses it
_SCRIPT = 30  # below so many texts in that script nothing can be told about its words


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the detectors know about this registry and corpus.

    Args:
        people: folded name words of the registry; sounds, skeletons: their spelling keys (see folding).
        places: folded place phrases, first word to the phrases that begin with it.
        ordinary: words that the corpus writes in lower case; acronyms: short words that it keeps writing in
            capitals.
        suspects: words that open sentences and still look like names: rare, or seen capitalised inside
            sentences too.
        lower: words seen in lower case at all.
        starters: words that often open sentences and nothing else.
    """

    people: frozenset[str] = frozenset()
    sounds: frozenset[str] = frozenset()
    skeletons: frozenset[str] = frozenset()
    places: dict[str, tuple[tuple[str, ...], ...]] | None = None
    ordinary: frozenset[str] = frozenset()
    acronyms: frozenset[str] = frozenset()
    suspects: frozenset[str] = frozenset()
    lower: frozenset[str] = frozenset()
    starters: frozenset[str] = frozenset()

    @classmethod
    def learn(cls, names: Iterable[str], places: Iterable[str], corpus: Sequence[Sequence[Token]]) -> Self:
        """Args: names, places: values of the registry's own columns; corpus: the tokens of every text."""
        people = {w for n in set(names) for w in words(n) if len(w) > 2}
        phrases: dict[str, set[tuple[str, ...]]] = {}
        for place in set(places):
            phrase = tuple(w for w in words(place))
            if phrase and (len(phrase) > 1 or len(phrase[0]) > 3):
                phrases.setdefault(phrase[0], set()).add(phrase)
        lower, capital, upper = Counter[str](), Counter[str](), Counter[str]()
        opening, arabic = Counter[str](), Counter[str]()
        for found in corpus:
            for word in {t.folded for t in found if is_arabic(t.folded)}:
                arabic[word] += 1
            mixed = any(t.cap for t in found) and not _shouted(found)
            for t in found if mixed else ():
                if t.upper and len(t.folded) <= 6:
                    upper[t.folded] += 1
                elif not t.cap:
                    lower[t.folded] += 1
                elif t.opens:
                    opening[t.folded] += 1
                else:
                    capital[t.folded] += 1
        often = max(5, int(0.002 * len(corpus)))
        rare = 3 if len(corpus) >= _LARGE else 0
        # In a large corpus a word must be written in lower case more than once: the first may be a slip of
        # the pen.
        least = 2 if len(corpus) >= _LARGE else 1
        known = {w for w, n in lower.items() if n >= least}
        share = {w: lower[w] / (lower[w] + capital[w] + (opening[w] if w in people else 0)) for w in known}
        ordinary = {w for w, part in share.items() if part >= (_NAME if w in people else _ORDINARY)}
        scripts = sum(any(is_arabic(t.folded) for t in found) for found in corpus)
        least = max(3, int(_COMMON_ARABIC * scripts)) if scripts >= _SCRIPT else 0
        ordinary |= {w for w, n in arabic.items() if n >= least and w not in people}
        return cls(
            people=frozenset(people),
            sounds=frozenset(k for w in people if len(w) >= 5 and len(k := sound(w)) >= 4),
            skeletons=frozenset(k for w in people if not is_arabic(w) and len(k := skeleton(w)) >= 3),
            places={first: tuple(sorted(p, key=len, reverse=True)) for first, p in phrases.items()},
            ordinary=frozenset(ordinary),
            lower=frozenset(known),
            suspects=frozenset(
                w
                for w, n in opening.items()
                if w not in ordinary and (capital[w] >= _SUSPECT * n or n <= rare)
            ),
            starters=frozenset(
                w for w, n in opening.items() if n >= often and capital[w] < _SUSPECT * n and w not in people
            ),
            acronyms=frozenset(w for w, n in upper.items() if n >= often and w not in people),
        )

    def to_json(self) -> dict[str, object]:
        return {
            "people": sorted(self.people),
            "sounds": sorted(self.sounds),
            "skeletons": sorted(self.skeletons),
            "places": {k: [list(p) for p in v] for k, v in (self.places or {}).items()},
            "ordinary": sorted(self.ordinary),
            "acronyms": sorted(self.acronyms),
            "suspects": sorted(self.suspects),
            "lower": sorted(self.lower),
            "starters": sorted(self.starters),
        }

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Self:
        sets = {k: frozenset(v) for k, v in data.items() if isinstance(v, list)}
        places = data.get("places")
        phrases = (
            {k: tuple(tuple(p) for p in v) for k, v in places.items()} if isinstance(places, dict) else {}
        )
        return cls(places=phrases, **sets)


def _shouted(found: Sequence[Token]) -> bool:
    """Whether a text is written in capitals throughout, so that case says nothing."""
    long = [t for t in found if t.end - t.start > 2]
    return len(long) >= 3 and sum(t.upper for t in long) > 0.7 * len(long)


def case_is_mute(found: Sequence[Token]) -> bool:
    """Whether case says nothing in this text: all capitals, or none at all."""
    return _shouted(found) or not any(t.cap for t in found)
