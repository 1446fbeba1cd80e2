"""What would this cost, both ways, before anything is spent: the error for a price, and the price for an error.

No row is read: errors come from the noise alone, prices from the measurements' own maps. Sampling error comes on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from . import calibration
from .accountant import Loss
from .aggregate import Grain
from .queries import DpQuery
from .tails import CONFIDENCE
from .terms import Measure, Mechanism, QueryError

#: Bisection halves the gap between two prices this often: to the sixth digit, and past it.
_HALVINGS = 40
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class CellError:
    """How far noise moves one cell of an answer.

    Args:
        half_width: of the interval around one cell, in the answer's own unit; for a quantile, in ranks. Infinite where
            noise hides the cell.
        count: the same for the number of contributions behind it; 0 where none is taken.
        cells: how many cells the answer has.
        confidence: of each interval, one cell at a time.
        contributions: behind the cell, as assumed; none where the error does not depend on it.
        assumes: what the figure assumes, in a sentence; empty for nothing.
    """

    half_width: float
    count: float
    cells: int
    confidence: float
    contributions: int | None
    assumes: str


def error_for(
    query: DpQuery,
    confidence: float = CONFIDENCE,
    *,
    contributions: int | None = None,
    most_cells: int = 10_000,
) -> CellError:
    """How far the noise of a query moves one cell, at the price that it names.

    Args:
        query: what would be asked.
        confidence: of the interval.
        contributions: how many contributions lie behind the cell; a guess of the asker, needed for a mean or ratio,
            whose error shrinks with it. Never looked up.
        most_cells: as in `mechanisms.cost`.

    Raises:
        QueryError: when the query cannot be answered at that price, or needs `contributions`.
    """
    if not 0.5 <= confidence < 1:
        raise QueryError(["Confidence must lie between 0.5 and 1; 0.95 is usual."])
    plan = calibration.plan(query, most_cells)
    cells = len(query.cells)
    if query.measure is not Measure.MEAN:
        made = plan.total or plan.count
        tick = Grain.of(query).tick if query.measure is Measure.SUM else 1.0
        width = made.half_width(confidence) * tick if made else math.inf
        return CellError(width, 0.0 if plan.total else width, cells, confidence, None, "")
    each = (1 + confidence) / 2  # both parts must hold at once
    grain, n = Grain.of(query), _given(contributions)
    of_count = plan.count.half_width(each) if plan.count else 0
    of_sum = plan.total.half_width(each) * grain.tick if plan.total else 0.0
    reach = grain.reach * grain.tick
    width = min((of_sum + of_count * reach) / (n - of_count), 2 * reach) if n > of_count else math.inf
    assumes = f"{n} contributions behind the cell, as said by the asker."
    return CellError(width, of_count, cells, confidence, n, assumes)


def _given(contributions: int | None) -> int:
    if contributions is None or contributions < 1:
        said = "The error of a mean or ratio shrinks with the number behind it: say how many contributions to assume."
        raise QueryError([said])
    return contributions


def price_for(
    query: DpQuery,
    wanted_error: float,
    confidence: float = CONFIDENCE,
    *,
    contributions: int | None = None,
    most: float = 100.0,
    most_cells: int = 10_000,
) -> Loss:
    """The smallest epsilon (or rho), to six digits, at which no cell moves by more than the wanted error.

    Args:
        query: what would be asked; the price that it names does not matter, whether it is epsilon or rho does.
        wanted_error: half-width, in the answer's own unit; for a quantile, in ranks.
        confidence, contributions, most_cells: as in `error_for`.
        most: the largest epsilon or rho that is tried.

    Raises:
        QueryError: when no price up to `most` gives that error, or the query cannot be asked.
    """
    if not (math.isfinite(wanted_error) and wanted_error > 0):
        raise QueryError(["The wanted error must be a number above zero."])

    def enough(price: float) -> bool:
        asked = replace(query, rho=price) if gaussian else replace(query, epsilon=price)
        try:
            found = error_for(asked, confidence, contributions=contributions, most_cells=most_cells)
        except QueryError:
            if price == most:
                raise
            return False  # too small to be calibrated
        return found.half_width <= wanted_error

    gaussian = query.mechanism is Mechanism.GAUSSIAN
    name = "rho" if gaussian else "epsilon"
    if not enough(most):
        raise QueryError(
            [
                f"No {name} up to {most:g} makes the error that small; accept a larger one or ask for coarser groups."
            ]
        )
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        # Geometric once there is a lower end: prices differ by orders of magnitude.
        middle = math.sqrt(low * high) if low else high / 1024
        low, high = (low, middle) if enough(middle) else (middle, high)
        if high < low * (1 + 1e-8) or high < 1e-12:
            break
    for _ in range(_HALVINGS):
        price = _rounded_up(high)
        if enough(price):
            return Loss(rho=price, delta=query.delta) if gaussian else Loss(price, query.delta)
        # A larger price can be one bit worse, where a scale was grown to agree with its map.
        high = price * (1 + 10.0**-_DIGITS)
    raise QueryError([f"No {name} was found for that error; ask for a slightly larger one."])


def _rounded_up(price: float) -> float:
    """A number of six digits, not below the price."""
    unit = 10.0 ** (math.floor(math.log10(price)) - _DIGITS + 1)
    near = float(f"{math.ceil(price / unit - 1e-9) * unit:.{_DIGITS}g}")
    return near if near >= price * (1 - 1e-9) else float(f"{near + unit:.{_DIGITS}g}")
