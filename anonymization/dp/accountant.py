"""Privacy loss as a number, how losses add up, and whether they fit what was granted.

Two sums are kept apart. `compose` adds up the parts of one release as the binary numbers that they are and rounds
up. `total` is a ledger's: it adds up the decimals that people agreed on (forty times 0.1 is 4, as in the policies),
and OpenDP's own composition, which rounds up at each addition, must come to the same within `TOLERANCE`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache

from anonymization.errors import AnonymizationError

#: How far, in parts of the whole, OpenDP's composition may lie from the exact sum of decimals.
TOLERANCE = 1e-9

#: The part of a granted delta that pays for converting from zCDP, once; the rest is for what questions spend
#: themselves. Fixed beforehand, because only then do both ways of adding up hold for questions that are chosen
#: after seeing the answers to earlier ones.
CONVERTING = Fraction(1, 2)


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


class Accounting(StrEnum):
    """How the losses under one grant are added up, and what the grant is stated in."""

    PURE = "pure"
    APPROX = "approx"
    ZCDP = "zcdp"


class Inadmissible(AnonymizationError):
    """A loss of a kind that a grant's accounting cannot hold; says what can be done."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a grant allows, stated in its accounting.

    Args:
        epsilon: with pure and approx.
        delta: with approx (above zero) and, for the approximate parts of questions, with zcdp.
        rho: with zcdp.

    Raises:
        AnonymizationError: when the numbers do not go with the accounting.
    """

    accounting: Accounting
    epsilon: float = 0.0
    delta: float = 0.0
    rho: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(x) for x in (self.epsilon, self.rho)) or not 0 <= self.delta < 1:
            raise AnonymizationError("An epsilon and a rho are finite, and a delta is from 0 to below 1.")
        in_rho, delta = self.accounting is Accounting.ZCDP, self.delta
        stated, other = (self.rho, self.epsilon) if in_rho else (self.epsilon, self.rho)
        if stated <= 0 or other:
            sentences = {
                Accounting.PURE: "A pure budget is an epsilon above 0, without rho.",
                Accounting.APPROX: "An approx budget is an epsilon above 0 and a delta above 0, without rho.",
                Accounting.ZCDP: "A zcdp budget is a rho above 0, without epsilon.",
            }
            raise AnonymizationError(sentences[self.accounting])
        if (self.accounting is Accounting.PURE and delta) or (
            self.accounting is Accounting.APPROX and not delta
        ):
            raise AnonymizationError("A delta above 0 goes with approx accounting, and none with pure.")

    @property
    def loss(self) -> Loss:
        """The most that may be lost, as a loss."""
        return Loss(self.epsilon, self.delta, self.rho)


@lru_cache(maxsize=4096)
def decimal(number: float) -> Fraction:
    """The decimal number that a float is written as: 0.1 means a tenth."""
    return Fraction(repr(float(number)))


def _up(exact: Fraction) -> float:
    near = float(exact)
    return near if Fraction(near) >= exact else math.nextafter(near, math.inf)


def _written_up(exact: Fraction) -> float:
    """The smallest float that is written as a decimal of at least `exact`."""
    near = float(exact)
    return near if decimal(near) >= exact else math.nextafter(near, math.inf)


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


def total(losses: Iterable[Loss], limit: Limit) -> Loss:
    """What losses amount to together, stated and composed in a grant's accounting; never too little.

    pure: epsilons add up. zcdp: rhos add up, an epsilon being converted by OpenDP (epsilon squared over two).
    approx: the smaller of epsilons added up (where all are stated in epsilon) and everything added up in zCDP and
    converted once, at the part `CONVERTING` of the granted delta; that part counts as spent from the first loss on.
    Each way alone is a filter for questions that are chosen adaptively (Rogers et al. 2016; Whitehouse et al.
    2023), and so is the smaller: where the sum of epsilons is inside, the loss is inside for certain.

    Raises:
        Inadmissible: for a loss in rho or with delta under pure accounting.
    """
    every = [loss for loss in losses if loss != Loss()]
    if not every:
        return Loss()
    if limit.accounting is Accounting.PURE:
        if any(loss.rho or loss.delta for loss in every):
            raise Inadmissible(
                "This budget is kept in pure epsilon, which cannot hold a question with Gaussian noise or with keys "
                "found in the data. Ask with Laplace noise and public keys, or ask the privacy officer for a budget "
                "kept in zCDP."
            )
        return _sum(every)
    from . import conversion  # noqa: PLC0415 - opendp is loaded late

    together = _sum(every, in_rho=True)
    if limit.accounting is Accounting.ZCDP:
        return together
    part = decimal(limit.delta) * CONVERTING
    epsilon = conversion.epsilon_of_rho(together.rho, float(part))
    if not any(loss.rho for loss in every):
        epsilon = min(epsilon, _sum(every).epsilon)
    spent = sum((decimal(loss.delta) for loss in every), part)
    return Loss(epsilon, _written_up(spent))


def _sum(losses: Sequence[Loss], *, in_rho: bool = False) -> Loss:
    """Sum in one currency, exact in decimals; OpenDP's conversion and composition are the check."""
    from . import conversion  # noqa: PLC0415 - opendp is loaded late

    amounts = [rho_of(loss) if in_rho else decimal(loss.epsilon) for loss in losses]
    amount, delta = (
        _written_up(sum(parts, Fraction(0))) for parts in (amounts, [decimal(x.delta) for x in losses])
    )
    checked = conversion.composed([conversion.in_zcdp(x) for x in losses] if in_rho else losses)
    for mine, theirs in ((amount, checked.rho if in_rho else checked.epsilon), (delta, checked.delta)):
        if not math.isclose(mine, theirs, rel_tol=TOLERANCE, abs_tol=1e-30):
            raise ArithmeticError(
                "The ledger's sum and OpenDP's composition do not agree; nothing is decided."
            )
    return Loss(0.0, delta, amount) if in_rho else Loss(amount, delta)


def rho_of(loss: Loss) -> Fraction:
    """Rho of a loss: of pure epsilon it is epsilon squared over two (Bun and Steinke 2016, proposition 1.4)."""
    return decimal(loss.rho) if loss.rho else decimal(loss.epsilon) ** 2 / 2


def fits(losses: Iterable[Loss], limit: Limit) -> bool:
    """Whether losses together stay inside what was granted; a loss of a kind that it cannot hold does not."""
    try:
        return total(losses, limit).within(limit.loss)
    except Inadmissible:
        return False


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
    from .conversion import epsilon_of_rho  # noqa: PLC0415 - opendp is loaded late

    rho = sum((Fraction(x.epsilon) ** 2 / 2 for x in every), Fraction(0))
    return Loss(epsilon_of_rho(_up(rho), delta), delta)
