"""The spans of Presidio's AnalyzerEngine, by the same recognizers, without most of its work.

A pattern is searched only in texts that can match it (`shapes`, and Hyperscan where it is installed), telephone
numbers are looked for once for all regions (`phones`), words are cut only where a finding could be raised by one, and
nothing is explained or copied. What remains is Presidio's own: its patterns, validations, scores, thresholds, and its
rules for what contains what. `FastAnalyzer(engine).analyze(text)` equals `engine.analyze(text)` in entity, start, end
and score (property test); an engine with parts that this does not know is asked itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import regex
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, PatternRecognizer
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.pattern_recognizer import REGEX_TIMEOUT_SECONDS
from presidio_analyzer.predefined_recognizers import IbanRecognizer, PhoneRecognizer, SpacyRecognizer

from anonymization.pii.folding import fold
from anonymization.pii.nlp import BlankNlpEngine
from anonymization.pii.phones import phones_in
from anonymization.pii.prefilter import Prefilter


class Hit(NamedTuple):
    """One finding, as Presidio's RecognizerResult without its explanation."""

    entity: str
    start: int
    end: int
    score: float


class _Recognizer:
    """One recognizer of the engine and what is known of it beforehand."""

    def __init__(self, recognizer: EntityRecognizer, entities: Sequence[str], thresholds: Any) -> None:
        self.recognizer = recognizer
        self.entities = list(entities)
        self.context = tuple(word.lower() for word in recognizer.context or ())
        self.threshold = thresholds
        kind = type(recognizer)
        self.phone = kind.analyze is PhoneRecognizer.analyze
        self.plain = kind.analyze is PatternRecognizer.analyze
        self.gated = self.plain or kind is IbanRecognizer
        patterns = list(recognizer.patterns) if self.gated else []
        self.flags = int(recognizer.global_regex_flags) if self.gated else 0
        self.patterns = [(p.regex, self.flags) for p in patterns]
        self._compiled = (
            [(regex.compile(p.regex, flags=self.flags), p.score) for p in patterns] if self.plain else []
        )
        stock = PatternRecognizer
        self._checks = (
            self.plain
            and getattr(recognizer, "checked", True)
            and (
                kind.validate_result is not stock.validate_result
                or kind.invalidate_result is not stock.invalidate_result
            )
        )
        # Without a word from the context none of its findings would reach the threshold.
        self.needs_context = (
            self.plain
            and not self._checks
            and bool(patterns)
            and max(p.score for p in patterns) < self.threshold(recognizer.supported_entities[0])
        )

    def hits(self, text: str, wanted: Sequence[bool]) -> list[Hit]:
        """Findings before context; `wanted`: the patterns that may match."""
        if self.phone:
            r = self.recognizer
            found = phones_in(text, tuple(r.supported_regions), r.leniency)
            return contained([Hit(r.supported_entities[0], *span, r.SCORE) for span in found])
        if self.plain:
            return contained(self._matches(text, wanted))
        results = self.recognizer.analyze(text=text, entities=self.entities, nlp_artifacts=None)
        return [Hit(r.entity_type, r.start, r.end, r.score) for r in results or ()]

    def _matches(self, text: str, wanted: Sequence[bool]) -> list[Hit]:
        out = []
        recognizer = self.recognizer
        entity = recognizer.supported_entities[0]
        for (pattern, score), needed in zip(self._compiled, wanted, strict=True):
            if not needed:
                continue
            try:
                for match in pattern.finditer(text, timeout=REGEX_TIMEOUT_SECONDS):
                    start, end = match.span()
                    if start == end:
                        continue
                    given = score
                    if self._checks:
                        valid = recognizer.validate_result(match.group())
                        given = score if valid is None else 1.0 if valid else 0.0
                        if recognizer.invalidate_result(match.group()):
                            given = 0.0
                    if given > 0:
                        out.append(Hit(entity, start, end, given))
            except TimeoutError:
                continue
        return out


