"""Noisy marginals of a table of codes: which pairs of columns go together, and their counts; all of it private.

Source: MST (McKenna, Miklau and Sheldon 2021, "Winning the NIST contest"): noisy 1-way counts; a spanning tree of
pairs, each edge picked by a noisy maximum; noisy 2-way counts of the tree's pairs. A tree's model is exact, so nothing
needs to be fitted. Every draw is OpenDP's; the loss is fixed by the columns' sizes and the price, never by the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import opendp.prelude as dp

from .accountant import Loss
from .noise import Noise, epsilon_of_rho, gaussian
from .queries import QueryError

dp.enable_features("contrib")

Ints = npt.NDArray[np.int64]

#: Shares of the price: 1-way counts, choice of the tree, 2-way counts (which carry most of what is learnt).
_SHARES = (0.2, 0.2, 0.6)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured; public once the loss is paid.

    Args:
        one: noisy counts of each column, shape (cells,).
        two: noisy counts of the tree's pairs, shape (cells of the first, cells of the second).
        deviation: standard deviation of the noise in one cell of `one` and of `two`.
    """

    one: tuple[Ints, ...]
    two: Mapping[tuple[int, int], Ints]
    deviation: tuple[float, float]


@dataclass(frozen=True, slots=True)
class TreeOfMarginals:
    """The whole measurement, calibrated before a row is read; neighbours differ by one household, that is one row.

    Args:
        sizes: number of cells of each column, from public facts alone.
        delta: of the stated loss.
        loss: what all of it spends, from the maps of the measurements.
    """

    sizes: tuple[int, ...]
    delta: float
    loss: Loss
    _ones: Noise
    _choice: Any
    _pairs: Noise
    _deviation: tuple[float, float]

    @classmethod
    def of(cls, sizes: Sequence[int], epsilon: float, delta: float) -> TreeOfMarginals:
        """Calibrated so that the loss is at most (epsilon, delta), by bisection over rho: 40 conversions.

        Raises:
            QueryError: for fewer than two columns, or a price that is no price.
        """
        if len(sizes) < 2 or not (0 < epsilon < 100 and 0 < delta < 1e-3):
            raise QueryError(
                [
                    "Private marginals need two columns or more, epsilon between 0 and 100, delta between 0 and 0.001."
                ]
            )
        low, high = 0.0, epsilon * epsilon
        while epsilon_of_rho(high, delta) < epsilon:
            high *= 2
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if epsilon_of_rho(middle, delta) <= epsilon else (low, middle)
        for _ in range(64):
            made = _calibrated(tuple(sizes), low, delta)
            if made.loss.epsilon <= epsilon:
                return made
            low *= 1 - 1e-9
        raise QueryError(["This epsilon cannot be calibrated; ask with a larger one."])

    def measure(self, codes: Ints) -> Measured:
        """Spends the loss.

        Args:
            codes: shape (households, columns), each from 0 to its column's size less one; one row a household.
        """
        sizes, many = self.sizes, len(self.sizes)
        exact = [np.bincount(codes[:, i], minlength=s) for i, s in enumerate(sizes)]
        noisy = np.array(self._ones.add(np.concatenate(exact).tolist()), dtype=np.int64)
        one = tuple(np.split(noisy, np.cumsum(sizes)[:-1]))
        shares = [np.maximum(v, 0) / max(int(np.maximum(v, 0).sum()), 1) for v in one]
        total = float(np.mean([max(int(v.sum()), 1) for v in one]))
        counts, scores = {}, {}
        for i, j in combinations(range(many), 2):
            counts[i, j] = np.bincount(codes[:, i] * sizes[j] + codes[:, j], minlength=sizes[i] * sizes[j])
            # Whole numbers, so that one row moves a score by exactly one at most.
            expected = np.rint(total * np.outer(shares[i], shares[j])).astype(np.int64).ravel()
            cost = round(self._deviation[1] * math.sqrt(2 / math.pi) * len(expected))
            scores[i, j] = int(np.abs(counts[i, j] - expected).sum()) - cost
        edges = self._tree(scores)
        drawn = self._pairs.add([v for e in edges for v in counts[e].tolist()])
        ends = np.cumsum([sizes[i] * sizes[j] for i, j in edges])[:-1]
        parts = np.split(np.array(drawn, dtype=np.int64), ends)
        two = {(i, j): p.reshape(sizes[i], sizes[j]) for (i, j), p in zip(edges, parts, strict=True)}
        return Measured(one, two, self._deviation)

    def _tree(self, scores: Mapping[tuple[int, int], int]) -> list[tuple[int, int]]:
        """Kruskal's tree, each edge the noisy best among those that join two parts."""
        part = list(range(len(self.sizes)))
        edges: list[tuple[int, int]] = []
        for _ in range(len(self.sizes) - 1):
            open_ = [e for e in scores if part[e[0]] != part[e[1]]]
            first, second = open_[int(self._choice([scores[e] for e in open_]))]
            edges.append((first, second))
            gone, stays = part[second], part[first]
            part = [stays if p == gone else p for p in part]
        return edges


def _calibrated(sizes: tuple[int, ...], rho: float, delta: float) -> TreeOfMarginals:
    many = len(sizes)
    # One household has one row, which counts once in each marginal: squared L2 distances are their numbers.
    ones = gaussian(many, rho * _SHARES[0])
    pairs = gaussian(many - 1, rho * _SHARES[2])
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.linf_distance(T="i64")
    each = rho * _SHARES[1] / (many - 1)
    unit = float(dp.m.make_noisy_max(*space, dp.zero_concentrated_divergence(), scale=1.0).map(1))
    choice = dp.m.make_noisy_max(*space, dp.zero_concentrated_divergence(), scale=math.sqrt(unit / each))
    spent = Fraction(ones.loss.rho) + Fraction(pairs.loss.rho) + (many - 1) * Fraction(float(choice.map(1)))
    above = math.nextafter(float(spent), math.inf)
    loss = Loss(epsilon_of_rho(above, delta), delta)
    return TreeOfMarginals(sizes, delta, loss, ones, choice, pairs, (ones.scale, pairs.scale))
