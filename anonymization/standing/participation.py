"""Households, coverage, errors of targeting, gap, overlap and incidence, all from one released table of counts.

Who is in which programme is asked once, as a table in which a household is in exactly one cell (area x profile x
every combination of programmes), so that one household changes one number by one. Every figure is a sum of
those cells or a ratio of two sums; figures agree with one another, and none costs anything more.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Any

from .cells import Cells, Place
from .combining import Noisy, Rules, share, total
from .indicators import ALL, Observation, seen
from .layout import Layout

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]


def question(layout: Layout, table: str, epsilon: float) -> dict[str, Any]:
    """The one count that everything here is made of, as `DpQuery.from_dict` takes it."""
    return {
        "table": table,
        "unit_id": layout.unit_id,
        "measure": "count",
        "group_by": {name: list(keys) for name, keys in layout.keys.items()},
        "epsilon": epsilon,
    }


def participation(cells: Cells, rules: Rules) -> Iterator[Observation]:
    """Every figure of every place and programme; places first."""
    many = cells.patterns.sum(axis=1)
    some, several = many > 0, many > 1
    for place in cells.places():
        at, everybody = place.name, cells.sum(place)
        yield seen(at, ALL, "HOUSEHOLDS", total(everybody, rules), everybody)
        if not cells.layout.programmes:
            continue
        yield from _reach(cells, place, ALL, some, rules)
        part, rest = cells.sum(place, several), cells.sum(place, some & ~several)
        yield seen(at, ALL, "OVERLAP", share(part, rest, rules), part)
        for i, name in enumerate(cells.layout.programmes):
            yield from _reach(cells, place, name, cells.patterns[:, i], rules)
        for (i, one), (j, other) in permutations(enumerate(cells.layout.programmes), 2):
            first, second = cells.patterns[:, i], cells.patterns[:, j]
            part, rest = cells.sum(place, first & second), cells.sum(place, first & ~second)
            yield seen(at, f"{one}+{other}", "OVERLAP", share(part, rest, rules), part)


def _reach(cells: Cells, place: Place, programme: str, inside: Mask, rules: Rules) -> Iterator[Observation]:
    """Whom a programme (or any of them) reaches at a place."""
    at, reached, missed = place.name, cells.sum(place, inside), cells.sum(place, ~inside)
    yield seen(at, programme, "BENEFICIARIES", total(reached, rules), reached)
    yield seen(at, programme, "COVERAGE", share(reached, missed, rules), reached)
    if place.band != ALL:
        elsewhere = cells.sum(place, inside, place.bands & ~place.profiles)
        yield seen(at, programme, "BENEFICIARY_INCIDENCE", share(reached, elsewhere, rules), reached)
        return
    poor = _poor(cells)
    if poor is None:
        return
    of_poor, of_rich = place.profiles & poor, place.profiles & ~poor & _stated(cells)
    if not (of_poor.any() and of_rich.any()):
        return  # a group of the poor alone, or of nobody poor

    def count(profiles: Mask, ways: Mask) -> Noisy:
        return cells.sum(place, ways, profiles)

    poor_in, poor_out = count(of_poor, inside), count(of_poor, ~inside)
    rich_in, rich_out = count(of_rich, inside), count(of_rich, ~inside)
    yield seen(at, programme, "POOR_COVERAGE", share(poor_in, poor_out, rules), poor_in)
    yield seen(at, programme, "EXCLUSION_ERROR", share(poor_out, poor_in, rules), poor_out)
    yield seen(at, programme, "INCLUSION_ERROR", share(rich_in, rich_out, rules), rich_in)
    yield seen(at, programme, "LEAKAGE", share(rich_in, poor_in, rules), rich_in)
    if programme == ALL:
        yield seen(at, ALL, "GAP", share(poor_out, poor_in, rules), poor_out)


def _poor(cells: Cells) -> Mask | None:
    poor = cells.layout.poor
    if poor is None:
        return None
    axis = next(a for a in cells.layout.axes if a.name == poor.axis)
    return cells.of_keys(axis, poor.keys)


def _stated(cells: Cells) -> Mask:
    import numpy as np  # noqa: PLC0415 - keeps the package light

    return np.append(np.ones(cells.raw.shape[1] - 1, dtype=np.bool_), False)
