"""The noise of queries and of synthetic tables; OpenDP is its only source.

Whole numbers go in and whole numbers come out: a float's low bits would tell what the noise hides (Mironov 2012).
Every loss is what the measurement's own map says, never a formula of ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from itertools import pairwise
from typing import Any

import numpy as np
import opendp.prelude as dp

from . import tails
from .accountant import Loss
from .terms import Mechanism, QueryError

dp.enable_features("contrib")

OPENDP_VERSION = version("opendp")

MECHANISMS = {
    Mechanism.LAPLACE: "discrete Laplace on whole numbers (opendp make_laplace, vector i64, L1 distance, pure epsilon)",
    Mechanism.GAUSSIAN: "discrete Gaussian on whole numbers (opendp make_gaussian, vector i64, L2 distance, zCDP)",
}
MECHANISM = MECHANISMS[Mechanism.LAPLACE]

#: Noise beyond this could run into the ends of 64 bits, where OpenDP saturates.
WIDEST = 2.0**50
#: How often a scale that rounding left one bit short is grown before giving up.
_STEPS = 64
_TINIEST = 1e-6


@dataclass(frozen=True, slots=True)
class Noise:
    """One measurement that adds noise, calibrated and checked.

    Args:
        measurement: OpenDP's measurement; called with whole numbers it returns them with noise.
        scale: of the noise, in counts or ticks: the scale of a Laplace, the standard deviation of a Gaussian.
        loss: what the measurement's own map says for `sensitivity`.
        sensitivity: what one household can change: the L1 distance (Laplace), the square of the L2 distance
            (Gaussian).
        kind: which noise.
    """

    measurement: Any
    scale: float
    loss: Loss
    sensitivity: int
    kind: Mechanism = Mechanism.LAPLACE

    @property
    def epsilon(self) -> float:
        return self.loss.epsilon

    @property
    def variance(self) -> float:
        """Variance of the noise in one cell, in squared counts or ticks; of a Gaussian its bound, the scale squared."""
        if self.kind is Mechanism.GAUSSIAN:
            return self.scale**2
        return 1 / (2 * math.sinh(0.5 / self.scale) ** 2) if self.scale > 1e-3 else 0.0

    def add(self, values: Sequence[int]) -> list[int]:
        """The values with noise; draws anew at each call."""
        return [int(v) for v in self.measurement([int(v) for v in values])]

    def half_width(self, confidence: float = tails.CONFIDENCE) -> int:
        """A whole t with P(|noise| <= t) >= confidence, in counts or ticks."""
        width = tails.gaussian_half_width if self.kind is Mechanism.GAUSSIAN else tails.laplace_half_width
        return width(self.scale, confidence)


def calibrated(
    make: Callable[[float], Any],
    loss: Callable[[Any], float],
    scale: float,
    wanted: float,
    *,
    reach: float,
    price: str,
) -> tuple[Any, float, float]:
    """The measurement at the smallest scale from `scale` on whose own map keeps to `wanted`, its loss, its scale.

    A scale from a closed form is a guess: about half the time rounding puts it one bit over.

    Args:
        make: scale to measurement.
        loss: a measurement's loss, from its map.
        scale: where to start.
        wanted: the most that it may lose.
        reach: what one household can change in one number.
        price: what `wanted` is called in a sentence.

    Raises:
        QueryError: when no usable scale gives that loss.
    """
    for _ in range(_STEPS):
        if not (math.isfinite(scale) and scale * 64 + reach < WIDEST):
            said = f"{price} is too small for these bounds; ask with a larger one or tighter bounds."
            raise QueryError([said])
        if scale > 0:
            measurement = make(scale)
            lost = loss(measurement)
            if lost <= wanted:
                return measurement, lost, scale
        scale = max(math.nextafter(scale, math.inf), _TINIEST)
    raise QueryError([f"{price} is too large to be calibrated; ask with a smaller one."])


def checked_price(price: float, sensitivity: int) -> None:
    """Raises QueryError when no noise can be calibrated from these."""
    if not (math.isfinite(price) and price > 0):
        raise QueryError(["Epsilon (or rho) must be a number above zero."])
    if not 0 < sensitivity < WIDEST:
        raise QueryError(["One household could change more than can be counted; ask with tighter bounds."])


def _laplace(scale: float) -> Any:
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    return dp.m.make_laplace(*space, scale=scale)


def _gaussian(scale: float) -> Any:
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    return dp.m.make_gaussian(*space, scale=scale)


def laplace(l1: int, epsilon: float) -> Noise:
    """Discrete Laplace noise whose loss is at most `epsilon`, for numbers that one household moves by `l1` in all.

    Raises:
        QueryError: when no usable scale gives that loss.
    """
    checked_price(epsilon, l1)
    # The loss is linear in one over the scale.
    guess = float(_laplace(1.0).map(l1)) / epsilon
    made, lost, scale = calibrated(
        _laplace, lambda m: float(m.map(l1)), guess, epsilon, reach=l1, price="Epsilon"
    )
    return Noise(made, scale, Loss(lost), l1)


def distance(l2_squared: int) -> float:
    """The smallest float that is an L2 distance not below the root of a whole number."""
    near = math.sqrt(l2_squared)
    while Fraction(near) ** 2 < l2_squared:
        near = math.nextafter(near, math.inf)
    return near


def gaussian(l2_squared: int, rho: float) -> Noise:
    """Discrete Gaussian noise whose loss is at most `rho` (zCDP).

    Args:
        l2_squared: the most that one household adds to the sum of the squared changes of all the numbers.
        rho: of zero-concentrated DP.

    Raises:
        QueryError: when no usable scale gives that loss.
    """
    checked_price(rho, math.isqrt(max(l2_squared - 1, 0)) + 1 if l2_squared > 0 else 0)
    far = distance(l2_squared)
    guess = math.sqrt(l2_squared / (2 * rho))
    made, lost, scale = calibrated(_gaussian, lambda m: float(m.map(far)), guess, rho, reach=far, price="Rho")
    return Noise(made, scale, Loss(rho=lost), l2_squared, Mechanism.GAUSSIAN)


@dataclass(frozen=True, slots=True)
class QuantileNoise:
    """One noisy choice among public candidates, calibrated and checked; one call a cell.

    Cells whose rows are apart share the loss, also when a household has rows in several: the loss grows with the rows
    that change in a straight line (in epsilon) or faster (in rho), so parts cost no more than the whole.

    Args:
        measurement: OpenDP's measurement: scores in, place of the candidate out.
        candidates: public, rising, in ticks.
        scale: of the noise on the scores.
        loss: what OpenDP's own map says for `rows`, scoring included.
        rows: how many of the values one household can be.
        below, above: what a value below a candidate, and one above it, adds to the two sides that its score weighs.
    """

    measurement: Any
    candidates: tuple[int, ...]
    scale: float
    loss: Loss
    rows: int
    below: int
    above: int

    def scores(self, counts: Sequence[int]) -> list[int]:
        """How far each candidate lies from the quantile's rank: the same as OpenDP's scores, from counts."""
        held = np.asarray(counts, dtype=np.int64)
        under = np.cumsum(held) - held
        over = held.sum() - held - under
        out: list[int] = np.abs(self.below * under - self.above * over).tolist()
        return out

    def choose(self, counts: Sequence[int]) -> int:
        """A candidate near the quantile, in ticks; where all counts are zero, any of them alike. Draws anew.

        Args:
            counts: how many values lie at each candidate; shape (candidates,). Private.
        """
        return self.candidates[int(self.measurement(self.scores(counts)))]

    def rank_error(self, confidence: float = tails.CONFIDENCE) -> int:
        """By how many ranks the chosen candidate misses the quantile more than the best one does, at that confidence.

        Permute-and-flip is nowhere worse than the exponential mechanism (McKenna and Sheldon 2020), whose score misses
        by more than s (log m + t) with probability exp(-t) at most, s the scale.
        """
        missed = self.scale * (math.log(len(self.candidates)) - math.log(1 - confidence))
        return math.ceil(missed / (self.below + self.above))


def quantile(
    candidates: Sequence[int], alpha: float, rows: int, *, epsilon: float = 0.0, rho: float = 0.0
) -> QuantileNoise:
    """A noisy quantile among public candidates (report noisy max over the distance to the quantile's rank).

    Args:
        candidates: public, rising, in ticks.
        alpha: which quantile, between 0 and 1; OpenDP reads four decimals of it.
        rows: how many of the values one household can add or take away.
        epsilon, rho: what it may lose; one of the two.

    Raises:
        QueryError: when no usable scale gives that loss, or the candidates do not rise.

    Source: Smith 2011 (scores by rank), McKenna and Sheldon 2020 (permute-and-flip).
    """
    if len(candidates) < 2 or any(a >= b for a, b in pairwise(candidates)):
        raise QueryError(["A quantile needs two public candidates or more, each larger than the one before."])
    if not 0 < alpha < 1 or bool(epsilon) == bool(rho):
        raise QueryError(["A quantile lies between 0 and 1, and is paid in epsilon or in rho."])
    checked_price(epsilon or rho, rows)
    public = [int(c) for c in candidates]
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.symmetric_distance()
    scoring = dp.t.make_quantile_score_candidates(*space, public, alpha)
    # OpenDP's own weights, read from what it says of one invented value.
    below, above = int(scoring([public[0] - 1])[0]), int(scoring([public[-1] + 1])[0])
    if not below or not above:
        raise QueryError(["This quantile is too close to 0 or 1; ask for one from 0.001 to 0.999."])
    measure = dp.max_divergence() if epsilon else dp.zero_concentrated_divergence()

    def make(scale: float) -> Any:
        return scoring >> dp.m.then_noisy_max(measure, scale, negate=True)

    at_one = float(make(1.0).map(rows))
    guess = at_one / epsilon if epsilon else math.sqrt(at_one / rho)
    _, lost, scale = calibrated(
        make,
        lambda m: float(m.map(rows)),
        guess,
        epsilon or rho,
        reach=float(scoring.map(rows)),
        price="Epsilon" if epsilon else "Rho",
    )
    inner = scoring.output_domain, scoring.output_metric
    chosen = dp.m.make_noisy_max(*inner, measure, scale=scale, negate=True)
    loss = Loss(lost) if epsilon else Loss(rho=lost)
    return QuantileNoise(chosen, tuple(public), scale, loss, rows, below, above)


def epsilon_of_rho(rho: float, delta: float) -> float:
    """Epsilon at `delta` of a release that is rho-zCDP, by OpenDP's own conversion."""
    if rho == 0:
        return 0.0
    # Gaussian noise of this scale is rho-zCDP at distance 1; only its privacy profile is used, no noise is
    # drawn.
    scale = math.sqrt(1 / (2 * rho))
    made = _gaussian(scale)
    while float(made.map(1.0)) < rho:
        scale = math.nextafter(scale, 0.0)
        made = _gaussian(scale)
    return float(dp.c.make_zCDP_to_approxDP(made).map(1.0).epsilon(delta))
