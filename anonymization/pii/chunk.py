"""Redacts one chunk of texts in this process. The only place where the detectors come together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from anonymization.pii.context import announced_in, bridges, capitals_in, known_in
from anonymization.pii.engine import DATE_SHAPE, MONEY, shapes_in
from anonymization.pii.folding import ascii_digits, fold, tokens
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.linked import Linked, own_in
from anonymization.pii.spans import Span, splice

PROFILES = ("standard", "strict")
_LONG_NUMBER = re.compile(r"(?<![\w.,])\+?\d(?:[ ().\-/]{0,2}\d){6,}(?![\w])")


@lru_cache(maxsize=50_000)
def _shapes(text: str, country: str) -> tuple[Span, ...]:
    """Texts that stand more than once are analysed once."""
    return tuple(shapes_in(text, country))


@dataclass(frozen=True, slots=True)
class Job:
    """One chunk of texts and what it takes to redact them.

    Args:
        texts: cleaned texts (see folding.clean).
        linked: one row for each text.
        countries: one code for each text.
        profile: standard, or strict, which adds unknown capitalised words and every other long number.
        keep_words: words that are never names here.
        knowledge: what was learned from the whole corpus.
    """

    texts: Sequence[str | None]
    linked: Linked
    countries: Sequence[str]
    profile: str
    keep_words: Sequence[str]
    knowledge: Knowledge

    def part(self, rows: Sequence[int]) -> Job:
        texts, countries = [self.texts[i] for i in rows], [self.countries[i] for i in rows]
        return Job(texts, self.linked.part(rows), countries, self.profile, self.keep_words, self.knowledge)


def redact_chunk(job: Job) -> tuple[list[str | None], Counter[str]]:
    """The redacted texts, and counts: `tag:…` and `detector:…` of what was replaced, `changed` texts."""
    keep = frozenset(fold(w) for w in job.keep_words)
    knowledge = job.knowledge
    out: list[str | None] = []
    counts: Counter[str] = Counter()
    for i, text in enumerate(job.texts):
        if text is None or not text.strip():
            out.append(text)
            continue
        found = tokens(text)
        spans = [
            *own_in(text, found, job.linked.row(i), knowledge),
            *_shapes(text, job.countries[i]),
            *(s for s in known_in(text, found, knowledge) if fold(text[s.start : s.end]) not in keep),
            *announced_in(text, found, knowledge),
        ]
        if job.profile == "strict":
            spans += capitals_in(text, found, knowledge, keep)
            spans += _numbers_in(text)
        spans += bridges(text, found, spans, knowledge)
        redacted, replaced = splice(text, spans)
        out.append(redacted)
        counts["changed"] += bool(replaced)
        for span in replaced:
            counts[f"tag:{span.tag}"] += 1
            counts[f"detector:{span.detector}"] += 1
    return out, counts


def _numbers_in(text: str) -> list[Span]:
    """Any number of seven digits or more that is neither a date nor an amount of money."""
    plain = ascii_digits(text)
    return [
        Span(*m.span(), "number", "long_number", 0.4)
        for m in _LONG_NUMBER.finditer(plain)
        if not DATE_SHAPE.fullmatch(m.group()) and not MONEY.search(plain[: m.start()])
    ]
