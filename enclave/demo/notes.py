"""Case notes that name the household's people, strangers, phones, numbers and places, and say where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from enclave.demo.draws import Floats
from enclave.demo.sentences import SENTENCES

#: How many uniforms `compose` may use for one note.
UNIFORMS = 48

_SLOT = re.compile(r"\{(\w+)\}")
_KINDS = {"phone": "phone", "tphone": "phone", "id": "national_id", "place": "place", "other": "place"}
_OUTSIDE = frozenset({"third", "tphone", "other"})
_NAMES = frozenset({"head", "given", "spouse", "child", "third"})
_SLOTS = {
    language: tuple(frozenset(_SLOT.findall(sentence)) for sentence in sentences)
    for language, sentences in SENTENCES.items()
}


@dataclass(frozen=True, slots=True)
class Planted:
    """One identifier in a note.

    Args:
        start, end: characters [start, end) of the text.
        kind: person, place, phone or national_id.
        own: whether it is the household's own, rather than an outsider's.
        form: as registered ("clean"), with a slip of the pen ("misspelt"), or in other case ("recased").
    """

    start: int
    end: int
    kind: str
    own: bool
    form: str


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    planted: tuple[Planted, ...]


class _Dice:
    """Hands out one row of uniforms, in order."""

    def __init__(self, row: Floats) -> None:
        self._row = row.tolist()
        self._at = 0

    def roll(self) -> float:
        self._at += 1
        return float(self._row[(self._at - 1) % len(self._row)])

    def below(self, bound: int) -> int:
        return int(self.roll() * bound)


def _misspell(name: str, dice: _Dice) -> str:
    """One slip inside a word: two letters swapped, one lost, or one doubled."""
    at = 1 + dice.below(max(1, len(name) - 2))
    if not (name[at : at + 2].isalpha() and len(name) > 3):
        return name
    kind = dice.below(3)
    if kind == 0:
        return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
    return name[:at] + name[at + 1 :] if kind == 1 else name[: at + 1] + name[at:]


def _recase(name: str, dice: _Dice, language: str) -> str:
    upper = dice.roll() < 0.5
    if language == "tr":  # Turkish has two letters i, and Python's case tables know one
        name = name.replace("i", "İ") if upper else name.replace("I", "ı").replace("İ", "i")
    return name.upper() if upper else name.lower()


def _written(slot: str, value: str, dice: _Dice, language: str) -> tuple[str, str]:
    """How the case worker wrote `value`, and the form's name."""
    u = dice.roll()
    other = value
    form = "clean"
    if slot in _NAMES and u < 0.14:
        other, form = _misspell(value, dice), "misspelt"
    elif slot in _NAMES and u < 0.28 and language != "ur-Arab":
        other, form = _recase(value, dice, language), "recased"
    elif slot == "phone" and u < 0.3:
        other, form = re.sub(r"[ ()-]", "", value), "recased"
    elif slot == "id" and u < 0.3:
        other, form = re.sub(r"[.-]", "", value), "recased"
    return other, form if other != value else "clean"


def compose(language: str, facts: Mapping[str, str], row: Floats) -> Note:
    """One note of one to three sentences.

    Args:
        language: a key of SENTENCES.
        facts: slot to value; sentences with a slot that is missing or empty are not used.
        row: (UNIFORMS,) uniforms that belong to the household.
    """
    dice = _Dice(row)
    known = {slot for slot, value in facts.items() if value}
    usable = [s for s, slots in zip(SENTENCES[language], _SLOTS[language], strict=True) if slots <= known]
    text = ""
    planted: list[Planted] = []
    for _ in range(1 + dice.below(3)):
        sentence = usable.pop(dice.below(len(usable)))
        text += " " if text else ""
        at = 0
        for match in _SLOT.finditer(sentence):
            text += sentence[at : match.start()]
            at = match.end()
            slot = match[1]
            word, form = _written(slot, facts[slot], dice, language)
            if slot != "date":
                kind = _KINDS.get(slot, "person")
                planted.append(Planted(len(text), len(text) + len(word), kind, slot not in _OUTSIDE, form))
            text += word
        text += sentence[at:]
    return Note(text, tuple(planted))
