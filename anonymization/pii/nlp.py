"""A Presidio language engine without a model: words and marks, with folded words as lemmas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

from anonymization.pii.folding import fold

ANY = "xx"  # spaCy's name for no particular language
#: Marks of Latin and Arabic letters belong to their words; a date or a number with its separators is one word, so that
#: the words behind it are within reach.
_TOKEN = re.compile(r"\d+(?:[.,:/\-]\d+)+(?!\w)|\w[\w\u0300-\u036f\u064b-\u065f\u0670]*|[^\w\s]|\s")


class BlankNlpEngine(NlpEngine):
    """Words and single marks, in any script, with folded words as lemmas.

    A blank spaCy pipeline has empty lemmas, so context words would never fire; folded ones also make KİMLİK equal
    kimlik. Context needs no more than words, so spaCy's own tokeniser (a third of the time) is not used either.

    Args:
        language: under which it is registered.
    """

    engine_name = "blank"
    is_available = True

    def __init__(self, language: str = ANY) -> None:
        self._language = language

    def load(self) -> None:
        """Nothing to load."""

    def is_loaded(self) -> bool:
        return True

    def words(self, text: str) -> list[tuple[int, str]]:
        """(start, text) of every word, mark and space."""
        return [(m.start(), m.group()) for m in _TOKEN.finditer(text)]

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        found = self.words(text)
        tokens = [word for _, word in found]
        return NlpArtifacts([], tokens, [at for at, _ in found], [fold(w) for w in tokens], self, language)

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
        return [self._language]
