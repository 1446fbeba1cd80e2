"""Which noise a query gets, from the query alone: what one household can move, how the price is split, the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from . import means, noise, thresholds
from .accountant import Loss, compose
from .aggregate import Grain
from .partition import Candidates
from .queries import DpQuery
from .terms import Measure, Mechanism, QueryError

#: Share of epsilon that finding keys takes; the answer about the keys that are found has the rest.
FINDING = Fraction(1, 4)
#: Shares of epsilon of a quantile: the number behind it, the value, and each end of its interval.
QUANTILE = (Fraction(1, 8), Fraction(3, 8), Fraction(1, 4))
#: Numbers of a quantile's answer: scores of each candidate in each cell are added up in memory.
_MOST_SCORES = 4_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that draws for one answer, calibrated before a row is read.

    Args:
        count: noise of counts, of the parts of a ratio, of the bins; none for a sum or a mean.
        total: noise of sums, in ticks (see `Grain`), for a mean of both of its sums (see `means`); none where there
            are none.
        loss: of all of it, from the measurements' own maps.
        finding: names the keys of `unknown_keys`.
        value, end: choices of a quantile and of an end of its interval.
    """

    count: noise.Noise | None
    total: noise.Noise | None
    loss: Loss
    finding: thresholds.KeyNoise | None = None
    value: noise.QuantileNoise | None = None
    end: noise.QuantileNoise | None = None


def sensitivity(query: DpQuery) -> tuple[int, int]:
    """L1 distance that one household can make in the counts, and in the sums (in ticks), in whole parts.

    Of a mean the two sums move by that together, whatever the value.
    """
    counts = query.contributions
    return counts, counts * _reach(query)


def sensitivity_squared(query: DpQuery) -> tuple[int, int]:
    """Square of the L2 distance that one household can make in the counts, and in the sums.

    At worst all that a household adds lies in one cell for each programme; parts of a cell do not overlap.
    """
    counts = query.programmes * query.share**2
    return counts, counts * _reach(query) ** 2


def plan(query: DpQuery, most_cells: int) -> Plan:
    """The noise of a query.

    Raises:
        QueryError: when it cannot be answered at that price, or has too many cells.
    """
    cells = math.prod(map(len, query.axes)) * max(len(query.bins) - 1, 1)
    if cells > most_cells:
        raise QueryError(
            [f"The answer would have more than {most_cells} cells; group by fewer columns or keys."]
        )
    if query.measure is Measure.QUANTILE:
        return _kept(query, _quantile(query, cells))
    finding, left = _finding(query)
    counts, sums = _sensitivity(query)
    add = noise.gaussian if query.mechanism is Mechanism.GAUSSIAN else noise.laplace
    summed = query.base in (Measure.SUM, Measure.MEAN)
    count = None if summed else add(counts, left)
    total = add(sums, left) if summed else None
    loss = compose(made.loss for made in (finding, count, total) if made is not None)
    return _kept(query, Plan(count, total, loss, finding))


def _reach(query: DpQuery) -> int:
    if query.base is Measure.MEAN:
        return means.width(Grain.of(query))
    return Grain.of(query).reach if query.base is Measure.SUM else 0


def _sensitivity(query: DpQuery) -> tuple[int, int]:
    return sensitivity_squared(query) if query.mechanism is Mechanism.GAUSSIAN else sensitivity(query)


def _finding(query: DpQuery) -> tuple[thresholds.KeyNoise | None, float]:
    """What finds the keys, and the price that is left for the answer about them."""
    asked = query.rho if query.mechanism is Mechanism.GAUSSIAN else query.epsilon
    if not query.unknown_keys:
        return None, asked
    part = _down(FINDING * Fraction(asked))
    # The keys of a household are those of its contributions.
    return thresholds.laplace(query.max_rows, part, query.delta), _down(Fraction(asked) - Fraction(part))


def _quantile(query: DpQuery, cells: int) -> Plan:
    grid = Candidates.of(query)
    if cells * grid.many > _MOST_SCORES:
        most = _MOST_SCORES // grid.many
        raise QueryError(
            [f"A quantile of {query.column} is answered for at most {most} groups; ask for fewer."]
        )
    of_count, of_value, of_end = (_down(share * Fraction(query.epsilon)) for share in QUANTILE)
    count = noise.laplace(query.contributions, of_count)
    value, end = (
        noise.quantile(range(grid.many), query.quantile or 0.5, query.contributions, epsilon=part)
        for part in (of_value, of_end)
    )
    return Plan(count, None, compose([count.loss, value.loss, end.loss, end.loss]), None, value, end)


def _kept(query: DpQuery, made: Plan) -> Plan:
    """The plan, when it keeps to the price; it always does, and nothing is drawn where it should not."""
    if Fraction(made.loss.epsilon) > Fraction(query.epsilon):
        raise QueryError(["This query would cost more than the epsilon asked for; ask with a larger one."])
    if Fraction(made.loss.rho) > Fraction(query.rho) or Fraction(made.loss.delta) > Fraction(query.delta):
        raise QueryError(
            ["This query would cost more than the rho or delta asked for; ask with a larger one."]
        )
    return made


def _down(exact: Fraction) -> float:
    near = float(exact)
    return near if Fraction(near) <= exact else math.nextafter(near, 0.0)
