"""Random numbers that belong to a thing, not to an order: batches change nothing.

Each number is a hash of (seed, stream, index, column): SplitMix64's finaliser (Steele, Lea and Flood 2014,
doi:10.1145/2714064.2660195) over counters, as counter-based generators do (Salmon et al. 2011,
doi:10.1145/2063384.2063405). For demo data only; nothing secret may come from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


class Draws:
    """Draws for the things numbered `index`.

    Args:
        seed: the ministry's seed.
        index: (n,) non-negative integers, one for each thing (household, person, enrolment).
    """

    def __init__(self, seed: int, index: Ints) -> None:
        self._seed = seed
        with np.errstate(over="ignore"):
            self._state = _mix((index.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
        self.n = len(index)

    def words(self, stream: str, columns: int) -> Words:
        """(n, columns) uniform 64-bit words of the named stream."""
        key = int.from_bytes(blake2b(f"{self._seed}/{stream}".encode(), digest_size=8).digest(), "big")
        with np.errstate(over="ignore"):
            start = _mix(self._state ^ np.uint64(key))
            steps = (np.arange(columns, dtype=np.uint64) + np.uint64(1)) * _GOLDEN
            return _mix(_mix(start[:, None] + steps[None, :]))

    def table(self, stream: str, columns: int) -> Floats:
        """(n, columns) uniforms in the open interval (0, 1)."""
        return (self.words(stream, columns) >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54

    def uniform(self, stream: str) -> Floats:
        """(n,) uniforms in the open interval (0, 1)."""
        return self.table(stream, 1)[:, 0]

    def normal(self, stream: str) -> Floats:
        """(n,) standard normals, by inversion."""
        return np.asarray(ndtri(self.uniform(stream)), dtype=np.float64)

    def below(self, stream: str, bound: int) -> Ints:
        """(n,) integers from 0 to bound - 1."""
        return (self.uniform(stream) * bound).astype(np.int64)

    def chance(self, stream: str, probability: Floats | float) -> NDArray[np.bool_]:
        return np.asarray(self.uniform(stream) < probability)

    def pick(self, stream: str, weights: Sequence[float]) -> Ints:
        """(n,) positions, each with probability proportional to its weight."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        return np.searchsorted(edges / edges[-1], self.uniform(stream), side="right").clip(0, len(edges) - 1)

    def poisson(self, stream: str, mean: Floats, most: int) -> Ints:
        """(n,) Poisson counts cut off at `most`, by inversion."""
        u = self.uniform(stream)
        term = np.exp(-mean)
        total = term.copy()
        count = np.zeros(self.n, dtype=np.int64)
        for k in range(1, most + 1):
            count += u > total
            term = term * mean / k
            total = total + term
        return count
