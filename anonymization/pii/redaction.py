"""Redacts a column of notes, each read with its own row in hand, over several processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

from anonymization.errors import AnonymizationError
from anonymization.pii.chunk import Job, redact_chunk
from anonymization.pii.counts import Counts
from anonymization.pii.engine import self_test
from anonymization.pii.finding import DETECTORS, PROFILES
from anonymization.pii.folding import clean, tokens
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.linked import Linked
from anonymization.pii.models import Models
from anonymization.pii.packs import PACKS
from anonymization.pii.replacing import WAYS
from anonymization.pii.worker import Worker

LANGUAGES = frozenset({"en", "id", "pt", "sw", "tl", "tr", "ur"})
_CHUNK = 1_500  # texts below which a further process costs more than it brings


def learn(texts: Sequence[str | None], linked: Linked | None = None) -> Counts:
    """What these texts and their rows say about names, places and words; parts of a corpus add up (see counts)."""
    linked = linked or Linked({}, {})
    corpus = (tokens(clean(t)) for t in texts if t)
    return Counts.of(linked.of_kind("name"), linked.of_kind("place"), corpus)


def redact(
    texts: Sequence[str | None],
    linked: Linked | None = None,
    languages: Sequence[str] | None = None,
    profile: str = "strict",
    *,
    countries: Sequence[str] | None = None,
    keep_words: Sequence[str] = (),
    processes: int = 2,
    knowledge: Knowledge | None = None,
    replace: str = "roles",
    key: bytes = b"",
    models: bool = True,
) -> tuple[list[str | None], dict[str, object]]:
    """Replaces identifiers by what they were: [head], [own place], [person], [phone], [id] and so on.

    Args:
        texts: the notes; None and blank ones stay as they are.
        linked: each note's own row (see Linked.of), from whose columns this registry's names and places are
            learned.
        languages: ISO 639-1 code of each note, for named-entity models, surrogates and the evidence; every
            language's cues are always on, as notes mix them.
        profile: "standard", or "strict", which also takes out unknown capitalised words and other long
            numbers.
        countries: ISO 3166-1 alpha-2 code of each note; decides phone regions and identity numbers. "" asks
            all packs.
        keep_words: words that are never names here.
        processes: how many processes to spread over.
        knowledge: what was learned from the whole corpus of which these texts are a part (see `learn`); None learns
            it from these texts.
        replace: roles, pseudonyms or surrogates (see replacing).
        key: the project's key for texts, 32 bytes; only for the latter two.
        models: whether named-entity models are used that are installed for these languages (see models).

    Returns:
        The redacted texts in the same order, and evidence: counts by kind and by detector, never a value.

    Raises:
        AnonymizationError: for an unknown profile or way of replacing, a missing key, lists of unequal length, or
            detectors that fail their self-test.
    """
    if profile not in PROFILES:
        raise AnonymizationError(
            f"There is no redaction profile {profile}. Use one of: {', '.join(PROFILES)}."
        )
    if replace not in WAYS or (replace != "roles" and len(key) < 16):
        raise AnonymizationError(
            f"Texts are replaced by one of: {', '.join(WAYS)}; all but roles need the project's key. Pass both."
        )
    self_test()
    n = len(texts)
    linked = linked or Linked({}, {})
    countries = list(countries) if countries is not None else [""] * n
    spoken = list(languages) if languages is not None else [""] * n
    if len(countries) != n or len(spoken) != n or any(len(v) != n for v in linked.values.values()):
        raise AnonymizationError(
            "Texts, languages, countries and linked rows must be of one length. Pass one of each for every text."
        )
    cleaned = [None if t is None else clean(t) for t in texts]
    knowledge = knowledge or Knowledge.of(learn(cleaned, linked))
    job = Job(cleaned, linked, countries, profile, keep_words, knowledge, spoken, replace, key, models=models)
    parts = max(1, min(processes, n // _CHUNK))
    # Every parts-th row, so that each process gets the same mixture of countries and lengths.
    rows = [list(range(part, n, parts)) for part in range(parts)]
    workers = [Worker(job.part(r)) for r in rows[1:]]
    try:
        done = [redact_chunk(job.part(rows[0])), *(w.result() for w in workers)]
    finally:
        for worker in workers:
            worker.stop()
    out: list[str | None] = [None] * n
    counts: Counter[str] = Counter()
    for r, (redacted, found) in zip(rows, done, strict=True):
        counts += found
        for i, text in zip(r, redacted, strict=True):
            out[i] = text
    return out, _evidence(job, counts)


def _evidence(job: Job, counts: Counter[str]) -> dict[str, object]:
    models = Models(job.languages) if job.models else None
    names = models.names() if models else []
    on = [
        title
        for key, title in DETECTORS.items()
        if key in PROFILES[job.profile] and (key != "models" or names)
    ]
    if names and models:
        without = ", ".join(c for c in models.without if c in LANGUAGES) or "none"
        used = f"used: {'; '.join(names)}; languages without one: {without}"
    else:
        used = "none: no named-entity model was used; lower-case names of strangers can remain"
    return {
        "profile": job.profile,
        "replaced_by": job.replace,
        "texts": sum(1 for t in job.texts if t and t.strip()),
        "texts_changed": counts["changed"],
        "replaced": _named(counts, "tag:"),
        "by_detector": _named(counts, "detector:"),
        "detectors": on,
        "linked_columns": dict(job.linked.columns),
        # Only codes that could be codes: a column that holds something else must not be copied into evidence.
        "languages": {c: n for c, n in sorted(Counter(job.languages).items()) if c in LANGUAGES},
        "countries": {c: n for c, n in sorted(Counter(job.countries).items()) if c in PACKS},
        "presidio_analyzer": version("presidio-analyzer"),
        "language_model": used,
    }


def _named(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {k.removeprefix(prefix): n for k, n in sorted(counts.items()) if k.startswith(prefix)}
