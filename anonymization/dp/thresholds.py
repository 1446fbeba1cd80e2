"""Keys found in the data: which keys enough households hold, at the price of epsilon (or rho) and delta.

A key that one household alone holds would give that household away by being listed at all. So each key's number of
households gets noise, and only keys above a threshold are named; the chance that a household's own key gets there is
delta. Source: Korolova et al. 2009; Rogers 2023. Measured by OpenDP's `make_laplace_threshold` and
`make_gaussian_threshold`.

OpenDP 0.16 understates this delta: it releases a number that equals the threshold, and its map counts only those above
it (at scale 1 a factor of e: claimed 0.036, seen 0.098). What the map says one threshold lower covers both, and stays
right, if a little dear, should that be mended; so that is the loss here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import opendp.prelude as dp

from .accountant import Loss
from .noise import WIDEST, calibrated, checked_price, distance
from .tails import CONFIDENCE, gaussian_half_width, laplace_half_width
from .terms import Mechanism, QueryError
from .values import codes, hashes

if TYPE_CHECKING:
    import numpy.typing as npt

dp.enable_features("contrib")

#: Bounded search: 64 doublings reach every number of 64 bits.
_DOUBLINGS = 64


@dataclass(frozen=True, slots=True)
class KeyNoise:
    """One measurement that names keys, calibrated and checked.

    Args:
        measurement: OpenDP's measurement: key to number of households in, the keys found with noisy numbers out.
        scale: of the noise, in households.
        threshold: a key is named when its noisy number reaches this.
        loss: what the map says for `keys`, its delta read one threshold lower (see above).
        keys: in how many keys one household counts at most.
        kind: which noise.
    """

    measurement: Any
    scale: float
    threshold: int
    loss: Loss
    keys: int
    kind: Mechanism

    def find(self, households: Mapping[str, int]) -> dict[str, int]:
        """The keys that are named, in order of their text, with their noisy numbers of households.

        Args:
            households: number of households of each key that any holds (`households_by_key`). Private.
        """
        given = {_token(key): int(n) for key, n in households.items() if n > 0}
        found = {_key(token): int(n) for token, n in self.measurement(given).items()}
        return dict(sorted(found.items()))

    def found_from(self, confidence: float = CONFIDENCE) -> int:
        """A key held by this many households or more is named with at least that confidence."""
        width = gaussian_half_width if self.kind is Mechanism.GAUSSIAN else laplace_half_width
        return self.threshold + width(self.scale, 2 * confidence - 1)


def laplace(keys: int, epsilon: float, delta: float) -> KeyNoise:
    """Discrete Laplace noise and the smallest whole threshold that keep to (epsilon, delta).

    Args:
        keys: in how many keys one household counts at most; by one in each.
        epsilon, delta: what finding the keys may lose.

    Raises:
        QueryError: when no usable scale and threshold give that loss.
    """
    space = dp.map_domain(dp.atom_domain(T="String"), dp.atom_domain(T="i64"))
    metric = dp.l01inf_distance(dp.absolute_distance(T="i64"))
    far = (_checked(keys, delta), keys, 1)
    checked_price(epsilon, keys)

    def make(scale: float, threshold: int) -> Any:
        return dp.m.make_laplace_threshold(space, metric, scale=scale, threshold=threshold)

    return _found(make, far, keys / epsilon, epsilon, delta, Mechanism.LAPLACE)


def gaussian(keys: int, rho: float, delta: float) -> KeyNoise:
    """Discrete Gaussian noise and the smallest whole threshold that keep to rho (zCDP) and delta.

    Raises:
        QueryError: as `laplace`.
    """
    space = dp.map_domain(dp.atom_domain(T="String"), dp.atom_domain(T="i64"))
    metric = dp.l02inf_distance(dp.absolute_distance(T="f64"))
    far = (_checked(keys, delta), distance(keys), 1.0)
    checked_price(rho, keys)

    def make(scale: float, threshold: int) -> Any:
        return dp.m.make_gaussian_threshold(space, metric, scale=scale, threshold=threshold)

    return _found(make, far, math.sqrt(keys / (2 * rho)), rho, delta, Mechanism.GAUSSIAN)


def _token(key: str) -> str:
    """A key as letters and digits, one for one.

    OpenDP's texts end at a NUL and take no odd halves of a letter, and one household's key must neither fall together
    with another nor raise.
    """
    return key.encode("utf-8", "surrogatepass").hex()


def _key(token: str) -> str:
    return bytes.fromhex(token).decode("utf-8", "surrogatepass")


def _checked(keys: int, delta: float) -> int:
    if not 1 <= keys < 2**31:
        raise QueryError(["A household must count in one key or more."])
    if not (0 < delta < 1 and delta >= 1e-300):
        raise QueryError(["Keys found in the data need a delta above zero and far below one."])
    return keys


def _found(
    make: Callable[[float, int], Any],
    far: tuple[int, float, float],
    guess: float,
    wanted: float,
    delta: float,
    kind: Mechanism,
) -> KeyNoise:
    """Scale first (its loss does not depend on the threshold), then the threshold."""
    price = "Rho" if kind is Mechanism.GAUSSIAN else "Epsilon"
    _, _, scale = calibrated(
        lambda s: make(s, _above(s)),
        lambda m: float(m.map(far)[0]),
        guess,
        wanted,
        reach=1.0,
        price=price,
    )
    threshold = _smallest(lambda t: float(make(scale, t - 1).map(far)[1]) <= delta, math.ceil(scale))
    made = make(scale, threshold)
    lost, spent = float(made.map(far)[0]), float(make(scale, threshold - 1).map(far)[1])
    loss = Loss(rho=lost, delta=spent) if kind is Mechanism.GAUSSIAN else Loss(lost, spent)
    return KeyNoise(made, scale, threshold, loss, far[0], kind)


def _above(scale: float) -> int:
    """A threshold whose delta is a number, for reading the loss of a scale."""
    return math.ceil(min(scale * 64, WIDEST)) + 64


def _smallest(enough: Callable[[int], bool], step: int) -> int:
    """The smallest whole threshold that is enough; delta falls as the threshold rises.

    Raises:
        QueryError: when none of 50 bits is.
    """
    low, high = 1, max(step, 2)
    for _ in range(_DOUBLINGS):
        if high > WIDEST:
            break
        if _holds(enough, high):
            break
        low, high = high, high * 2
    if not _holds(enough, high):
        raise QueryError(["Delta is too small for this epsilon (or rho); ask with larger ones."])
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _holds(enough, middle) else (middle, high)
    return high


def _holds(enough: Callable[[int], bool], threshold: int) -> bool:
    """A threshold at which OpenDP gives no loss at all (one that a single household reaches) is not enough."""
    try:
        return enough(threshold)
    except dp.OpenDPException:
        return False


def households_by_key(
    unit: npt.NDArray[np.object_], key: npt.NDArray[np.object_], keys: int
) -> dict[str, int]:
    """Number of households of each key, each household counted in at most `keys` of its keys. Private.

    Args:
        unit: household of each row, text; shape (rows,).
        key: key of each row, text.
        keys: in how many keys one household counts at most.
    """
    kept = kept_keys(unit, key, keys)
    house, (code, names) = codes(unit[kept])[0], codes(key[kept])
    held = np.unique(house * np.int64(max(len(names), 1)) + code) % max(len(names), 1)
    return dict(zip(names.tolist(), np.bincount(held, minlength=len(names)).tolist(), strict=True))


def kept_keys(
    unit: npt.NDArray[np.object_], key: npt.NDArray[np.object_], keys: int
) -> npt.NDArray[np.bool_]:
    """Rows whose key is among the `keys` keys that their household keeps; shape (rows,).

    Which ones is decided by a hash of the household's own id and the key: a rule that looks at that household alone,
    whatever the order of the table, and that drops no key always.
    """
    if not len(unit):
        return np.zeros(0, dtype=np.bool_)
    (house, units), (code, names) = codes(unit), codes(key)
    wide = np.int64(len(names))
    pair = house * wide + code
    both = np.unique(pair)
    owner, named = both // wide, both % wide
    mixed = hashes(units)[owner] * np.uint64(1_000_003) ^ hashes(names)[named]
    order = np.lexsort((mixed, owner))
    ranked = owner[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    rank = np.arange(len(ranked)) - np.repeat(starts, np.diff(np.r_[starts, len(ranked)]))
    inside: npt.NDArray[np.bool_] = np.isin(pair, both[order[rank < keys]])
    return inside
