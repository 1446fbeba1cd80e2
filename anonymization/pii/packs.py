"""Country packs (packs.yaml) as objects: each country's identifiers, their shapes, contexts and checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module, resources
from typing import Any

import yaml

from anonymization.pii.checks import OWN
from anonymization.pii.folding import fold

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Shape:
    """One identifier.

    Args:
        name: as in the evidence; tag: as in spans.TAGS.
        patterns: (score without context, regular expression).
        context: folded words that make it likelier.
        check: module of python-stdnum, or own: and a name of checks.OWN; "" where there is none.
    """

    name: str
    tag: str
    patterns: tuple[tuple[float, str], ...]
    context: tuple[str, ...] = ()
    check: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """A country's shapes and the regions in which its phone numbers are read."""

    country: str
    regions: tuple[str, ...]
    shapes: tuple[Shape, ...]


def check_of(module: str) -> Check | None:
    """The check of an identifier (True: its digits are in order); None where there is nothing to ask."""
    if not module:
        return None
    if module.startswith("own:"):
        return OWN[module.removeprefix("own:")]
    valid: Check = import_module(module).is_valid
    return valid


def _shape(data: Mapping[str, Any], identity: tuple[str, ...]) -> Shape:
    words = (*data.get("context", ()), *(identity if data.get("identity") else ()))
    return Shape(
        name=data["name"],
        tag=data["tag"],
        patterns=tuple((float(score), regex) for score, regex in data["patterns"]),
        context=tuple(dict.fromkeys(fold(word) for word in words)),
        check=data.get("check", ""),
    )


_DATA = yaml.safe_load((resources.files("anonymization.pii") / "packs.yaml").read_text("utf-8"))
_IDENTITY = tuple(_DATA["identity_words"].split())
EVERYWHERE = tuple(_shape(s, _IDENTITY) for s in _DATA["everywhere"])
PACKS: dict[str, Pack] = {
    country: Pack(country, tuple(p["regions"]), tuple(_shape(s, _IDENTITY) for s in p["shapes"]))
    for country, p in _DATA["countries"].items()
}
