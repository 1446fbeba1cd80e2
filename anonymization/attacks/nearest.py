"""The released units nearest to what is known of a target, all that tie: an attacker cannot tell them apart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from anonymization.attacks.profiles import Bools, Profiles, Side
from anonymization.risk.classes import Ints, group

Singles = npt.NDArray[np.float32]
#: Comparisons made at a time: some 40 MB for each of the few arrays in use.
_CELLS = 8_000_000
#: Distances this close are the same; sums of 32-bit fractions differ in their last digits.
_TIE = 1e-4


def ties(profiles: Profiles, targets: Side, places: Ints, missing: float) -> Iterator[tuple[slice, Bools]]:
    """For a few targets at a time: (which, mask of shape (targets, released units) of the nearest).

    The distance is Gower's (1971): 1 for each column that differs, |a - b| / range for numbers. What the attacker
    does not know of the target (missing there) differs from every known value.

    Args:
        places: the columns that the attacker knows.
        missing: distance of a released cell that is missing from any known value. 0: a suppressed cell may stand for
            any value; above 0: the attacker prefers units of which more is shown.
    """
    # Units that show the same are compared once.
    number, first = group(profiles.released.codes[:, places])
    shown = profiles.released.take(first)
    size = max(1, _CELLS // max(1, len(profiles.released)))
    for start in range(0, len(targets), size):
        which = slice(start, min(start + size, len(targets)))
        distance = _distances(profiles, targets, which, shown, places, missing)
        yield which, (distance <= distance.min(axis=1, keepdims=True) + _TIE)[:, number]


def _distances(
    profiles: Profiles, targets: Side, which: slice, shown: Side, places: Ints, missing: float
) -> Singles:
    out = np.zeros((which.stop - which.start, len(shown)), dtype=np.float32)
    for j in places:
        true, codes = targets.codes[which, j], shown.codes[:, j]
        hidden = np.flatnonzero(codes < 0)
        if profiles.numeric[j]:
            part = np.subtract.outer(
                np.nan_to_num(targets.numbers[which, j] / profiles.span[j]).astype(np.float32),
                np.nan_to_num(shown.numbers[:, j] / profiles.span[j]).astype(np.float32),
            )
            np.abs(part, out=part)
            part[true < 0] = 1.0
        else:
            part = np.not_equal.outer(true.astype(np.int32), codes.astype(np.int32))
        if len(hidden):
            part = part.astype(np.float32)
            part[:, hidden] = np.where(true < 0, 0.0, missing).astype(np.float32)[:, None]
        out += part
    return out
