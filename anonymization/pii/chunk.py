"""Redacts one chunk of texts in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from anonymization.pii.finding import PROFILES, Finder
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.linked import Linked
from anonymization.pii.models import Models
from anonymization.pii.replacing import Replacer
from anonymization.pii.spans import splice

__all__ = ["PROFILES", "Job", "redact_chunk"]


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
        languages: one code for each text; decides which named-entity model reads it.
        replace: what stands in the text instead: roles, pseudonyms or surrogates (see replacing).
        key: 32 bytes for the latter two, of one project.
        models: whether installed named-entity models are used.
    """

    texts: Sequence[str | None]
    linked: Linked
    countries: Sequence[str]
    profile: str
    keep_words: Sequence[str]
    knowledge: Knowledge
    languages: Sequence[str] = ()
    replace: str = "roles"
    key: bytes = b""
    models: bool = True

    def part(self, rows: Sequence[int]) -> Job:
        return replace(
            self,
            texts=[self.texts[i] for i in rows],
            linked=self.linked.part(rows),
            countries=[self.countries[i] for i in rows],
            languages=[self.languages[i] for i in rows] if self.languages else (),
        )


def redact_chunk(job: Job) -> tuple[list[str | None], Counter[str]]:
    """The redacted texts, and counts: `tag:…` and `detector:…` of what was replaced, `changed` texts."""
    languages = job.languages or [""] * len(job.texts)
    models = Models(languages) if job.models else None
    finder = Finder(job.knowledge, PROFILES[job.profile], job.keep_words, models)
    replacer = Replacer(job.replace, job.key, job.knowledge)
    out: list[str | None] = []
    counts: Counter[str] = Counter()
    for i, text in enumerate(job.texts):
        if text is None or not text.strip():
            out.append(text)
            continue
        own = job.linked.row(i)
        spans = finder.find(text, job.countries[i], languages[i], own)
        redacted, replaced = splice(text, spans, replacer.within(own, job.countries[i]))
        out.append(redacted)
        counts["changed"] += bool(replaced)
        for span in replaced:
            counts[f"tag:{span.tag}"] += 1
            counts[f"detector:{span.detector}"] += 1
    return out, counts
