"""Cost, expected error and answer of a query, in that order: the first two never see the data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from . import noise
from .accountant import Loss, compose
from .aggregate import Grain, exact
from .queries import DpQuery, Measure, QueryError

if TYPE_CHECKING:
    import pandas as pd

#: The privacy unit and neighbouring relation of every answer, for receipts and evidence.
PRIVACY_UNIT = "one household, added or removed, with all its rows"

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """What noise alone will do, known before asking; sampling error comes on top.

    Args:
        count: half-width of the 95% interval of one cell's count; 0 where no count is taken.
        value: the same for one cell's sum, in the column's unit; for a count, equal to `count`; for a mean,
            of its sum.
        cells: how many cells the answer has.
    """

    count: float
    value: float
    cells: int
    _mean_reach: float = field(default=0.0, repr=False)

    def mean_at(self, n: int) -> float:
        """Half-width of a mean over `n` contributions; infinite where `n` is inside the noise."""
        if n <= self.count:
            return math.inf
        return min((self.value + self.count * self._mean_reach) / (n - self.count), 2 * self._mean_reach)


@dataclass(frozen=True, slots=True)
class DpAnswer:
    """A released answer: everything in it is safe to publish.

    Args:
        frame: one row for each cell, public keys first (a column for each grouping, then `programme`), then
            `value` (post-processed: counts not below zero, means inside their bounds; missing where
            withheld), `value_raw` (as released, for totals without bias), `ci_low`, `ci_high` (95% for the
            noise alone), `noise_scale` (discrete Laplace, of the count or, for sums and means, of the sum, in
            the column's unit), `withheld` (why, or empty), and for means `n` (noisy count).
        loss: what was spent, from the measurements' own maps.
        mechanism, opendp_version, privacy_unit: for the receipt.
    """

    frame: pd.DataFrame
    loss: Loss
    mechanism: str
    opendp_version: str
    privacy_unit: str = PRIVACY_UNIT


@dataclass(frozen=True, slots=True)
class _Plan:
    count: noise.Noise | None
    total: noise.Noise | None
    loss: Loss


def sensitivity(query: DpQuery) -> tuple[int, int]:
    """L1 distance that one household can make in the counts, and in the sums (in ticks)."""
    counts = query.contributions
    return counts, counts * (Grain.of(query).reach if query.measure is not Measure.COUNT else 0)


def _plan(query: DpQuery, most_cells: int) -> _Plan:
    if len(query.cells) > most_cells:
        raise QueryError(
            [f"The answer would have more than {most_cells} cells; group by fewer columns or keys."]
        )
    if query.measure not in (Measure.COUNT, Measure.SUM, Measure.MEAN) or query.weighted or query.rho:
        raise QueryError(["This kind of query is not answered yet."])
    if query.unknown_keys:
        raise QueryError(["Keys found in the data are not answered yet."])
    of_count, of_sum = sensitivity(query)
    # A mean spends half on each part. Both halves are exact in binary, so they add up to no more than was
    # asked for.
    part = query.epsilon / 2 if query.measure is Measure.MEAN else query.epsilon
    count = noise.laplace(of_count, part) if query.measure is not Measure.SUM else None
    total = noise.laplace(of_sum, part) if query.measure is not Measure.COUNT else None
    loss = compose(Loss(n.epsilon) for n in (count, total) if n is not None)
    if Fraction(loss.epsilon) > Fraction(query.epsilon):
        raise QueryError(["This query would cost more than the epsilon asked for; ask with a larger one."])
    return _Plan(count, total, loss)


def cost(query: DpQuery, *, most_cells: int = 10_000) -> Loss:
    """What answering will spend, from the measurements' own maps; no row is read.

    Cells share the loss (a household is in `query.contributions` of them at most), so more keys cost nothing
    more.

    Raises:
        QueryError: when it cannot be answered at that epsilon, or has too many cells.
    """
    return _plan(query, most_cells).loss


def expected_error(query: DpQuery, *, most_cells: int = 10_000) -> ExpectedError:
    """How wide the noise will be, before a row is read. Raises as `cost`."""
    plan = _plan(query, most_cells)
    count = float(half_width(plan.count.scale)) if plan.count else 0.0
    if plan.total is None:
        return ExpectedError(count, count, len(query.cells))
    grain = Grain.of(query)
    if query.measure is Measure.SUM:
        return ExpectedError(count, half_width(plan.total.scale) * grain.tick, len(query.cells))
    each = (1 + _CONFIDENCE) / 2  # both parts must hold at once
    return ExpectedError(
        float(half_width(plan.count.scale, each)) if plan.count else 0.0,
        half_width(plan.total.scale, each) * grain.tick,
        len(query.cells),
        grain.reach * grain.tick,
    )


def half_width(scale: float, confidence: float = _CONFIDENCE) -> int:
    """The smallest whole t with P(|noise| <= t) >= confidence, for discrete Laplace noise of that scale.

    P(|X| > t) = 2 p^(t+1) / (1 + p) with p = exp(-1 / scale) (Ghosh, Roughgarden and Sundararajan 2012).
    """
    p = math.exp(-1 / scale)
    tail = (1 - confidence) * (1 + p) / 2
    return max(math.ceil(-math.log(tail) * scale - 1 - 1e-9), 0)


def answer(query: DpQuery, df: pd.DataFrame, *, most_cells: int = 10_000) -> DpAnswer:
    """Answer a query with noise; charge the ledger with `cost` first, each call draws anew.

    Args:
        query: what is asked, checked against the data dictionary (`PublicTable.complete`).
        df: the table, rows in any order.
        most_cells: refuse larger answers.

    Raises:
        QueryError: as `cost`, and for a missing column; never because of what the values are.
    """
    plan = _plan(query, most_cells)
    behind = exact(query, df)
    counts = plan.count.add(behind.counts.tolist()) if plan.count else []
    sums = plan.total.add(behind.sums.tolist()) if plan.total else []
    if query.measure is Measure.MEAN and plan.count and plan.total:
        rows = [
            _mean(query, n, s, plan.count.scale, plan.total.scale) for n, s in zip(counts, sums, strict=True)
        ]
    elif plan.total:
        rows = [_sum(query, s, plan.total.scale) for s in sums]
    elif plan.count:
        rows = [_count(n, plan.count.scale) for n in counts]
    return DpAnswer(_frame(query, rows), plan.loss, noise.MECHANISM, noise.OPENDP_VERSION)


def _count(noisy: int, scale: float) -> dict[str, Any]:
    wide = half_width(scale)
    return {
        "value": max(noisy, 0),
        "value_raw": noisy,
        "ci_low": max(noisy - wide, 0),
        "ci_high": max(noisy + wide, 0),
        "noise_scale": scale,
        "withheld": "",
    }


def _sum(query: DpQuery, noisy: int, scale: float) -> dict[str, Any]:
    tick = Grain.of(query).tick
    floor = 0.0 if (query.lower or 0.0) >= 0 else -math.inf
    roof = 0.0 if (query.upper or 0.0) <= 0 else math.inf
    value, wide = noisy * tick, half_width(scale) * tick
    inside = [min(max(v, floor), roof) for v in (value, value - wide, value + wide)]
    return {
        "value": inside[0],
        "value_raw": value,
        "ci_low": inside[1],
        "ci_high": inside[2],
        "noise_scale": scale * tick,
        "withheld": "",
    }


def _mean(query: DpQuery, n: int, total: int, n_scale: float, scale: float) -> dict[str, Any]:
    grain = Grain.of(query)
    each = (1 + _CONFIDENCE) / 2
    n_wide, wide = half_width(n_scale, each), half_width(scale, each)
    out: dict[str, Any] = {"n": max(n, 0), "noise_scale": scale * grain.tick, "withheld": ""}
    # Decided from released numbers and public settings only, so withholding tells nothing more.
    if n < max(query.min_count, 2 * n_wide + 1):
        reason = (
            "Too few households behind this mean for the noise: ask with a larger epsilon or coarser groups."
        )
        return {**out, "value": None, "value_raw": None, "ci_low": None, "ci_high": None, "withheld": reason}
    low, high = float(query.lower or 0.0), float(query.upper or 0.0)
    corners = [(total + s) / (n + c) for s in (-wide, wide) for c in (-n_wide, n_wide)]
    raw = grain.middle + total / n * grain.tick
    ends = [grain.middle + c * grain.tick for c in (min(corners), max(corners))]
    value, ci_low, ci_high = (min(max(v, low), high) for v in (raw, *ends))
    return {**out, "value": value, "value_raw": raw, "ci_low": ci_low, "ci_high": ci_high}


def _frame(query: DpQuery, rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - keeps `import anonymization.dp` light

    dimensions = query.dimensions
    columns: dict[str, list[Any]] = {d: [cell[i] for cell in query.cells] for i, d in enumerate(dimensions)}
    order = ["value", "value_raw", "ci_low", "ci_high", *(["n"] if query.measure is Measure.MEAN else [])]
    columns |= {name: [row[name] for row in rows] for name in (*order, "noise_scale", "withheld")}
    frame = pd.DataFrame(columns)
    return frame if query.measure is Measure.COUNT else frame.astype(dict.fromkeys(order[:4], "float64"))
