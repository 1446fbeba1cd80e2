"""How well identifiers are found, by characters: recall, precision and F2, for all, each kind and each language.

Counted are letters and digits. A character of a planted identifier that no finding covers would stay in the release
(recall); a character of a finding that belongs to no identifier was taken from the text in vain (precision). F2 weighs
recall four times, as is usual where a miss harms a person and a false alarm a sentence (van Rijsbergen 1979).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

#: Tag of a finding (see spans.TAGS) to the kind of identifier that it says it is.
KINDS = {
    "head": "person", "person": "person", "own_place": "place", "place": "place", "birth_date": "birth_date",
    "email": "email", "account": "account", "id": "id", "phone": "phone", "location": "location",
    "address": "address", "number": "id", "name": "name",
}  # fmt: skip
#: What the strict profile cannot tell apart counts for either.
_EITHER = {"name": {"person", "place"}}


class Stretch(Protocol):
    """Anything with a start, an end (exclusive) and a tag."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def tag(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Planted:
    """An identifier that is known to stand in a text.

    Args:
        start, end: characters [start, end).
        kind: person, place, phone, id, email, account, location, birth_date or address.
        own: whether it is the row's own. form: clean, misspelt or recased.
        known: whether the registry holds it (in any row).
    """

    start: int
    end: int
    kind: str
    own: bool = True
    form: str = "clean"
    known: bool = True


@dataclass(slots=True)
class Tally:
    """Counts of one group of texts or identifiers; see `to_dict`."""

    planted: int = 0
    covered: int = 0
    typed: int = 0
    whole: int = 0
    identifiers: int = 0
    found: int = 0
    right: int = 0

    @property
    def recall(self) -> float | None:
        return self.covered / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        return self.right / self.found if self.found else None

    def to_dict(self) -> dict[str, object]:
        """Recall and precision by characters, F2, the share of identifiers covered whole, and what they stand on."""
        recall, precision = self.recall, self.precision
        out: dict[str, object] = {"identifiers": self.identifiers, "recall": _round(recall)}
        if self.identifiers:
            out["whole"] = _round(self.whole / self.identifiers)
            out["typed"] = _round(self.typed / self.planted if self.planted else None)
        if self.found:
            out["precision"] = _round(precision)
        if recall is not None and precision is not None:
            out["f2"] = _round(
                5 * precision * recall / (4 * precision + recall) if recall + precision else 0.0
            )
        return out


@dataclass(slots=True)
class Score:
    """Adds texts up. `to_dict` holds figures only, never a text."""

    texts: int = 0
    clean_texts: int = 0
    everything: Tally = field(default_factory=Tally)
    kinds: dict[str, Tally] = field(default_factory=dict)
    languages: dict[str, Tally] = field(default_factory=dict)
    groups: dict[str, Tally] = field(default_factory=dict)

    def add(
        self, text: str, planted: Sequence[Planted], found: Iterable[Stretch], language: str = ""
    ) -> None:
        """One text, what was planted in it, and what was found (overlaps count once)."""
        real = [at for at, c in enumerate(text) if c.isalnum()]
        kind_at: dict[int, set[str]] = {}
        for span in found:
            kind = KINDS.get(span.tag, span.tag)
            for at in range(span.start, span.end):
                kind_at.setdefault(at, set()).update(_EITHER.get(kind, {kind}))
        gold = {at for p in planted for at in range(p.start, p.end)}
        everything = self._tallies(language)
        left = False
        for p in planted:
            characters = [at for at in range(p.start, p.end) if text[at].isalnum()]
            covered = sum(at in kind_at for at in characters)
            typed = sum(p.kind in kind_at.get(at, ()) for at in characters)
            left |= covered < len(characters)
            for tally in (*everything, self._of(self.kinds, p.kind), self._of(self.groups, _group(p))):
                tally.identifiers += 1
                tally.planted += len(characters)
                tally.covered += covered
                tally.typed += typed
                tally.whole += covered == len(characters)
        taken = [at for at in real if at in kind_at]
        for tally in everything:
            tally.found += len(taken)
            tally.right += sum(at in gold for at in taken)
        for at in taken:
            for kind in kind_at[at]:
                tally = self._of(self.kinds, kind)
                tally.found += 1
                tally.right += at in gold
        self.texts += 1
        self.clean_texts += not left

    def to_dict(self) -> dict[str, object]:
        return {
            "texts": self.texts,
            "texts_without_a_miss": _round(self.clean_texts / self.texts if self.texts else None),
            "all": self.everything.to_dict(),
            "by_kind": {k: t.to_dict() for k, t in sorted(self.kinds.items())},
            "by_language": {k: t.to_dict() for k, t in sorted(self.languages.items())},
            "by_group": {k: t.to_dict() for k, t in sorted(self.groups.items())},
        }

    def _tallies(self, language: str) -> list[Tally]:
        return [self.everything, *([self._of(self.languages, language)] if language else [])]

    @staticmethod
    def _of(where: dict[str, Tally], key: str) -> Tally:
        return where.setdefault(key, Tally())


def _group(p: Planted) -> str:
    whose = "own" if p.own else "other, in the registry" if p.known else "other, outside the registry"
    return f"{p.kind}: {whose}, {p.form}" if p.kind in {"person", "place"} else f"{p.kind}: {whose}"


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def counts_of(kinds: Iterable[str]) -> dict[str, int]:
    """How often each kind was planted."""
    return dict(sorted(Counter(kinds).items()))
