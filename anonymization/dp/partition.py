"""How each cell is cut into parts that do not overlap: bins, the two sides of a ratio, the candidates of a quantile.

A contribution lies in one part of its cell at most, so cutting changes no sensitivity. All edges are public.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .queries import DpQuery
from .terms import Measure

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Steps of a grid of candidates, at the fewest.
_STEPS = 400


@dataclass(frozen=True, slots=True)
class Candidates:
    """The values that a quantile can have: an even grid over the public bounds, 401 to 1,001 of them.

    Args:
        first: the lower bound.
        step: 1, 2 or 5 times a power of ten, in the column's unit.
        many: how many.
        last: the upper bound, where the last one lies.
    """

    first: float
    step: float
    many: int
    last: float

    @classmethod
    def of(cls, query: DpQuery) -> Candidates:
        lower, upper = float(query.lower or 0.0), float(query.upper or 0.0)
        most = (upper - lower) / _STEPS
        ten = 10.0 ** math.floor(math.log10(most))
        step = max(m * ten for m in (1, 2, 5) if m * ten <= most * (1 + 1e-9))
        return cls(lower, step, math.ceil((upper - lower) / step - 1e-9) + 1, upper)

    def place(self, values: Floats) -> Ints:
        """The candidate nearest to each value; a value outside the bounds goes to the bound."""
        near: Ints = np.rint((np.clip(values, self.first, self.last) - self.first) / self.step).astype(
            np.int64
        )
        return np.clip(near, 0, self.many - 1)

    def value(self, place: int) -> float:
        """A candidate in the column's unit."""
        return float(f"{min(self.first + place * self.step, self.last):.12g}")


def parts(query: DpQuery) -> int:
    """How many parts each computed cell has."""
    if query.base is Measure.HISTOGRAM:
        return len(query.bins) - 1
    if query.base is Measure.RATIO:
        return 2
    return Candidates.of(query).many if query.base is Measure.QUANTILE else 1


def part_of(query: DpQuery, value: Floats, inside: npt.NDArray[np.bool_]) -> Ints:
    """The part that each contribution lies in, -1 for none.

    Args:
        query: what is asked.
        value: of each contribution.
        inside: whether it passes the numerator of a ratio; those are part 0, the others part 1.
    """
    if query.base is Measure.RATIO:
        return np.where(inside, 0, 1).astype(np.int64)
    if query.base is Measure.QUANTILE:
        return Candidates.of(query).place(value)
    if query.base is not Measure.HISTOGRAM:
        return np.zeros(len(value), dtype=np.int64)
    edges = np.asarray(query.bins, dtype=np.float64)
    place: Ints = np.searchsorted(edges, value, side="right").astype(np.int64) - 1
    place[value == edges[-1]] = len(edges) - 2  # the last bin holds its upper edge
    place[place > len(edges) - 2] = -1
    return place
