"""Measures the detectors on a trial, one rung after the other, so that what each adds is seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from anonymization.pii.finding import PROFILES, Finder
from anonymization.pii.folding import clean, tokens
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.metrics import Planted, Score
from anonymization.pii.models import Models
from anonymization.pii.spans import Span
from anonymization.pii.trial.notes import Note, recased
from anonymization.pii.trial.registry import Trial

#: Rung to the detectors that are on.
RUNGS: dict[str, frozenset[str]] = {
    "packs": frozenset({"shapes"}),
    "packs + linked": frozenset({"shapes", "linked"}),
    "packs + registry": frozenset({"shapes", "registry"}),
    "packs + linked + registry": frozenset({"shapes", "linked", "registry"}),
    **PROFILES,
}


def knowledge_of(trial: Trial) -> Knowledge:
    """What the trial's registry and notes teach, as a run would learn it."""
    corpus = [tokens(clean(n.text)) for n in trial.notes]
    return Knowledge.learn(trial.linked.of_kind("name"), trial.linked.of_kind("place"), corpus)


def measure(
    trial: Trial, detectors: Iterable[str], knowledge: Knowledge, *, models: bool = False
) -> tuple[Score, float]:
    """(how well these detectors find what was planted, CPU seconds of finding it)."""
    chosen = Models(n.language for n in trial.notes) if models else None
    finder = Finder(knowledge, detectors, models=chosen)

    def find(i: int, note: Note) -> Sequence[Span]:
        return finder.find(note.text, note.country, note.language, trial.linked.row(i))

    return measured(trial.notes, find)


def measured(notes: Sequence[Note], find: Callable[[int, Note], Sequence[Span]]) -> tuple[Score, float]:
    """The score of any way of finding, and its CPU seconds. Args: find: (number, note) to findings."""
    score = Score()
    before = time.process_time()
    found = [find(i, note) for i, note in enumerate(notes)]
    spent = time.process_time() - before
    for note, spans in zip(notes, found, strict=True):
        score.add(note.text, note.planted, spans, note.language)
    return score, spent


def in_other_case(trial: Trial, *, upper: bool) -> Trial:
    """The same notes in capitals or small letters throughout (Urdu script has no case and stays)."""
    notes = []
    for note in trial.notes:
        text = "".join(_one(c, note.language, upper=upper) for c in note.text)
        planted = tuple(Planted(p.start, p.end, p.kind, p.own, "recased", p.known) for p in note.planted)
        notes.append(Note(text, note.language, note.country, planted))
    return Trial(tuple(notes), trial.linked)


def _one(character: str, language: str, *, upper: bool) -> str:
    """A character in the other case, where that is one character too (positions must stay)."""
    out = recased(character, language, upper=upper)
    return out if len(out) == 1 else character
