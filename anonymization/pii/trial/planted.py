"""An extract's own values in sentences that are ours: a figure on the very names, places and scripts of a run.

Nobody has read a ministry's notes and marked what identifies in them, so recall on those cannot be known. What can be
measured is whether the values of this extract, in these languages and with usual slips, would be found. That is done
on a sample of rows, and said to be that.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from anonymization.pii.finding import PROFILES, Finder
from anonymization.pii.folding import clean, fold, is_arabic, tokens
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.linked import Linked
from anonymization.pii.metrics import Planted, Score
from anonymization.pii.models import Models
from anonymization.pii.trial.notes import SLOT, Fact, Note, sentences, write
from anonymization.pii.trial.registry import OUTSIDE, lists

#: The language whose sentences are used where a row does not say; by country.
_SPOKEN = {"KE": "sw", "PH": "tl", "BR": "pt", "PK": "ur-Latn", "TR": "tr", "ID": "id"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text somebody has marked. `kinds` as in metrics.Planted."""

    text: str
    spans: Sequence[tuple[int, int, str]]
    language: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class How:
    """How a run reads its texts: see redaction.redact."""

    profile: str
    keep_words: Sequence[str] = ()
    models: bool = True


def on_planted(
    linked: Linked,
    countries: Sequence[str],
    languages: Sequence[str],
    knowledge: Knowledge,
    how: How,
    notes: int = 150,
) -> dict[str, Any]:
    """Recall, precision and F2 on at most `notes` notes made of this part's rows; figures only."""
    rows = _rows(linked, notes)
    rng = random.Random("planted sample")
    made: list[tuple[int, Note]] = []
    for i in rows:
        language = _language(languages[i] if i < len(languages) else "", countries[i])
        if any(is_arabic(fold(v[:1])) for v in _values(linked, i, "name")[:1]):
            language = "ur-Arab"
        facts = _facts(linked, i, rows, language, rng)
        if facts:
            made.append((i, write(language, countries[i], facts, rng)))
    finder = _finder(_with_our_words(knowledge), how, [n.language for _, n in made])
    score = Score()
    for i, note in made:
        spans = finder.find(note.text, note.country, note.language, linked.row(i))
        score.add(note.text, note.planted, spans, note.language)
    if not score.texts:
        return {"texts": 0, "what": "not measured: no row has a name, place or number to plant"}
    return {"what": "this extract's own values planted into sentences of ours, with slips", **score.to_dict()}


def on_labelled(sample: Sequence[Labelled], knowledge: Knowledge, how: How) -> dict[str, Any]:
    """The same on texts that people have marked, read without a row of their own; figures only."""
    finder = _finder(knowledge, how, [s.language for s in sample])
    score = Score()
    for s in sample:
        text = clean(s.text)
        planted = (
            [Planted(a, b, kind, own=False) for a, b, kind in s.spans] if text == s.text else _moved(s, text)
        )
        score.add(text, planted, finder.find(text, s.country, s.language), s.language)
    return {"what": "texts marked by people", **score.to_dict()}


def _finder(knowledge: Knowledge, how: How, languages: Sequence[str]) -> Finder:
    return Finder(knowledge, PROFILES[how.profile], how.keep_words, Models(languages) if how.models else None)


def _with_our_words(knowledge: Knowledge) -> Knowledge:
    """The same, and the words of our sentences, as if the extract's notes were written like them."""
    carriers = [tokens(SLOT.sub(" ", s)) for lines in sentences().values() for s in lines]
    ours = Knowledge.learn([], [], carriers)
    return replace(
        knowledge,
        ordinary=knowledge.ordinary | (ours.ordinary - knowledge.people),
        lower=knowledge.lower | ours.lower,
        openers=knowledge.openers | ours.openers,
    )


def _moved(sample: Labelled, text: str) -> list[Planted]:
    """Spans of a text that cleaning shortens: each is cleaned with all that stands before it."""
    out = []
    for start, end, kind in sample.spans:
        at = len(clean(sample.text[:start]))
        out.append(
            Planted(min(at, len(text)), min(len(clean(sample.text[:end])), len(text)), kind, own=False)
        )
    return out


def _rows(linked: Linked, most: int) -> list[int]:
    """Rows at even distances, so that every part of the table is met."""
    size = max((len(v) for v in linked.values.values()), default=0)
    step = max(1, size // most)
    return list(range(0, size, step))[:most]


def _language(spoken: str, country: str) -> str:
    known = sentences()
    if spoken in known:
        return spoken
    return "ur-Latn" if spoken == "ur" else _SPOKEN.get(country, "en")


def _facts(linked: Linked, i: int, rows: Sequence[int], language: str, rng: random.Random) -> dict[str, Fact]:
    """What row `i` has, by slot; somebody else and another place are of other rows or of no row."""
    names = _values(linked, i, "name")
    facts: dict[str, Fact] = {}
    if names:
        facts["head"] = Fact(" ".join(dict.fromkeys(names[:2])))
        facts["given"] = facts["spouse"] = facts["child"] = Fact(names[0])
    for slot, kind in (
        ("place", "place"),
        ("phone", "phone"),
        ("id", "id"),
        ("email", "email"),
        ("born", "date"),
    ):
        if found := _values(linked, i, kind):
            facts[slot] = Fact(found[0])
    if len(where := _values(linked, i, "coordinate")) >= 2:
        facts["gps"] = Fact(", ".join(where[:2]))
    if not facts:
        return facts
    ours = lists().get(language) or lists()["en"]
    other = rng.choice(rows)
    inside = rng.random() >= OUTSIDE
    for slot, kind, outside in (("third", "name", "strangers"), ("other", "place", "elsewhere")):
        known = _values(linked, other, kind)[:2] if inside else []
        value = " ".join(dict.fromkeys(known)) if kind == "name" else "".join(known[:1])
        facts[slot] = Fact(value, known=True) if value else Fact(rng.choice(ours[outside]), known=False)
    return {**facts, "date": Fact("2024-05-14"), "amount": Fact("3000")}


def _values(linked: Linked, i: int, kind: str) -> list[str]:
    return [v for c, k in linked.columns.items() if k == kind and (v := linked.values[c][i])]
