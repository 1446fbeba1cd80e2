"""The noise of queries; OpenDP is its only source. `marginals` draws that of synthetic tables, from OpenDP too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import opendp.prelude as dp

from .queries import QueryError

dp.enable_features("contrib")

OPENDP_VERSION = version("opendp")

MECHANISM = "discrete Laplace on whole numbers (opendp make_laplace, vector i64, L1 distance, pure epsilon)"

#: Noise beyond this could run into the ends of 64 bits, where OpenDP saturates.
_WIDEST = 2.0**50


@dataclass(frozen=True, slots=True)
class Noise:
    """One measurement, calibrated and checked.

    Args:
        measurement: OpenDP's measurement; called with whole numbers it returns them with noise.
        scale: of the discrete Laplace noise, in counts or ticks.
        epsilon: what the measurement's own map says for `sensitivity`.
        sensitivity: the L1 distance that one household can make.
    """

    measurement: Any
    scale: float
    epsilon: float
    sensitivity: int

    def add(self, values: Sequence[int]) -> list[int]:
        return [int(v) for v in self.measurement([int(v) for v in values])]


def _laplace(scale: float) -> Any:
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    return dp.m.make_laplace(*space, scale=scale)


def laplace(sensitivity: int, epsilon: float) -> Noise:
    """Discrete Laplace noise whose loss is at most `epsilon`.

    The loss is linear in one over the scale, so one measurement at scale 1 gives the scale. That is a guess:
    about half the time rounding puts it one bit over, so the measurement's own map decides, and the scale
    grows until it agrees.

    Raises:
        QueryError: when no usable scale gives that loss.
    """
    scale = float(_laplace(1.0).map(sensitivity)) / epsilon
    for _ in range(64):
        if not (math.isfinite(scale) and scale * 64 + sensitivity < _WIDEST):
            raise QueryError(
                ["Epsilon is too small for these bounds; ask with a larger one or tighter bounds."]
            )
        if scale > 0:
            measurement = _laplace(scale)
            loss = float(measurement.map(sensitivity))
            if loss <= epsilon:
                return Noise(measurement, scale, loss, sensitivity)
        scale = max(math.nextafter(scale, math.inf), 1e-6)
    raise QueryError(["Epsilon is too large to be calibrated; ask with a smaller one."])


def epsilon_of_rho(rho: float, delta: float) -> float:
    """Epsilon at `delta` of a release that is rho-zCDP, by OpenDP's own conversion."""
    if rho == 0:
        return 0.0
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    # Gaussian noise of this scale is rho-zCDP at distance 1; only its privacy profile is used, no noise is
    # drawn.
    scale = math.sqrt(1 / (2 * rho))
    gaussian = dp.m.make_gaussian(*space, scale=scale)
    while float(gaussian.map(1.0)) < rho:
        scale = math.nextafter(scale, 0.0)
        gaussian = dp.m.make_gaussian(*space, scale=scale)
    return float(dp.c.make_zCDP_to_approxDP(gaussian).map(1.0).epsilon(delta))
