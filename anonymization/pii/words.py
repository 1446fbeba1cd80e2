"""The word lists of words.yaml, folded."""

from __future__ import annotations

from importlib import resources

import yaml

from anonymization.pii.folding import fold

_LISTS: dict[str, str] = yaml.safe_load(
    (resources.files("anonymization.pii") / "words.yaml").read_text("utf-8")
)


def _folded(name: str) -> frozenset[str]:
    return frozenset(fold(word) for word in _LISTS[name].split())


TITLES = _folded("titles")
KIN = _folded("kin")
AFTER = _folded("after")
CALENDAR = _folded("calendar")
OFFICES = _folded("offices")
GENERIC = _folded("generic")
PARTICLES = _folded("particles")
SUFFIXES = _folded("suffixes")
PHONE = tuple(sorted(_folded("phone")))
#: Capitalised or not, never taken for a name by their capital alone.
NOBODY = TITLES | KIN | AFTER | CALENDAR
