"""What is left of a grant, what it would buy, and what all grants of a dataset amount to together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from .accountant import CONVERTING, Accounting, Limit, Loss, decimal, rho_of, total
from .tails import gaussian_half_width, laplace_half_width


@dataclass(frozen=True, slots=True)
class Room:
    """What one more question may lose and still fit.

    Args:
        epsilon: the largest, of a question with Laplace noise.
        rho: the largest, of a question with Gaussian noise; zero under pure accounting.
        delta: what questions may still spend of their own on keys found in the data.
    """

    epsilon: float = 0.0
    rho: float = 0.0
    delta: float = 0.0


def room(losses: Iterable[Loss], limit: Limit) -> Room:
    """What is left of a grant, as the largest further loss of each kind; each alone, not all together.

    Raises:
        Inadmissible: as `total`.
    """
    every = [loss for loss in losses if loss != Loss()]
    spent = total(every, limit)
    if limit.accounting is Accounting.PURE:
        return Room(epsilon=_written_down(decimal(limit.epsilon) - decimal(spent.epsilon)))
    from . import conversion  # noqa: PLC0415 - opendp is loaded late

    in_rho = sum(map(rho_of, every), Fraction(0))
    if limit.accounting is Accounting.ZCDP:
        rho, delta = decimal(limit.rho) - in_rho, decimal(limit.delta) - decimal(spent.delta)
        return Room(_epsilon_of(rho), _written_down(rho), _written_down(delta))
    part = decimal(limit.delta) * CONVERTING
    delta = decimal(limit.delta) - part - sum((decimal(x.delta) for x in every), Fraction(0))
    rho = Fraction(conversion.rho_within(limit.epsilon, float(part))) - in_rho
    added = Fraction(0)
    if not any(loss.rho for loss in every):
        added = decimal(limit.epsilon) - sum((decimal(x.epsilon) for x in every), Fraction(0))
    if delta < 0:
        return Room()
    return Room(max(_written_down(added), _epsilon_of(rho)), _written_down(rho), _written_down(delta))


def _written_down(exact: Fraction) -> float:
    """The largest float that is written as a decimal of at most `exact`; 0 for what is below."""
    near = float(max(exact, Fraction(0)))
    return near if decimal(near) <= max(exact, Fraction(0)) else math.nextafter(near, 0.0)


def _epsilon_of(rho: Fraction) -> float:
    """The largest pure epsilon whose rho (epsilon squared over two) is at most this."""
    epsilon = math.sqrt(2 * max(float(rho), 0.0))
    while epsilon and decimal(epsilon) ** 2 / 2 > rho:
        epsilon = math.nextafter(epsilon, 0.0)
    return epsilon


@dataclass(frozen=True, slots=True)
class Count:
    """A count of households in every group of a column, as one question.

    Args:
        loss: what each such question would cost.
        within: half-width of the 95% interval of the noise, in households.
    """

    loss: Loss
    within: int


def counts(left: Room, limit: Limit, questions: int, most: Room) -> Count | None:
    """How precise each would be if all that is left went into so many counts; None where nothing is left.

    Args:
        left: from `room`.
        questions: how many, all alike, of one household in one cell each.
        most: what one question may cost at most, whatever is left.
    """
    if limit.accounting is Accounting.ZCDP:
        rho = min(left.rho / questions, most.rho)
        return Count(Loss(rho=rho), gaussian_half_width(math.sqrt(1 / (2 * rho)))) if rho >= _LEAST else None
    epsilon = min(max(left.epsilon / questions, math.sqrt(2 * left.rho / questions)), most.epsilon)
    return Count(Loss(epsilon), laplace_half_width(1 / epsilon)) if epsilon >= _LEAST else None


def together(losses: Iterable[Loss], delta: float) -> Loss:
    """What everything that was ever charged about the same households amounts to, if all who asked share it.

    The smallest of what can be proved for these losses: all in zCDP and converted once, or the epsilons added up
    and only what is stated in rho converted. A statement about what was spent, not a filter for what comes.

    Args:
        delta: what the conversion is stated at; the questions' own deltas come on top.
    """
    from . import conversion  # noqa: PLC0415 - opendp is loaded late

    every = [loss for loss in losses if loss != Loss()]
    epsilons = sum((decimal(x.epsilon) for x in every), Fraction(0))
    rhos = sum((decimal(x.rho) for x in every), Fraction(0))
    apart = float(epsilons) + (conversion.epsilon_of_rho(float(rhos), delta) if rhos else 0.0)
    as_one = conversion.epsilon_of_rho(float(sum(map(rho_of, every), Fraction(0))), delta)
    own = float(sum((decimal(x.delta) for x in every), Fraction(0)))
    return Loss(apart, own + delta if rhos else own) if apart <= as_one else Loss(as_one, own + delta)


#: Less than this buys nothing that anybody could use.
_LEAST = 1e-6
