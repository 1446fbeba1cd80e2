"""What is learned from this registry and corpus, and kept nowhere: names, places, ordinary words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from anonymization.pii.counts import Counts
from anonymization.pii.folding import Token, is_arabic, skeleton, sound

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
        openers: words that open sentences so often, and stand inside them capitalised so seldom, that they are no
            names. Any other word that opens a sentence is suspect, also one that was never seen.
        lower: words seen in lower case at all.
        starters: words that often open sentences and nothing else.
    """

    people: frozenset[str] = frozenset()
    sounds: frozenset[str] = frozenset()
    skeletons: frozenset[str] = frozenset()
    places: dict[str, tuple[tuple[str, ...], ...]] | None = None
    ordinary: frozenset[str] = frozenset()
    acronyms: frozenset[str] = frozenset()
    openers: frozenset[str] = frozenset()
    lower: frozenset[str] = frozenset()
    starters: frozenset[str] = frozenset()

    @classmethod
    def learn(cls, names: Iterable[str], places: Iterable[str], corpus: Sequence[Sequence[Token]]) -> Self:
        """From a corpus in one piece. Args: see Counts.of."""
        return cls.of(Counts.of(names, places, corpus))

    @classmethod
    def of(cls, counts: Counts) -> Self:
        """What the counts of a whole corpus say (those of its parts, merged: see counts)."""
        people, lower, capital, opening = counts.people, counts.lower, counts.capital, counts.opening
        phrases: dict[str, list[tuple[str, ...]]] = {}
        for phrase in sorted(counts.places, key=lambda p: (-len(p), p)):
            phrases.setdefault(phrase[0], []).append(phrase)
        often = max(5, int(0.002 * counts.texts))
        rare = 3 if counts.texts >= _LARGE else 0
        # In a large corpus a word must be written in lower case more than once: the first may be a slip of
        # the pen.
        least = 2 if counts.texts >= _LARGE else 1
        known = {w for w, n in lower.items() if n >= least}
        share = {w: lower[w] / (lower[w] + capital[w] + (opening[w] if w in people else 0)) for w in known}
        ordinary = {w for w, part in share.items() if part >= (_NAME if w in people else _ORDINARY)}
        scripts = counts.arabic_texts
        least = max(3, int(_COMMON_ARABIC * scripts)) if scripts >= _SCRIPT else 0
        ordinary |= {w for w, n in counts.arabic.items() if n >= least and w not in people}
        return cls(
            people=frozenset(people),
            sounds=frozenset(k for w in people if len(w) >= 5 and len(k := sound(w)) >= 4),
            skeletons=frozenset(k for w in people if not is_arabic(w) and len(k := skeleton(w)) >= 3),
            places={first: tuple(p) for first, p in phrases.items()},
            ordinary=frozenset(ordinary),
            lower=frozenset(known),
            openers=frozenset(w for w, n in opening.items() if capital[w] < _SUSPECT * n and n > rare),
            starters=frozenset(
                w for w, n in opening.items() if n >= often and capital[w] < _SUSPECT * n and w not in people
            ),
            acronyms=frozenset(w for w, n in counts.upper.items() if n >= often and w not in people),
        )

    def to_json(self) -> dict[str, object]:
        return {
            "people": sorted(self.people),
            "sounds": sorted(self.sounds),
            "skeletons": sorted(self.skeletons),
            "places": {k: [list(p) for p in v] for k, v in (self.places or {}).items()},
            "ordinary": sorted(self.ordinary),
            "acronyms": sorted(self.acronyms),
            "openers": sorted(self.openers),
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
