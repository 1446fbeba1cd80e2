"""What would this cost, both ways, before anything is spent: the error for a price, and the price for an error.

No row is read: errors come from the noise alone, prices from the measurements' own maps. Sampling error comes on top.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from . import mechanisms
from .accountant import Loss
from .queries import DpQuery
from .tails import CONFIDENCE
from .terms import Measure, Mechanism, QueryError

#: A gap between two prices is halved so often at most; geometrically, so that 1e-12 to 100 fits in.
_HALVINGS = 80
_DIGITS = 6
#: What is assumed behind a cell whose error does not depend on it.
_ANY = 1_000_000
_GROWS = (Measure.MEAN, Measure.RATIO)


@dataclass(frozen=True, slots=True)
class CellError:
    """How far noise moves one cell of an answer, and what that costs.

    Args:
        half_width: of the interval around one cell, in the answer's own unit; for a quantile, in ranks. Infinite where
            the cell would be withheld.
        cells: how many cells the answer has; with unknown keys, for each key that is found.
        confidence: of each interval, one cell at a time.
        loss: what asking would spend.
        contributions: behind the cell, as assumed; none where the error does not depend on it.
        found_from: with unknown keys, households from which a key is found at 95%; 0 otherwise.
        assumes: what the figure assumes, in a sentence.
    """

    half_width: float
    cells: int
    confidence: float
    loss: Loss
    contributions: int | None
    found_from: int
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
        contributions: how many contributions lie behind the cell (of a difference, behind each group); a guess of the
            asker, needed for means and ratios, whose error shrinks with it. Never looked up.
        most_cells: as in `mechanisms.cost`.

    Raises:
        QueryError: when the query cannot be answered at that price, or needs `contributions`.
    """
    _checked(query, confidence, contributions)
    plain = mechanisms.expected_error(query, most_cells=most_cells)
    return CellError(
        _half_width(query, confidence, contributions, most_cells),
        plain.cells,
        confidence,
        mechanisms.cost(query, most_cells=most_cells),
        contributions if query.base in _GROWS else None,
        plain.found_from,
        _assumes(query, contributions),
    )


def _half_width(query: DpQuery, confidence: float, contributions: int | None, most_cells: int) -> float:
    behind = contributions if contributions is not None and query.base in _GROWS else _ANY
    return mechanisms.expected_error_at(query, behind, confidence, most_cells=most_cells)


def _checked(query: DpQuery, confidence: float, contributions: int | None) -> None:
    if not 0.5 <= confidence < 1:
        raise QueryError(["Confidence must lie between 0.5 and 1; 0.95 is usual."])
    if query.base in _GROWS and (contributions is None or not 1 <= contributions <= 10**12):
        said = f"The error of a {query.base} shrinks with the number behind it: say how many contributions to assume."
        raise QueryError([said])


def _assumes(query: DpQuery, contributions: int | None) -> str:
    noise = "The noise alone: sampling error and what clamping to the bounds moves come on top."
    if query.measure is Measure.QUANTILE:
        return f"In ranks, as how far that is in the column's unit depends on the data. {noise}"
    if query.base not in _GROWS:
        return noise
    where = "behind each of the two groups" if query.measure is Measure.DIFFERENCE else "behind the cell"
    return f"{contributions} contributions {where}, as said by the asker, at the least certain value. {noise}"


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
    _checked(query, confidence, contributions)

    def enough(price: float) -> bool:
        asked = replace(query, rho=price) if gaussian else replace(query, epsilon=price)
        try:
            return _half_width(asked, confidence, contributions, most_cells) <= wanted_error
        except QueryError:
            if price == most:
                raise
            return False  # too small to be calibrated

    gaussian = query.mechanism is Mechanism.GAUSSIAN
    name = "rho" if gaussian else "epsilon"
    if not enough(most):
        said = f"No {name} up to {most:g} makes the error that small; accept a larger one or ask for coarser groups."
        raise QueryError([said])
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        # Geometric once there is a lower end: prices differ by orders of magnitude.
        middle = math.sqrt(low * high) if low else high / 1024
        low, high = (low, middle) if enough(middle) else (middle, high)
        if high < low * (1 + 1e-8) or high < 1e-12:
            break
    price = float(f"{high:.{_DIGITS}g}")
    for _ in range(_HALVINGS):
        if enough(price):
            return Loss(rho=price, delta=query.delta) if gaussian else Loss(price, query.delta)
        # Rounded down; or one bit worse than a smaller price, where a scale was grown to agree with its map.
        price = _next(price)
    raise QueryError([f"No {name} was found for that error; ask for a slightly larger one."])


def _next(price: float) -> float:
    """The next number of six digits."""
    unit = 10.0 ** (math.floor(math.log10(price)) - _DIGITS + 1)
    return float(f"{price + unit:.{_DIGITS}g}")
