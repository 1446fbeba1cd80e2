"""Writes a note from a language's sentences and somebody's facts, with slips of the pen, and says what is where."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from anonymization.pii.metrics import Planted

MISSPELT, RECASED = 0.16, 0.15
SLOT = re.compile(r"\{(\w+)\}")
_KINDS = {
    "head": "person", "given": "person", "spouse": "person", "child": "person", "third": "person", "place": "place",
    "other": "place", "phone": "phone", "tphone": "phone", "id": "id", "email": "email", "account": "account",
    "gps": "location", "plus": "location", "born": "birth_date", "address": "address",
}  # fmt: skip
_OTHERS = frozenset({"third", "other", "tphone"})


@dataclass(frozen=True, slots=True)
class Note:
    """A note: its text, language (ISO 639-1, `ur` in either script), country and identifiers."""

    text: str
    language: str
    country: str
    planted: tuple[Planted, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """A slot's value. `known`: the registry holds it, in this or another row."""

    value: str
    known: bool = True


@cache
def sentences() -> dict[str, tuple[str, ...]]:
    """Language (with script, for Urdu) to its sentences."""
    data = yaml.safe_load((resources.files("anonymization.pii.trial") / "templates.yaml").read_text("utf-8"))
    return {language: tuple(lines) for language, lines in data.items()}


def write(
    language: str,
    country: str,
    facts: Mapping[str, Fact],
    rng: random.Random,
    *,
    most: int = 4,
    noise: bool = True,
) -> Note:
    """One note of one to `most` sentences whose slots all have a fact.

    Args:
        language: a key of `sentences`. country: ISO 3166-1 alpha-2.
        facts: slot to fact; sentences that lack one are not used.
        rng: draws sentences and slips. noise: whether names are misspelt and recased.
    """
    usable = [s for s in sentences()[language] if set(SLOT.findall(s)) <= facts.keys()]
    chosen = rng.sample(usable, min(len(usable), rng.randint(1, most)))
    text = ""
    planted: list[Planted] = []
    for sentence in chosen:
        text += " " if text else ""
        at = 0
        for match in SLOT.finditer(sentence):
            text += sentence[at : match.start()]
            at = match.end()
            slot = match[1]
            fact = facts[slot]
            value, form = fact.value, "clean"
            kind = _KINDS.get(slot)
            if noise and kind == "person":
                value, form = slip(value, language, rng)
            if kind:
                planted.append(
                    Planted(len(text), len(text) + len(value), kind, slot not in _OTHERS, form, fact.known)
                )
            text += value
        text += sentence[at:]
    return Note(text, language[:2], country, tuple(planted))


def slip(name: str, language: str, rng: random.Random) -> tuple[str, str]:
    """A name as somebody in a hurry writes it, and how it was changed: misspelt, recased or not (clean)."""
    u = rng.random()
    out = name
    if u < MISSPELT:
        out, form = _misspelt(name, rng), "misspelt"
    elif u < MISSPELT + RECASED:
        out, form = recased(name, language, upper=rng.random() < 0.5), "recased"
    return (out, form) if out != name else (name, "clean")


def recased(text: str, language: str, *, upper: bool) -> str:
    """In capitals or small letters, by the language's own rule for i."""
    if language == "tr":
        text = text.replace("i", "İ") if upper else text.replace("I", "ı").replace("İ", "i")
    return text.upper() if upper else text.lower()


def _misspelt(name: str, rng: random.Random) -> str:
    """One slip inside the longest word: two letters swapped, one lost, doubled, or written as it sounds."""
    words = name.split(" ")
    which = max(range(len(words)), key=lambda i: len(words[i]))
    word = words[which]
    if len(word) < 4:
        return name
    at = rng.randint(1, len(word) - 2)
    kind = rng.randrange(4)
    if kind == 0:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind == 1:
        word = word[:at] + word[at + 1 :]
    elif kind == 2:
        word = word[: at + 1] + word[at:]
    else:
        for a, b in rng.sample(_SOUNDS, len(_SOUNDS)):
            if a in word[1:]:
                word = word[0] + word[1:].replace(a, b, 1)
                break
    return " ".join([*words[:which], word, *words[which + 1 :]])


_SOUNDS: Sequence[tuple[str, str]] = (
    ("i", "y"), ("y", "i"), ("k", "c"), ("c", "k"), ("s", "z"), ("z", "s"), ("u", "ou"), ("ee", "i"), ("sh", "ch"),
    ("f", "ph"), ("v", "w"), ("w", "v"),
)  # fmt: skip