class FastAnalyzer:
    """Analyzes texts as `engine.analyze(text, language, entities, score_threshold=threshold)` does.

    Args:
        engine: any AnalyzerEngine.
        language, entities, threshold: as in its `analyze`.
        multi_pattern: whether to use Hyperscan when it is installed.
    """

    def __init__(
        self,
        engine: AnalyzerEngine,
        language: str,
        entities: Sequence[str] | None = None,
        threshold: float | None = None,
        *,
        multi_pattern: bool = True,
    ) -> None:
        self._engine, self._language, self._threshold = engine, language, threshold
        self._entities = list(entities) if entities else None
        wanted = self._entities or engine.get_supported_entities(language=language)
        stock = engine.registry.get_recognizers(
            language=language, entities=self._entities, all_fields=not self._entities
        )
        blank = isinstance(engine.nlp_engine, BlankNlpEngine)
        self._enhancer = engine.context_aware_enhancer
        self.known = (
            blank
            and type(self._enhancer) is LemmaContextAwareEnhancer
            and not engine.log_decision_process
            and all(_known(r) for r in stock)
        )
        # A blank language engine names no entities, so the recognizer that reads them off it finds none.
        self._recognizers = (
            [
                _Recognizer(r, wanted, self._threshold_of(r))
                for r in stock
                if not isinstance(r, SpacyRecognizer)
            ]
            if self.known
            else []
        )
        patterns = [p for r in self._recognizers for p in r.patterns]
        contexts = [r.context for r in self._recognizers]
        self._prefilter = Prefilter(patterns, contexts, multi_pattern=multi_pattern)

    @property
    def multi_pattern(self) -> bool:
        """Whether Hyperscan is at work."""
        return self._prefilter.multi_pattern

    def analyze(self, text: str) -> list[Hit]:
        """The findings, in Presidio's order."""
        if not self.known:
            results = self._engine.analyze(
                text, language=self._language, entities=self._entities, score_threshold=self._threshold
            )
            return [Hit(r.entity_type, r.start, r.end, r.score) for r in results]
        flags = self._prefilter.flagged(text)
        out: list[Hit] = []
        words: _Words | None = None
        at = 0
        for r, near in zip(self._recognizers, flags.contexts, strict=True):
            size = len(r.patterns)
            wanted = flags.patterns[at : at + size]
            at += size
            if not (flags.digit if r.phone else True in wanted) or (r.needs_context and not near):
                continue
            if r.needs_context:
                words = words or self._words(text)
                if not words.may_hold(r.context):
                    continue
            hits = r.hits(text, wanted)
            if hits and r.context and near:
                words = words or self._words(text)
                if words.may_hold(r.context):
                    hits = [self._in_context(hit, r.context, words) for hit in hits]
            out += [hit for hit in hits if hit.score >= r.threshold(hit.entity)]
        return contained(out)

    def _words(self, text: str) -> _Words:
        whole = self._enhancer.context_matching_mode == "whole_word"
        return _Words(self._engine.nlp_engine.words(text), whole=whole)

    def _in_context(self, hit: Hit, context: tuple[str, ...], words: _Words) -> Hit:
        e = self._enhancer
        if hit.score == e.MAX_SCORE:
            return hit
        around = words.around(hit.start, e.context_prefix_count, e.context_suffix_count)
        if e.context_matching_mode == "whole_word":
            supported = not around.isdisjoint(context)
        else:
            supported = any(word in near for word in context for near in around)
        if not supported:
            return hit
        score = max(hit.score + e.context_similarity_factor, e.min_score_with_context_similarity)
        return hit._replace(score=min(score, e.MAX_SCORE))

    def _threshold_of(self, recognizer: EntityRecognizer) -> Any:
        if self._threshold is not None:
            return lambda _: self._threshold
        own, default = recognizer.score_thresholds, self._engine.default_score_threshold
        return lambda entity: own.get(entity, own.get("default", default))


def _known(recognizer: EntityRecognizer) -> bool:
    kind = type(recognizer)
    pattern = kind.analyze is PatternRecognizer.analyze or kind is IbanRecognizer
    reads = pattern or kind.analyze is PhoneRecognizer.analyze or isinstance(recognizer, SpacyRecognizer)
    return reads and kind.enhance_using_context is EntityRecognizer.enhance_using_context


def contained(hits: list[Hit]) -> list[Hit]:
    """Findings without those that another one of their entity holds with at least their score; best first."""
    if len(hits) > 1:
        kept: list[Hit] = []
        for hit in sorted(set(hits), key=lambda h: (h.entity, h.start, h.start - h.end, -h.score)):
            if not any(
                k.entity == hit.entity and k.start <= hit.start and hit.end <= k.end and hit.score <= k.score
                for k in reversed(kept)
            ):
                kept.append(hit)
        hits = kept
    return sorted((h for h in hits if h.score != 0), key=lambda h: (-h.score, h.start, h.start - h.end))


@lru_cache(maxsize=100_000)
def _word(token: str) -> tuple[str, tuple[str, ...]]:
    """(lemma in lower case, the keywords that it stands for: none for punctuation), as NlpArtifacts has them."""
    lemma = fold(token)
    keyword = any(c.isalnum() for c in lemma) and lemma not in {"-PRON-", "be"}
    return lemma.lower(), tuple(lemma.lower().split(":")) if keyword else ()


@lru_cache(maxsize=100_000)
def _lemma(token: str) -> str:
    return fold(token).lower()


class _Words:
    """The words of a text around a place; see LemmaContextAwareEnhancer."""

    def __init__(self, found: list[tuple[int, str]], *, whole: bool) -> None:
        self._whole = whole
        self._all: frozenset[str] | str | None = None
        self._found = found
        self._texts = [word for _, word in found]
        self._ends: list[int] | None = None
        # Only a colon inside a word makes keywords of its parts, which other words may equal.
        self._keywords = (
            {k for text in self._texts for k in _word(text)[1]} if ":" in "".join(self._texts) else None
        )

    def may_hold(self, context: tuple[str, ...]) -> bool:
        """False where no word of the whole text is one of the context (or holds one, where that is enough)."""
        if self._all is None:
            lemmas = frozenset(map(_lemma, self._texts))
            self._all = lemmas if self._whole else "\n".join(lemmas)
        if isinstance(self._all, str):
            return any(word in self._all for word in context)
        return not self._all.isdisjoint(context)

    def around(self, start: int, before: int, after: int) -> set[str]:
        if self._ends is None:
            self._ends = [at + len(word) for at, word in self._found]
        at = bisect_right(self._ends, start)
        out: set[str] = set()
        for step, left in ((-1, before + 1), (1, after + 1)):
            i, todo = at, left
            while 0 <= i < len(self._texts) and todo:
                lemma, keywords = _word(self._texts[i])
                if lemma in self._keywords if self._keywords is not None else keywords:
                    out.add(lemma)
                    todo -= 1
                i += step
        return out
