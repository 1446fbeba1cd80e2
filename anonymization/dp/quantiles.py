"""A quantile with an interval: three noisy choices among public candidates, from the counts at the candidates.

A candidate that many hold covers many ranks, so its distance to a rank is zero for all of those: the score of a
candidate is how far the wanted rank lies outside the ranks that it covers. The ends of the interval are the same choice
for a rank that lies lower, or higher, by as much as the noise can miss at their confidence; then what is chosen lies on
the right side. Scores are Smith's (2011) with ties counted; one household moves them no more than it moves those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .calibration import Plan
from .noise import QuantileNoise
from .partition import Candidates
from .queries import DpQuery

Ints = npt.NDArray[np.int64]

#: How the 5% that an interval may miss is split: each end, and the number behind it, on one side.
END_MISSES, COUNT_MISSES = 0.02, 0.01


def scores(held: Ints, below: int, above: int, shift: int) -> Ints:
    """How far the wanted rank lies outside the ranks that each candidate covers; zero is best.

    Args:
        held: contributions at each candidate; shape (candidates,). Private.
        below, above: weights of the quantile a: below / (below + above) is 1 - a.
        shift: by how much the wanted rank is moved, in points: ranks times (below + above).
    """
    whole, upto = below + above, np.cumsum(held)
    wanted = above * int(upto[-1]) + shift
    out: Ints = np.maximum(np.maximum(whole * (upto - held) - wanted, wanted - whole * upto), 0)
    return out


def missed(noise: QuantileNoise, confidence: float) -> int:
    """Points by which a chosen candidate is worse than the best at most, at that confidence.

    As `QuantileNoise.rank_error`, in points.
    """
    return math.ceil(noise.scale * (math.log(len(noise.candidates)) - math.log(1 - confidence)))


@dataclass(frozen=True, slots=True)
class Ends:
    """When the ends of an interval can be found: from the noise alone.

    Args:
        shift: points that an end's rank is moved by.
        low_from, high_from: contributions, in whole parts, from which there are ranks that far down, and up.
        count_reach: what the noisy number can be too large by.
    """

    shift: int
    low_from: int
    high_from: int
    count_reach: int

    @classmethod
    def of(cls, made: Plan) -> Ends:
        if made.count is None or made.end is None:
            raise TypeError("Only the plan of a quantile has ends.")
        shift = missed(made.end, 1 - END_MISSES) + 1
        reach = made.count.half_width(1 - 2 * COUNT_MISSES)
        return cls(shift, math.ceil(shift / made.end.above), math.ceil(shift / made.end.below), reach)


def choose(query: DpQuery, made: Plan, held: Ints, noisy: int) -> dict[str, Any]:
    """One cell: value, limits, and whether both ends are known.

    Args:
        query: what is asked.
        made: its noise.
        held: contributions at each candidate, in whole parts. Private.
        noisy: their number with noise.
    """
    if made.value is None or made.end is None:
        raise TypeError("Only the plan of a quantile chooses.")
    grid, ends = Candidates.of(query), Ends.of(made)

    def pick(noise: QuantileNoise, shift: int) -> int:
        return int(noise.measurement(scores(held, noise.below, noise.above, shift).tolist()))

    # All three are drawn always: what is drawn never depends on the data.
    value, low, high = pick(made.value, 0), pick(made.end, -ends.shift), pick(made.end, ends.shift)
    surely = noisy - ends.count_reach
    known = (surely >= ends.low_from, surely >= ends.high_from)
    half = grid.step / 2  # values were moved to the nearest candidate
    return {
        "value": grid.value(value),
        "ci_low": max(grid.value(min(low, value)) - half, grid.first) if known[0] else grid.first,
        "ci_high": min(grid.value(max(high, value)) + half, grid.last) if known[1] else grid.last,
        "known": any(known),
    }
