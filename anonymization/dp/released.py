"""From noisy numbers to the columns of an answer: values, intervals, what is withheld; post-processing alone.

Everything here is decided from released numbers and public settings, so it costs no privacy and tells nothing more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import means
from .aggregate import Grain
from .calibration import Plan
from .intervals import difference_half_width, fieller, of_difference
from .noise import Noise
from .queries import DpQuery
from .tails import CONFIDENCE
from .terms import Measure, Mechanism

Columns = dict[str, Any]

#: In the order of the answer; a measure has some of them.
ORDER = (
    "value",
    "value_raw",
    "ci_low",
    "ci_high",
    "n",
    "numerator",
    "first",
    "second",
    "noise_scale",
    "withheld",
)
#: Limits before they are moved inside the bounds; no columns of the answer.
_LOW, _HIGH = "low", "high"


@dataclass(frozen=True, slots=True)
class Noisy:
    """Numbers with noise: counts in whole parts, sums in ticks times whole parts; shape (cells, parts of a cell).

    A ratio has two counts a cell, a mean two sums (see `means`).
    """

    counts: npt.NDArray[Any]
    sums: npt.NDArray[Any]


def columns(query: DpQuery, made: Plan, noisy: Noisy, confidence: float = CONFIDENCE) -> Columns:
    """The columns of an answer about counts, sums, means, ratios and differences of them.

    Args:
        query: what was asked.
        made: its noise.
        noisy: what was drawn, cells in the order of the computed axes.
        confidence: of each interval alone.
    """
    if query.measure is not Measure.DIFFERENCE:
        return _OF[query.base](query, made, noisy, confidence)
    first, second = _halves(query, noisy)
    if query.base in (Measure.COUNT, Measure.SUM):
        return _apart(query, made, first, second, confidence)
    one, other = (_OF[query.base](query, made, side, confidence) for side in (first, second))
    # From values that are not yet moved inside their bounds: moved ones would hide how far the noise went.
    low, high = of_difference(*((c["value_raw"], c[_LOW], c[_HIGH]) for c in (one, other)))
    widest = 1.0 if query.base is Measure.RATIO else float(query.upper or 0.0) - float(query.lower or 0.0)
    raw = one["value_raw"] - other["value_raw"]
    out = dict(
        zip(
            ("value", "ci_low", "ci_high"),
            (np.clip(x, -widest, widest) for x in (raw, low, high)),
            strict=True,
        )
    )
    out["value_raw"] = raw
    out |= {"first": one["value"], "second": other["value"], "noise_scale": one["noise_scale"]}
    return out | {"withheld": _withheld(query, np.isnan(out["value"]))}


def fewest(query: DpQuery, noise: Noise) -> float:
    """The noisy number of contributions from which a mean or ratio is told: twice what noise reaches, and `min_count`.

    Below twice that reach an interval of the ratio could be open to both sides (Fieller 1954).
    """
    each = (1 + CONFIDENCE) / 2
    whole = query.base is Measure.MEAN
    wide = (
        means.count_half_width(Grain.of(query), noise, each) if whole else difference_half_width(noise, each)
    )
    return max(query.min_count, (2 * wide + 1) * query.part)


def withheld(query: DpQuery) -> str:
    """Why a cell is withheld, in a sentence that depends on the query alone."""
    price = "rho" if query.mechanism is Mechanism.GAUSSIAN else "epsilon"
    each = "rows" if query.share > 1 else "households"
    return f"Too few {each} behind this {query.measure} for the noise: ask with a larger {price} or coarser groups."


def _count(query: DpQuery, made: Plan, noisy: Noisy, confidence: float) -> Columns:
    noise = _of(made.count)
    raw = _unit(query, noisy.counts.ravel())
    wide = _unit(query, np.array([noise.half_width(confidence)]))
    ends = [np.maximum(x, 0) for x in (raw, raw - wide, raw + wide)]
    return _told(raw, ends, _unit_scale(query, noise.scale))


def _sum(query: DpQuery, made: Plan, noisy: Noisy, confidence: float) -> Columns:
    noise, tick = _of(made.total), Grain.of(query).tick * query.part
    floor = 0.0 if (query.lower or 0.0) >= 0 else -math.inf
    roof = 0.0 if (query.upper or 0.0) <= 0 else math.inf
    raw, wide = noisy.sums.ravel() * tick, noise.half_width(confidence) * tick
    ends = [np.clip(x, floor, roof) for x in (raw, raw - wide, raw + wide)]
    return _told(raw, ends, noise.scale * tick)


def _mean(query: DpQuery, made: Plan, noisy: Noisy, confidence: float) -> Columns:
    total, grain = _of(made.total), Grain.of(query)
    above, whole = noisy.sums[:, 0], noisy.sums.sum(axis=1)
    n = means.contributions(grain, noisy.sums)
    few = n * query.part < fewest(query, total)
    safe = np.where(few, 1.0, whole)
    lower, upper = float(query.lower or 0.0), float(query.upper or 0.0)
    low, span = grain.middle + grain.low * grain.tick, means.width(grain) * grain.tick
    raw, *limits = (low + t * span for t in (above / safe, *fieller(above, safe, total, confidence)))
    out = _share(raw, limits, (lower, upper), total.scale * grain.tick * query.part)
    behind = np.maximum(n * query.part if query.weighted else np.rint(n).astype(np.int64), 0)
    summed = (low * n + above * grain.tick) * query.part
    return _hidden(query, out, few) | {"n": behind, "numerator": summed}


def _ratio(query: DpQuery, made: Plan, noisy: Noisy, confidence: float) -> Columns:
    count = _of(made.count)
    inside, whole = noisy.counts[:, 0], noisy.counts.sum(axis=1)
    few = whole * query.part < fewest(query, count)
    safe = np.where(few, 1.0, whole)
    limits = fieller(inside, safe, count, confidence)
    out = _share(inside / safe, list(limits), (0.0, 1.0), _unit_scale(query, count.scale))
    told = {"n": np.maximum(_unit(query, whole), 0), "numerator": np.maximum(_unit(query, inside), 0)}
    return _hidden(query, out, few) | told


_OF: Mapping[Measure, Callable[[DpQuery, Plan, Noisy, float], Columns]] = {
    Measure.COUNT: _count,
    Measure.HISTOGRAM: _count,
    Measure.SUM: _sum,
    Measure.MEAN: _mean,
    Measure.RATIO: _ratio,
}


def _apart(query: DpQuery, made: Plan, first: Noisy, second: Noisy, confidence: float) -> Columns:
    """A difference of two counts, or of two sums: the noise of both, added exactly."""
    noise = _of(made.total if query.base is Measure.SUM else made.count)
    one, other = (_OF[query.base](query, made, side, confidence) for side in (first, second))
    apart = one["value_raw"] - other["value_raw"]
    tick = Grain.of(query).tick if query.base is Measure.SUM else 1
    wide = _unit(query, np.array([difference_half_width(noise, confidence)])) * tick
    out = _told(apart, [apart, apart - wide, apart + wide], one["noise_scale"])
    return out | {"first": one["value"], "second": other["value"]}


def _told(raw: Any, ends: list[Any], scale: float) -> Columns:
    named = dict(zip(("value", "ci_low", "ci_high"), ends, strict=True))
    return named | {"value_raw": raw, "noise_scale": scale, "withheld": [""] * len(raw)}


def _share(raw: Any, limits: list[Any], inside: tuple[float, float], scale: float) -> Columns:
    """Columns of a value that lies inside public bounds, with its limits before they are moved inside."""
    out = _told(raw, [np.clip(x, *inside) for x in (raw, *limits)], scale)
    return out | dict(zip((_LOW, _HIGH), limits, strict=True))


def _hidden(query: DpQuery, out: Columns, few: npt.NDArray[np.bool_]) -> Columns:
    """The columns without the figures of the cells that are withheld."""
    names = ("value", "value_raw", "ci_low", "ci_high", _LOW, _HIGH)
    figures = {name: np.where(few, np.nan, out[name]) for name in names}
    return out | figures | {"withheld": _withheld(query, few)}


def _withheld(query: DpQuery, few: npt.NDArray[np.bool_]) -> list[str]:
    return [withheld(query) if hidden else "" for hidden in few]


def _halves(query: DpQuery, noisy: Noisy) -> tuple[Noisy, Noisy]:
    """The two groups of a difference: cells before them are of `group_by`, cells after them of programmes."""
    after = max(len(query.count_by_programme), 1)

    def side(i: int) -> Noisy:
        cut = (
            x.reshape(-1, 2, after, x.shape[1])[:, i].reshape(-1, x.shape[1])
            for x in (noisy.counts, noisy.sums)
        )
        return Noisy(*cut)

    return side(0), side(1)


def _unit(query: DpQuery, counts: Any) -> Any:
    """Whole parts as contributions: whole numbers, or weights."""
    return counts * query.part if query.weighted else np.asarray(counts).astype(np.int64)


def _unit_scale(query: DpQuery, scale: float) -> float:
    return scale * query.part


def _of(noise: Noise | None) -> Noise:
    if noise is None:
        raise TypeError("This plan has no such noise.")
    return noise
