"""Conversion and composition of losses, by OpenDP's own constructors; loads OpenDP.

Each loss becomes a measurement that states it as its map, so that OpenDP's arithmetic, and not ours, says what
losses amount to together. These measurements are never called: they release nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import opendp.prelude as dp

from .accountant import Loss

dp.enable_features("contrib", "honest-but-curious")

#: From here on OpenDP's conversion overflows, and the closed form, which is never smaller, is used instead.
_LARGE_RHO = 100.0


def _stating(measure: Any, loss: Any) -> Any:
    space = dp.atom_domain(T="i32"), dp.absolute_distance(T="i32")
    return dp.m.make_user_measurement(*space, measure, lambda _: 0, lambda _: loss)


@lru_cache(maxsize=4096)
def epsilon_of_rho(rho: float, delta: float) -> float:
    """Epsilon at `delta` of what is rho-zCDP; never too small.

    Args:
        delta: above 0, below 1.

    Source: OpenDP `make_zCDP_to_approxDP` (Canonne, Kamath and Steinke 2020, corollary 13); for large rho
    the looser rho + 2 sqrt(rho ln(1/delta)) of Bun and Steinke 2016, proposition 1.3.
    """
    if rho == 0:
        return 0.0
    if rho > _LARGE_RHO:
        return math.nextafter(rho + 2 * math.sqrt(rho * -math.log(delta)), math.inf)
    stated = _stating(dp.zero_concentrated_divergence(), rho)
    return float(dp.c.make_zCDP_to_approxDP(stated).map(1).epsilon(delta))


@lru_cache(maxsize=4096)
def rho_within(epsilon: float, delta: float) -> float:
    """The largest rho, to twelve digits and never too large, whose epsilon at `delta` is at most this."""
    low, high = 0.0, epsilon
    while epsilon_of_rho(high, delta) <= epsilon:
        low, high = high, 2 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon_of_rho(middle, delta) <= epsilon else (low, middle)
    return low


@lru_cache(maxsize=4096)
def rho_of_epsilon(epsilon: float) -> float:
    """Rho of what is pure epsilon-DP, by OpenDP `make_pureDP_to_zCDP`.

    An (epsilon, delta) loss converts by its epsilon, its delta being the approximate part of both (Bun and
    Steinke 2016, section 8); OpenDP's constructor takes pure losses only, so the delta is carried beside it.
    """
    return float(dp.c.make_pureDP_to_zCDP(_stating(dp.max_divergence(), epsilon)).map(1))


def in_zcdp(loss: Loss) -> Loss:
    """The same loss stated in rho, with its delta."""
    return loss if loss.rho else Loss(0.0, loss.delta, rho_of_epsilon(loss.epsilon))


@lru_cache(maxsize=4096)
def _part(in_rho: bool, amount: float, delta: float) -> Any:
    """What is composed; kept, since a ledger holds many charges of few prices."""
    measure = dp.zero_concentrated_divergence() if in_rho else dp.max_divergence()
    return _stating(dp.approximate(measure), (amount, delta))


def composed(losses: Sequence[Loss]) -> Loss:
    """What OpenDP's composition says of losses that are all stated in epsilon, or all in rho.

    Each addition is rounded up: forty times 0.1 is 4.0000000000000036.
    """
    if not losses:
        return Loss()
    in_rho = any(loss.rho for loss in losses)  # a loss without either is nothing in both
    stated = [_part(in_rho, loss.rho if in_rho else loss.epsilon, loss.delta) for loss in losses]
    amount, delta = dp.c.make_composition(stated).map(1)
    return Loss(delta=float(delta), **{"rho" if in_rho else "epsilon": float(amount)})
