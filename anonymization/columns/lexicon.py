"""Column names read as words: what is a column called that, in the languages of the registries we know?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Literal

import yaml

from anonymization.pii.folding import fold
from anonymization.schema import VariableRole

Expects = Literal["any", "text", "number", "date", "few"]
_SPLIT = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a column can be (kinds.yaml).

    Args:
        name, role: what it is and how it can hurt; rank: its place in the file, 0 is the riskiest.
        says: in words, after "holds".
        treatment: what a recipe would do, of `treatments.TREATMENTS`.
        expects: what its values look like.
        key: whether it is a key variable unless a steward says otherwise.
        phrases: what such columns are called, as folded words.
    """

    name: str
    role: VariableRole
    rank: int
    says: str
    treatment: str
    expects: Expects = "any"
    key: bool = False
    phrases: frozenset[tuple[str, ...]] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class NameHint:
    """What a name suggests.

    Args:
        kind: of kinds.yaml; words: the words of the name that say so.
        whole: whether they are the whole name.
        about: a word that makes it a statement about the thing, "" for none (has_phone, id_type).
    """

    kind: str
    words: tuple[str, ...]
    whole: bool
    about: str = ""


def words_of(name: str) -> tuple[str, ...]:
    """A column's name as folded words: headDOB, head_dob and "Head DOB" alike."""
    apart = _CAMEL.sub(" ", name)
    return tuple(fold(word) for word in _SPLIT.findall(apart))


@lru_cache(maxsize=1)
def kinds() -> dict[str, Kind]:
    """Every kind by name, the riskiest first."""
    return _loaded()[0]


@lru_cache(maxsize=1)
def _loaded() -> tuple[dict[str, Kind], frozenset[str], dict[str, str]]:
    data = yaml.safe_load((resources.files("anonymization.columns") / "kinds.yaml").read_text("utf-8"))
    out: dict[str, Kind] = {}
    glued: dict[str, str] = {}
    for rank, (name, told) in enumerate(data["kinds"].items()):
        phrases = frozenset(words_of(str(p)) for names in told["names"].values() for p in names)
        out[name] = Kind(
            name,
            VariableRole(told["role"]),
            rank,
            told["says"],
            told["treatment"],
            told.get("expects", "any"),
            bool(told.get("key", False)),
            phrases,
        )
        for phrase in phrases:
            if len(joined := "".join(phrase)) >= 5:
                glued.setdefault(joined, name)
    return out, frozenset(fold(w) for w in data["about_words"]), glued


def hint(name: str) -> NameHint | None:
    """What a column's name suggests; None when it says nothing (v07, x, col_3)."""
    words = words_of(name)
    about_words = _loaded()[1]
    found = _longest(words) or _glued(words)
    if found is None:
        return None
    kind, phrase = found
    rest = [w for w in words if w not in phrase]
    said = next((w for w in rest if w in about_words), "")
    return NameHint(kind, phrase, whole=not rest, about=said)


def _longest(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """The phrase that says most: the longest; of two as long the later one (head_national_id), then the riskier."""
    spans = ((start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1))
    for start, end in sorted(spans, key=lambda s: (s[0] - s[1], -s[1])):
        phrase = words[start:end]
        if len(words) > 1 and len(phrase) == 1 and len(phrase[0]) <= 2 and phrase[0] != "id":
            continue  # two letters inside a longer name say nothing (il, su, hp, rt)
        for kind in kinds().values():
            if phrase in kind.phrases:
                return kind.name, phrase
    return None


def _glued(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """A phrase written in one word (datanascimento), if it makes up most of the name."""
    letters, glued = "".join(words), _loaded()[2]
    for joined in sorted(glued, key=len, reverse=True):
        if joined in letters and len(joined) >= max(5, len(letters) // 2):
            return glued[joined], (joined,)
    return None
