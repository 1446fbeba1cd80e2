"""One configuration of Presidio without model or network: a blank spaCy tokeniser and country packs."""

from __future__ import annotations

import logging
import re
from functools import lru_cache

import tldextract
from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from anonymization.errors import AnonymizationError
from anonymization.pii.fast import FastAnalyzer
from anonymization.pii.folding import ascii_digits
from anonymization.pii.nlp import ANY, BlankNlpEngine
from anonymization.pii.packs import EVERYWHERE, PACKS, Shape, check_of
from anonymization.pii.spans import Span
from anonymization.pii.words import PHONE

THRESHOLD = 0.4  # a finding with this score is redacted
DATE_SHAPE = re.compile(r"\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{4}")

MONEY = re.compile(r"(?:KES|Kshs?|PHP|Php|₱|R\$|Rs\.?|PKR|TL|TRY|₺|Rp\.?|IDR|USD|\$|€)\s*$")

# Presidio logs matched text at some levels; identifiers must never reach a log.
logging.getLogger("presidio-analyzer").setLevel(logging.CRITICAL)


def _stay_offline() -> None:
    """Takes tldextract's network away: Presidio would fetch a list at the first e-mail address."""
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


_stay_offline()


class ShapeRecognizer(PatternRecognizer):
    """A shape of a country pack. Its check raises a finding to certainty and never rejects one."""

    def __init__(self, shape: Shape) -> None:
        self._check = check_of(shape.check)
        super().__init__(
            supported_entity=shape.name,
            name=shape.name,
            supported_language=ANY,
            patterns=[
                Pattern(f"{shape.name}_{i}", regex, score) for i, (score, regex) in enumerate(shape.patterns)
            ],
            context=list(shape.context) or None,
        )

    @property
    def checked(self) -> bool:
        """Whether there are check digits to ask."""
        return self._check is not None

    def validate_result(self, pattern_text: str) -> bool | None:
        return True if self._check and self._check(pattern_text) else None


def stock(countries: tuple[str, ...]) -> tuple[AnalyzerEngine, dict[str, tuple[str, str]]]:
    """Presidio's analyzer with the packs of these countries, and its entities: entity to (tag, detector)."""
    packs = [PACKS[c] for c in countries]
    shapes = [*EVERYWHERE, *(s for p in packs for s in p.shapes)]
    phone = PhoneRecognizer(
        supported_language=ANY,
        supported_regions=tuple(r for p in packs for r in p.regions),
        context=list(PHONE),
        leniency=1,
    )
    registry = RecognizerRegistry(
        recognizers=[*(ShapeRecognizer(s) for s in shapes), phone], supported_languages=[ANY]
    )
    engine = AnalyzerEngine(
        registry=registry,
        nlp_engine=BlankNlpEngine(),
        supported_languages=[ANY],
        context_aware_enhancer=LemmaContextAwareEnhancer(
            context_matching_mode="whole_word", context_prefix_count=5, context_suffix_count=2
        ),
    )
    entities = {s.name: (s.tag, f"presidio:{s.name.lower()}") for s in shapes}
    return engine, entities | {"PHONE_NUMBER": ("phone", "presidio:phone")}


@lru_cache(maxsize=16)
def analyzer(countries: tuple[str, ...]) -> tuple[FastAnalyzer, dict[str, tuple[str, str]]]:
    """The same, fast (see anonymization.pii.fast)."""
    engine, entities = stock(countries)
    return FastAnalyzer(engine, ANY, list(entities), THRESHOLD), entities


def shapes_in(text: str, country: str = "") -> list[Span]:
    """Identifiers that their shape gives away, by Presidio; a country of "" asks every pack (slower)."""
    plain = ascii_digits(text)
    fast, entities = analyzer((country,) if country in PACKS else tuple(PACKS))
    out = [
        # A bracket that the number does not close is the sentence's.
        Span(
            r.start + plain.startswith("(", r.start) * (")" not in plain[r.start : r.end]),
            r.end,
            *entities[r.entity],
            score=float(r.score),
        )
        for r in fast.analyze(plain)
    ]
    return [s for s in out if s.tag != "phone" or _telephone(plain, s)]


def _telephone(plain: str, span: Span) -> bool:
    """Whether what parses as a phone is neither a date nor, unless a word says phone, an amount of money."""
    if DATE_SHAPE.fullmatch(plain[span.start : span.end]):
        return False
    return span.score > THRESHOLD + 0.1 or not MONEY.search(plain[: span.start])


@lru_cache(maxsize=1)
def self_test() -> None:
    """Raises AnonymizationError unless a context word really raises a score."""
    engine, _ = stock(("KE",))
    fast, _ = analyzer(("KE",))
    texts = ("Kitambulisho 23456781 kiko sawa", "Sentensi 23456781 kiko sawa")
    with_word, without = (
        max((r.score for r in engine.analyze(t, language=ANY, entities=["KE_NATIONAL_ID"])), default=0.0)
        for t in texts
    )
    quick = [any(r.entity == "KE_NATIONAL_ID" for r in fast.analyze(t)) for t in texts]
    if not with_word >= THRESHOLD > without or quick != [True, False]:
        raise AnonymizationError(
            "The identifier detectors do not use context words with this version of presidio-analyzer, so "
            "bare identity numbers would be missed. Install the version in constraints.txt."
        )
