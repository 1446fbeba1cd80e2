"""Named-entity models that somebody has installed. None is shipped, and none is ever fetched.

Found are spaCy's model packages (entry points of the group `spacy_models`, as `spacy download` leaves them on another
day and another machine) and anything of the group `registry_enclave.entity_models`: a callable that takes a language
code and returns a callable from a text to (start, end, label) triples, with labels PER, PERSON, LOC, GPE or FAC.
A package's name begins with its language; `xx` is for those that have none of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any

from anonymization.errors import AnonymizationError
from anonymization.pii.spans import Span

SPACY, OWN = "spacy_models", "registry_enclave.entity_models"
#: Labels of the common annotation schemes, and what they mean here.
LABELS = {
    "PER": "person", "PERSON": "person", "LOC": "place", "LOCATION": "place", "GPE": "place", "FAC": "place",
}  # fmt: skip
_LONGEST = 20_000  # characters given to a model at once

Reader = Callable[[str], Iterable[tuple[int, int, str]]]


class Models:
    """The models for some languages, loaded when first asked.

    Args:
        languages: ISO 639-1 codes that occur ("" for unknown).
    """

    def __init__(self, languages: Iterable[str]) -> None:
        offered = installed()
        self._point: dict[str, EntryPoint] = {}
        for language in sorted(set(languages)):
            point = offered.get(language) or offered.get("xx")
            if point:
                self._point[language] = point
        self.without = sorted(set(languages) - self._point.keys())

    def __bool__(self) -> bool:
        return bool(self._point)

    def names(self) -> list[str]:
        """Each model as "package version (languages)", for the evidence."""
        by: dict[str, list[str]] = {}
        for language, point in self._point.items():
            by.setdefault(_titled(point), []).append(language or "unknown")
        return [f"{title} ({', '.join(languages)})" for title, languages in sorted(by.items())]

    def find(self, text: str, language: str) -> list[Span]:
        """People and places that the language's model names."""
        point = self._point.get(language)
        if point is None:
            return []
        read = _load(point, language)
        out = []
        for at in range(0, len(text), _LONGEST):
            out += [
                Span(at + start, at + end, LABELS[label], f"model:{point.name}", 0.6)
                for start, end, label in read(text[at : at + _LONGEST])
                if label in LABELS and 0 <= start < end <= len(text) - at
            ]
        return out


def installed() -> dict[str, EntryPoint]:
    """Language to its model: one registered for the product before one of spaCy's, the largest of these."""
    out: dict[str, EntryPoint] = {}
    sizes = {"sm": 0, "md": 1, "lg": 2, "trf": 3}
    for point in sorted(
        entry_points(group=SPACY), key=lambda p: (sizes.get(p.name.rsplit("_", 1)[-1], 0), p.name)
    ):
        out[point.name.split("_", 1)[0]] = point
    for point in sorted(entry_points(group=OWN), key=lambda p: p.name):
        out[point.name.split("_", 1)[0]] = point
    return out


@lru_cache(maxsize=8)
def _load(point: EntryPoint, language: str) -> Reader:
    try:
        made: Any = point.load()
        if point.group == OWN:
            reader: Reader = made(language)
            return reader
        pipeline = made.load()
    except Exception as error:
        raise AnonymizationError(
            f"The named-entity model {point.name} is installed but does not load. Remove it, or install the version "
            "that fits the spaCy of constraints.txt."
        ) from error
    pipeline.max_length = max(pipeline.max_length, _LONGEST + 1)
    return lambda text: [(e.start_char, e.end_char, e.label_) for e in pipeline(text).ents]


def _titled(point: EntryPoint) -> str:
    package = point.module.split(".")[0]
    try:
        return f"{point.name} {point.dist.version if point.dist else version(package)}"
    except PackageNotFoundError:
        return point.name
