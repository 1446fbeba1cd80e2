"""Codes of a publication and what they stand for: in words for people, and as SDMX writes identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from anonymization.errors import AnonymizationError

from .indicators import ALL, INDICATORS
from .layout import Layout

#: SDMX 2.1 and 3.0: what an identifier of a code may hold.
_STRANGE = re.compile(r"[^A-Za-z0-9_@$-]")
#: Joins the two programmes of an overlap.
WITH = "+"


@dataclass(frozen=True, slots=True)
class Code:
    """One line of the code lists.

    Args:
        dimension: "area", "group", "band", "programme" or "indicator".
        key: in the files; sdmx: identifier in the SDMX file; name: for people.
        means: where the name is not plain.
    """

    dimension: str
    key: str
    sdmx: str
    name: str
    means: str = ""


def codes(layout: Layout, used: frozenset[str]) -> tuple[Code, ...]:
    """Every code of a publication.

    Args:
        used: indicators that it has.

    Raises:
        AnonymizationError: when two keys of a dimension would be one identifier in SDMX.
    """
    made = tuple(_codes(layout, used))
    for dimension in {c.dimension for c in made}:
        theirs = [c.sdmx for c in made if c.dimension == dimension]
        if len(set(theirs)) != len(theirs):
            raise AnonymizationError(
                f"Two codes of the {dimension} differ only by signs; rename one of them."
            )
    return made


def _codes(layout: Layout, used: frozenset[str]) -> Iterator[Code]:
    yield Code("area", ALL, ALL, "All areas")
    if layout.area:
        for key, label in layout.area.labels.items():
            yield Code("area", key, _identifier(key), label)
    yield Code("group", ALL, ALL, "All households")
    for axis in layout.groups:
        for key, label in axis.labels.items():
            name = f"{axis.title}: {label}"
            yield Code("group", f"{axis.column}={key}", _identifier(f"{axis.column}_{key}").upper(), name)
    yield Code("band", ALL, ALL, "All bands")
    if layout.band:
        of = f"{layout.band.title}, more than the first number and up to the second"
        for i, (key, label) in enumerate(layout.band.labels.items(), start=1):
            yield Code("band", key, f"B{i}", label, f"{of}: {key}")
    yield from _programmes(layout)
    for code in INDICATORS.values():
        if code.code in used:
            of = f" Of {code.denominator}." if code.denominator else ""
            yield Code("indicator", code.code, code.code, code.title, f"{code.means}{of}")


def _programmes(layout: Layout) -> Iterator[Code]:
    names = layout.programmes
    yield Code("programme", ALL, ALL, "Any programme")
    for column, name in names.items():
        yield Code("programme", column, _identifier(column).upper(), name)
    for one in names:
        for other in names:
            if one != other:
                yield Code(
                    "programme",
                    f"{one}{WITH}{other}",
                    f"{_identifier(one)}-AND-{_identifier(other)}".upper(),
                    f"{names[one]}, also in {names[other]}",
                )


def _identifier(key: str) -> str:
    return _STRANGE.sub("_", key)
