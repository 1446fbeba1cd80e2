"""Privacy loss as a number, and how losses add up.

Sums round up: a ledger may overstate, never understate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Loss:
    """Privacy loss of one release, at the household, add-or-remove neighbours.

    Args:
        epsilon: of pure or approximate DP; zero where the loss is stated in rho.
        delta: the approximate part of either.
        rho: of zero-concentrated DP (Bun and Steinke 2016); zero where the loss is stated in epsilon.

    Raises:
        ValueError: for a loss that is negative, not a number, or stated in both.
    """

    epsilon: float = 0.0
    delta: float = 0.0
    rho: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(x) and x >= 0 for x in (self.epsilon, self.rho)) or not 0 <= self.delta < 1:
            raise ValueError(
                "A privacy loss needs epsilon (or rho) of zero or more, and delta from zero to below one."
            )
        if self.epsilon and self.rho:
            raise ValueError("A privacy loss is stated in epsilon or in rho, not in both.")

    def __add__(self, other: Loss) -> Loss:
        return compose([self, other])

    def within(self, limit: Loss) -> bool:
        """Whether this loss stays inside a limit, part by part."""
        return self.epsilon <= limit.epsilon and self.delta <= limit.delta and self.rho <= limit.rho


def _up(exact: Fraction) -> float:
    near = float(exact)
    return near if Fraction(near) >= exact else math.nextafter(near, math.inf)


def compose(losses: Iterable[Loss]) -> Loss:
    """Loss of several releases about the same households: the sum, exact and then rounded up once.

    Raises:
        ValueError: when some are stated in epsilon and others in rho.

    Source: basic composition (Dwork and Roth 2014, theorem 3.16); in rho, Bun and Steinke 2016, lemma 1.7.
    """
    every = list(losses)
    return Loss(
        *(
            _up(sum((Fraction(part) for part in parts), Fraction(0)))
            for parts in ([x.epsilon for x in every], [x.delta for x in every], [x.rho for x in every])
        )
    )


def compose_in_zcdp(losses: Iterable[Loss], delta: float) -> Loss:
    """Loss of many pure releases, added up in zero-concentrated DP and brought back to (epsilon, delta) once.

    Better than `compose` when there are many small ones; the smaller of the two may be booked.

    Args:
        losses: each with delta zero.
        delta: the delta to state the total at, above zero.

    Raises:
        ValueError: for a loss that is not pure, or a delta outside (0, 1).

    Source: Bun and Steinke 2016, proposition 1.4 (pure epsilon is epsilon squared over two) and lemma 3.5.
    """
    every = list(losses)
    if any(x.delta or x.rho for x in every) or not 0 < delta < 1:
        raise ValueError(
            "Only losses with delta zero can be added up this way, and the total needs a delta above zero."
        )
    from .noise import epsilon_of_rho  # noqa: PLC0415 - opendp is loaded late

    rho = sum((Fraction(x.epsilon) ** 2 / 2 for x in every), Fraction(0))
    return Loss(epsilon_of_rho(_up(rho), delta), delta)
