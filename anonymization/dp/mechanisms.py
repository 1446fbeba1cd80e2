"""Cost, expected error and answer of a query, in that order: the first two never see the data."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import means, noise, thresholds
from .accountant import Loss
from .aggregate import Found, Grain, Ints, exact, unit_and_keys
from .calibration import Plan as _Plan
from .calibration import plan as _plan
from .calibration import sensitivity, sensitivity_squared
from .intervals import difference_half_width
from .quantiles import choose
from .queries import DpQuery
from .released import ORDER, Columns, Noisy, columns, withheld
from .tails import CONFIDENCE
from .terms import Measure
from .values import number

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PRIVACY_UNIT",
    "DpAnswer",
    "ExpectedError",
    "answer",
    "cost",
    "expected_error",
    "expected_error_at",
    "sensitivity",
    "sensitivity_squared",
]

#: The privacy unit and neighbouring relation of every answer, for receipts and evidence.
PRIVACY_UNIT = "one household, added or removed, with all its rows"

_WORST = (0.5, 1.0)


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """What noise alone will do, known before asking; sampling error comes on top.

    Args:
        count: half-width of the 95% interval of one cell's count (of a ratio: of its numerator); 0 where no count is
            taken.
        value: the same for one cell's sum, in the column's unit; for a count, equal to `count`; for a mean, of its
            sum; for a difference, of that of the counts or sums; for a quantile, by how many ranks the value misses.
        cells: how many cells the answer has; with unknown keys, for each key that is found.
        found_from: with unknown keys, households from which a key is found at 95%; 0 otherwise.
    """

    count: float
    value: float
    cells: int
    found_from: int = 0


@dataclass(frozen=True, slots=True)
class DpAnswer:
    """A released answer: everything in it is safe to publish.

    Args:
        frame: one row for each cell, in an order that the query fixes: a column for each key (keys that were found
            first), then `programme` and `bin`, then `value` (post-processed: counts not below zero, shares and means
            inside their bounds; missing where withheld), `value_raw` (as released, for totals without bias),
            `ci_low`, `ci_high` (95% for the noise alone), for means, ratios and quantiles `n` (noisy number behind
            them), for means and ratios `numerator` (noisy; of a mean, its sum in the column's unit), for differences
            `first` and `second` (the two groups' values), `noise_scale` (of the count or, for sums and means, of one
            sum, in the column's unit; of a quantile, of its
            rank), `withheld` (why, or empty).
        loss: what was spent, from the measurements' own maps.
        mechanism, opendp_version, privacy_unit: for the receipt.
    """

    frame: pd.DataFrame
    loss: Loss
    mechanism: str
    opendp_version: str
    privacy_unit: str = PRIVACY_UNIT


def cost(query: DpQuery, *, most_cells: int = 10_000) -> Loss:
    """What answering will spend, from the measurements' own maps; no row is read.

    Cells share the loss (a household is in `query.contributions` of them at most), so more keys cost nothing
    more.

    Raises:
        QueryError: when it cannot be answered at that price, or has too many cells.
    """
    return _plan(query, most_cells).loss


def expected_error(query: DpQuery, *, most_cells: int = 10_000) -> ExpectedError:
    """How wide the noise will be, before a row is read. Raises as `cost`."""
    made = _plan(query, most_cells)
    apart = query.measure is Measure.DIFFERENCE and query.base in (Measure.COUNT, Measure.SUM)
    count = made.count.half_width() * query.part if made.count else 0.0
    value = count
    if made.total is not None and query.base is Measure.MEAN:
        grain = Grain.of(query)
        count = means.count_half_width(grain, made.total, CONFIDENCE) * query.part
        # Of the sum of distances to the middle of the bounds: half of what the two sums are apart.
        value = difference_half_width(made.total) / 2 * grain.tick * query.part
    elif made.total is not None:
        wide = difference_half_width(made.total) if apart else made.total.half_width()
        value = wide * Grain.of(query).tick * query.part
    elif made.value is not None:
        value = made.value.rank_error() * query.part
    elif apart and made.count is not None:
        value = difference_half_width(made.count) * query.part
    found = made.finding.found_from() if made.finding else 0
    return ExpectedError(float(count), float(value), len(query.cells), found)


def expected_error_at(
    query: DpQuery, contributions: int, confidence: float = CONFIDENCE, *, most_cells: int = 10_000
) -> float:
    """Half-width of one cell's interval, in the answer's own unit (of a quantile, in ranks); no row is read.

    Args:
        query: what would be asked.
        contributions: behind the cell (of a difference, behind each group), a guess; for the worst value that a mean
            or ratio can have. Infinite where the cell would be withheld.
        confidence: of the interval.
        most_cells: as `cost`.
    """
    made = _plan(query, most_cells)
    if made.value is not None:
        return made.value.rank_error(confidence) * query.part
    n = round(contributions / query.part)
    two = 2 if query.measure is Measure.DIFFERENCE else 1
    worst = 0.0
    for share in _WORST:
        parts = [round(n * share), n - round(n * share)] if query.base is Measure.RATIO else [n]
        counts = np.array([parts] * two * max(len(query.count_by_programme), 1))
        # A mean is farthest from sure at its bounds.
        mean = [n * means.width(Grain.of(query)), 0] if query.base is Measure.MEAN else [0]
        sums = np.array([mean] * len(counts))
        told = columns(query, made, Noisy(counts, sums), confidence)
        for end in ("ci_low", "ci_high"):
            width = np.abs(told["value_raw"] - told[end])
            worst = max(worst, float(width[0]) if not np.isnan(width[0]) else math.inf)
    return worst


def answer(query: DpQuery, df: pd.DataFrame, *, most_cells: int = 10_000) -> DpAnswer:
    """Answer a query with noise; charge the ledger with `cost` first, each call draws anew.

    Args:
        query: what is asked, checked against the data dictionary (`PublicTable.complete`).
        df: the table, rows in any order.
        most_cells: refuse larger answers.

    Raises:
        QueryError: as `cost`, and for a missing column; never because of what the values are.
    """
    made = _plan(query, most_cells)
    found = _found(query, made, df, most_cells)
    behind = exact(query, df, found)
    if made.value is not None:
        told = _quantiles(query, made, behind.counts.reshape(-1, len(made.value.candidates)))
    else:
        mean, ratio = query.base is Measure.MEAN, query.base is Measure.RATIO
        sums = means.sides(Grain.of(query), behind) if mean else behind.sums
        told = columns(
            query,
            made,
            Noisy(
                _drawn(made.count, behind.counts, 2 if ratio else 1),
                _drawn(made.total, sums, 2 if mean else 1),
            ),
        )
    mechanism = noise.MECHANISMS[query.mechanism]
    if made.value is not None:
        mechanism += "; permute-and-flip over public candidates (opendp make_noisy_max)"
    if made.finding is not None:
        mechanism += "; keys above a noisy threshold (opendp make_laplace_threshold)"
    return DpAnswer(_frame(query, told, found), made.loss, mechanism, noise.OPENDP_VERSION)


def _drawn(part: noise.Noise | None, values: Ints, parts: int) -> Ints:
    """The values with noise, shape (cells, parts); nothing but zeros where the plan has no noise for them."""
    noisy = part.add(values.tolist()) if part else np.zeros_like(values)
    return np.array(noisy, dtype=np.int64).reshape(-1, parts)


def _found(query: DpQuery, made: _Plan, df: pd.DataFrame, most_cells: int) -> Found:
    """The keys that enough households have, in order of their text; where there are too many, those with the most."""
    if made.finding is None:
        return ()
    unit, keys = unit_and_keys(query, df)
    joined = np.empty(len(unit), dtype=object)
    texts = {key: json.dumps(key) for key in set(map(tuple, keys.tolist()))}
    joined[:] = [texts[tuple(key)] for key in keys.tolist()]
    named = made.finding.find(thresholds.households_by_key(unit, joined, made.finding.keys))
    most = max(most_cells // max(len(query.cells), 1), 1)
    kept = sorted(named, key=lambda key: (-named[key], key))[:most]
    return tuple(sorted(tuple(json.loads(key)) for key in kept))


def _quantiles(query: DpQuery, made: _Plan, held: Any) -> Columns:
    if made.count is None or made.value is None:
        raise TypeError("Only the plan of a quantile chooses.")
    n = made.count.add(held.sum(axis=1).tolist())
    rows = [choose(query, made, cell, noisy) for cell, noisy in zip(held, n, strict=True)]
    # From released numbers and public settings only.
    few = np.array(
        [m * query.part < query.min_count or not row["known"] for row, m in zip(rows, n, strict=True)]
    )
    out: Columns = {
        name: np.where(few, np.nan, [row[name] for row in rows]) for name in ("value", "ci_low", "ci_high")
    }
    behind = np.maximum(n, 0) * query.part
    return out | {
        "value_raw": out["value"],
        "n": behind if query.weighted else behind.astype(np.int64),
        "noise_scale": made.value.scale / (made.value.below + made.value.above) * query.part,
        "withheld": [withheld(query) if hidden else "" for hidden in few],
    }


def _frame(query: DpQuery, told: Columns, found: Found) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - keeps `import anonymization.dp` light

    cells: list[tuple[Any, ...]] = list(query.cells)
    if query.unknown_keys:
        cells = [(*map(_harmless, key), *cell) for key in found for cell in cells]
    keys = {d: [cell[i] for cell in cells] for i, d in enumerate((*query.unknown_keys, *query.dimensions))}
    return pd.DataFrame(keys | {name: told[name] for name in ORDER if name in told}, index=range(len(cells)))


def _harmless(key: str) -> str:
    """A key that somebody typed, so that a spreadsheet shows it and does not run it."""
    return f"'{key}" if key.startswith(("=", "+", "-", "@", "\t", "\r")) and number(key) is None else key
