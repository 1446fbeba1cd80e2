"""What sampling and re-weighting share: exact weighted totals of cells, and the factors that bring them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.errors import Unusable
from anonymization.perturb.rake import NoWeights, rake
from anonymization.steps.gather import numbers_of
from anonymization.steps.pram import in_order

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: One level of each margin.
Cell = tuple[object, ...]
#: Margins: a column each, or several columns crossed.
Margins = Sequence[tuple[str, ...]]

# Weights are summed in whole steps of 2^-28, so that no order of partitions changes a total.
_STEP = float(1 << 28)


def margins_of(margins: Sequence[str | tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Margins as tuples of columns."""
    return tuple((m,) if isinstance(m, str) else tuple(m) for m in margins)


def weights_of(table: pd.DataFrame, weight: str) -> Floats:
    """Weights, shape (rows,); ones where there is no weight column.

    Raises:
        Unusable: when a weight is missing, negative or too large to be summed exactly.
    """
    if not weight:
        return np.ones(len(table))
    values = numbers_of(table, weight)
    if np.isnan(values).any() or (values < 0).any():
        raise Unusable(
            f"{weight} is missing or negative in some rows, so it cannot weigh them. Complete it first."
        )
    if float(values.sum()) >= (1 << 34):
        raise Unusable(f"The weights in {weight} sum to more people than there are. Check their unit.")
    return values


def in_steps(weights: Floats) -> Ints:
    """Weights as whole numbers that sum exactly, shape as given."""
    return np.rint(weights * _STEP).astype(np.int64)


def cells_of(table: pd.DataFrame, margins: Margins) -> tuple[Ints, list[Cell]]:
    """Each row's cell, shape (rows,), and the distinct cells. A missing value is a level of its own."""
    columns = []
    for margin in margins:
        parts = [table[name].astype(object).where(table[name].notna(), None).tolist() for name in margin]
        columns.append([tuple(_plain(v) for v in row) for row in zip(*parts, strict=True)])
    place: dict[Cell, int] = {}
    codes = (
        [place.setdefault(cell, len(place)) for cell in zip(*columns, strict=True)]
        if columns
        else [0] * len(table)
    )
    return np.asarray(codes, dtype=np.int64), list(place) or [()]


def totals_by_cell(codes: Ints, cells: Sequence[Cell], steps: Ints) -> dict[Cell, int]:
    """Exact totals, in steps."""
    sums = np.zeros(len(cells), dtype=np.int64)
    np.add.at(sums, codes, steps)
    return {cell: int(total) for cell, total in zip(cells, sums, strict=True)}


def merged(several: Sequence[Mapping[Cell, int]]) -> dict[Cell, int]:
    out: dict[Cell, int] = {}
    for totals in several:
        for cell, total in totals.items():
            out[cell] = out.get(cell, 0) + total
    return out


def factors(
    before: Mapping[Cell, int], after: Mapping[Cell, int], margins: Margins
) -> tuple[dict[Cell, float], float]:
    """What each cell's weights are multiplied by, so that what is left has the totals of all; and the largest miss.

    Raises:
        Unusable: naming the margin of which one level has nothing left.
    """
    cells = sorted(before, key=lambda cell: [[in_order(v) for v in _level(part)] for part in cell])
    wanted_of = np.array([before[c] for c in cells], dtype=np.float64) / _STEP
    now = np.array([after.get(c, 0) for c in cells], dtype=np.float64) / _STEP
    codes = np.zeros((len(cells), max(len(margins), 1)), dtype=np.int64)
    for j in range(len(margins)):
        codes[:, j] = pd.factorize(pd.Series([repr(c[j]) for c in cells], dtype=object))[0]
    wanted: list[Floats] = [
        np.bincount(codes[:, j], weights=wanted_of).astype(np.float64) for j in range(codes.shape[1])
    ]
    try:
        found = rake(codes, now, wanted)
    except NoWeights as error:
        name = " x ".join(margins[error.margin]) if margins else "the table"
        raise Unusable(
            f"Weights cannot reproduce the totals of {name}: one of its levels has no record left that counts. "
            "Coarsen it, or take it out of the margins."
        ) from None
    miss = max(
        float(np.abs(np.bincount(codes[:, j], weights=now * found) - w).max(initial=0.0))
        for j, w in enumerate(wanted)
    )
    return {cell: float(f) for cell, f in zip(cells, found, strict=True)}, miss


def spread_of(factors_of: Mapping[Cell, float], after: Mapping[Cell, int]) -> dict[str, float]:
    """How unequal the factors are: smallest, largest, and Kish's design effect of them (1 + CV^2)."""
    used = [(factors_of[c], n) for c, n in after.items() if n > 0]
    if not used:
        return {"smallest_factor": 1.0, "largest_factor": 1.0, "design_effect": 1.0}
    f, n = (np.array(x, dtype=np.float64) for x in zip(*used, strict=True))
    mean, square = float(np.average(f, weights=n)), float(np.average(f * f, weights=n))
    return {
        "smallest_factor": float(f.min()),
        "largest_factor": float(f.max()),
        "design_effect": square / mean**2,
    }


def _level(part: object) -> tuple[object, ...]:
    return part if isinstance(part, tuple) else (part,)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
