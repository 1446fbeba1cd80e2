"""One configuration of Presidio without model or network: a blank spaCy tokeniser and country packs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from anonymization.errors import AnonymizationError
from anonymization.pii.folding import ascii_digits, fold
from anonymization.pii.packs import EVERYWHERE, PACKS, Shape, check_of
from anonymization.pii.spans import Span
from anonymization.pii.words import PHONE

_ANY = "xx"  # spaCy's name for no particular language
_THRESHOLD = 0.4
#: A text without any of these cannot match a shape, so Presidio is not asked.
_WORTH = re.compile(r"\d[\d\s().\-/]{4,}\d|@|\w\+\w|\d°|[AP]\d{9}|[A-Z]{2}\d{2}[ \-A-Z\d]{8}", re.IGNORECASE)

DATE_SHAPE = re.compile(r"\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{4}")

MONEY = re.compile(r"(?:KES|Kshs?|PHP|Php|₱|R\$|Rs\.?|PKR|TL|TRY|₺|Rp\.?|IDR|USD|\$|€)\s*$")

# Presidio logs matched text at some levels; identifiers must never reach a log.
logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)


def _stay_offline() -> None:
    """Takes tldextract's network away: Presidio would fetch a list at the first e-mail address."""
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


_stay_offline()


class BlankNlpEngine(NlpEngine):
    """spaCy's blank tokeniser with folded words as lemmas.

    A blank pipeline has empty lemmas, so context words would never fire; folded ones also make KİMLİK equal
    kimlik.
    """

    engine_name = "blank"
    is_available = True

    def __init__(self) -> None:
        self._nlp: Any = None

    def load(self) -> None:
        self._nlp = spacy.blank(_ANY)

    def is_loaded(self) -> bool:
        return self._nlp is not None

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        doc = self._nlp.make_doc(text)
        lemmas = [fold(token.text) for token in doc]
        return NlpArtifacts([], doc, [token.idx for token in doc], lemmas, self, language)

    def process_batch(
        self,
        texts: Iterable[str],
        language: str,
        batch_size: int = 1,  # noqa: ARG002
        n_process: int = 1,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:  # noqa: ARG002
        return False

    def is_punct(self, word: str, language: str) -> bool:  # noqa: ARG002
        return not any(c.isalnum() for c in word)

    def get_supported_entities(self) -> list[str]:
        return []

    def get_supported_languages(self) -> list[str]:
        return [_ANY]


class ShapeRecognizer(PatternRecognizer):
    """A shape of a country pack. Its check raises a finding to certainty and never rejects one."""

    def __init__(self, shape: Shape) -> None:
        self._check = check_of(shape.check)
        super().__init__(
            supported_entity=shape.name,
            name=shape.name,
            supported_language=_ANY,
            patterns=[
                Pattern(f"{shape.name}_{i}", regex, score) for i, (score, regex) in enumerate(shape.patterns)
            ],
            context=list(shape.context) or None,
        )

    def validate_result(self, pattern_text: str) -> bool | None:
        return True if self._check and self._check(pattern_text) else None


@lru_cache(maxsize=16)
def _analyzer(countries: tuple[str, ...]) -> tuple[AnalyzerEngine, dict[str, tuple[str, str]]]:
    """An analyzer for these countries, and its entities: entity to (tag, detector)."""
    packs = [PACKS[c] for c in countries]
    shapes = [*EVERYWHERE, *(s for p in packs for s in p.shapes)]
    phone = PhoneRecognizer(
        supported_language=_ANY,
        supported_regions=tuple(r for p in packs for r in p.regions),
        context=list(PHONE),
        leniency=1,
    )
    registry = RecognizerRegistry(
        recognizers=[*(ShapeRecognizer(s) for s in shapes), phone], supported_languages=[_ANY]
    )
    engine = AnalyzerEngine(
        registry=registry,
        nlp_engine=BlankNlpEngine(),
        supported_languages=[_ANY],
        context_aware_enhancer=LemmaContextAwareEnhancer(
            context_matching_mode="whole_word", context_prefix_count=5, context_suffix_count=2
        ),
    )
    entities = {s.name: (s.tag, f"presidio:{s.name.lower()}") for s in shapes}
    return engine, entities | {"PHONE_NUMBER": ("phone", "presidio:phone")}


def shapes_in(text: str, country: str = "") -> list[Span]:
    """Identifiers that their shape gives away, by Presidio; a country of "" asks every pack (slower)."""
    plain = ascii_digits(text)
    if not _WORTH.search(plain):
        return []
    engine, entities = _analyzer((country,) if country in PACKS else tuple(PACKS))
    found = engine.analyze(plain, language=_ANY, entities=list(entities), score_threshold=_THRESHOLD)
    out = [
        # A bracket that the number does not close is the sentence's.
        Span(
            r.start + plain.startswith("(", r.start) * (")" not in plain[r.start : r.end]),
            r.end,
            *entities[r.entity_type],
            score=float(r.score),
        )
        for r in found
    ]
    return [s for s in out if s.tag != "phone" or _telephone(plain, s)]


def _telephone(plain: str, span: Span) -> bool:
    """Whether what parses as a phone is neither a date nor, unless a word says phone, an amount of money."""
    if DATE_SHAPE.fullmatch(plain[span.start : span.end]):
        return False
    return span.score > _THRESHOLD + 0.1 or not MONEY.search(plain[: span.start])


@lru_cache(maxsize=1)
def self_test() -> None:
    """Raises AnonymizationError unless a context word really raises a score."""
    engine, _ = _analyzer(("KE",))
    with_word, without = (
        max((r.score for r in engine.analyze(t, language=_ANY, entities=["KE_NATIONAL_ID"])), default=0.0)
        for t in ("Kitambulisho 23456781 kiko sawa", "Sentensi 23456781 kiko sawa")
    )
    if not with_word >= _THRESHOLD > without:
        raise AnonymizationError(
            "The identifier detectors do not use context words with this version of presidio-analyzer, so "
            "bare identity numbers would be missed. Install the version in constraints.txt."
        )
