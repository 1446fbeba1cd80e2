"""What a steward's list will cost and how far its figures may be off, before anything is spent; no row is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from anonymization import dp
from anonymization.dp.aggregate import Grain
from anonymization.standing.combining import CONFIDENCE, Noisy
from anonymization.standing.layout import Layout
from enclave.extracts.tables import Kind, StandingList, StandingTable

#: Half-width of a share for which the households that it needs are told: five points.
POINTS = 0.05
_EACH = (1 + CONFIDENCE) / 2


@dataclass(frozen=True, slots=True)
class Foretold:
    """How far the noise moves one kind of figure.

    Args:
        figure: what; where: of which places.
        cells: released cells that are added up.
        reach: half-width of the 95% range of the number (households, or money).
        needs: of a share, how many households it must be of for a range of five points either way; for money, how
            much; None for totals.
    """

    figure: str
    where: str
    cells: int
    reach: float
    needs: int | None = None


def foretold(table: StandingTable) -> tuple[Foretold, ...]:
    """The errors of a table's figures, from the list alone."""
    if table.layout is None:
        reach = max(dp.expected_error(query).value for query in table.queries)
        return (Foretold("one cell", "as asked", 1, reach),)
    if table.kind is Kind.PARTICIPATION:
        return tuple(_participation(table.layout, _scale(table.queries[0])))
    received, consumed = (_scale(query) for query in table.queries)
    return tuple(_benefits(table.layout, received, consumed))


def _scale(query: dp.DpQuery) -> tuple[float, float]:
    """(scale, tick) of one cell's noise, in the cells' unit: sensitivity over epsilon."""
    if query.measure is dp.Measure.COUNT:
        return query.contributions / query.epsilon, 1.0
    grain = Grain.of(query)
    return grain.reach * grain.tick / query.epsilon, grain.tick


def _places(layout: Layout) -> Iterator[tuple[str, int]]:
    """Kinds of places and how many cells of the table (programmes apart) they add up; of groups the smallest."""
    areas, profiles = max(len(layout.areas), 1), max(len(layout.profiles), 1)
    every = [("all households", areas)]
    every += [("one area", 1)] if layout.area else []
    stated = profiles - 1 if layout.axes else profiles
    for name, of_areas in every:
        yield name, of_areas * profiles
        for group in layout.groups:
            yield f"{name}, one group ({group.title.lower()})", of_areas * stated // len(group.keys)
        if layout.band:
            yield f"{name}, one band", of_areas * stated // len(layout.band.keys)


def _participation(layout: Layout, noise: tuple[float, float]) -> Iterator[Foretold]:
    scale, tick = noise
    ways = 2 ** len(layout.programmes)
    for where, cells in _places(layout):
        whole = Noisy(0.0, cells * ways, scale, tick)
        yield Foretold("number of households", where, whole.cells, whole.reach())
        if layout.programmes:
            half = Noisy(0.0, cells * ways // 2, scale, tick)
            # A share moves by no more than its larger part does, over what it is a share of.
            needs = math.ceil(half.reach(_EACH) / POINTS)
            yield Foretold("coverage of one programme", where, half.cells, half.reach(), needs)


def _benefits(
    layout: Layout, received: tuple[float, float], consumed: tuple[float, float]
) -> Iterator[Foretold]:
    for where, cells in _places(layout):
        got, lived = Noisy(0.0, cells, *received), Noisy(0.0, cells, *consumed)
        yield Foretold("benefits received", where, cells, got.reach())
        # At most that much of what they live on is benefits: half of it makes the bound of the ratio.
        needs = math.ceil((got.reach(_EACH) + lived.reach(_EACH) / 2) / POINTS)
        yield Foretold("adequacy", where, cells, got.reach(), needs)


def _price(table: StandingTable) -> float:
    return round(sum(dp.cost(query).epsilon for query in table.queries), 9)


def plan(listed: StandingList) -> dict[str, Any]:
    """The whole list as data: price of each table, of a draw, of a year; cells; errors."""
    tables = [
        {
            "name": table.name,
            "title": table.title,
            "kind": table.kind.value,
            "epsilon": _price(table),
            "questions": [
                {
                    "measure": query.measure.value,
                    "cells": len(query.cells),
                    "epsilon": round(dp.cost(query).epsilon, 9),
                }
                for query in table.queries
            ],
            "errors": [asdict(error) for error in foretold(table)],
        }
        for table in listed.tables
    ]
    return {
        "dataset": listed.dataset,
        "year": {"epsilon": listed.epsilon, "extracts": listed.extracts},
        "currency": listed.currency,
        "epsilon_of_a_draw": round(sum(_price(table) for table in listed.tables), 9),
        "tables": tables,
    }
