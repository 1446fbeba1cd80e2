"""Released tables that agree with each other: totals add up, counts are not negative. Post-processing, no new loss.

Noise is drawn for each table alone, so a total does not equal the sum of its parts. The tables are projected onto those
that could be true: the nearest ones, in squares over the noise's variance, that add up and are not negative (Hay,
Rastogi, Miklau and Suciu 2010; for several groupings at once, Li, Miklau, Hay, McGregor and Rastogi 2015). A projection
never lies farther from a truth that adds up than what it was made from; where a coarse table was asked, its parts get
better too.

What it costs: cells that are truly near zero are pushed up on average (a number that cannot be negative has only one
side to err to), and what they gain others lose. So sums of many small cells are to be taken from `value_raw` or from a
coarser table, and intervals are those of `value_raw`: none is claimed for `consistent`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .queries import DpQuery
from .terms import Measure, Mechanism, QueryError
from .values import canonical

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

#: What the answer says about the column `consistent`, for release notes.
NOTE = (
    "The column consistent holds the nearest numbers that add up over all tables and are not negative; it is worked "
    "out from the released numbers alone and costs no privacy. It is at least as close to the truth, over all cells "
    "together, wherever the truth adds up (each household has one of the listed keys in each column). Small cells "
    "are too large on average and the cells beside them too small; the intervals belong to value_raw, not to it."
)
_ADDITIVE = (Measure.COUNT, Measure.SUM, Measure.HISTOGRAM)
#: Totals of numbers with so many bits add up exactly in a float.
_BITS = 50


@dataclass(frozen=True, slots=True)
class Released:
    """One released table.

    Args:
        query: what was asked.
        frame: `DpAnswer.frame`, rows in its order.
    """

    query: DpQuery
    frame: pd.DataFrame


def consistent(released: Sequence[Released]) -> list[pd.DataFrame]:
    """The frames, each with a column `consistent`: numbers that add up exactly over all of them.

    Args:
        released: tables of one count, sum or histogram, with different groupings; one has the groupings of all.

    Raises:
        QueryError: when the tables are not about the same thing, or none has all the groupings.
    """
    said = _problems(released)
    if said:
        raise QueryError(said)
    finest = max(released, key=lambda r: len(r.query.cells))
    fixed = _places(finest.query)
    sums = [_Sums.of(r, finest.query, fixed) for r in released]
    leaves = _solved(sums, len(finest.query.cells), floor=_floor(finest.query))
    leaves = _on_a_grid(leaves)
    return [
        r.frame.assign(consistent=np.bincount(s.cell[s.leaf], weights=leaves[s.leaf], minlength=s.many))
        for r, s in zip(released, sums, strict=True)
    ]


def _problems(released: Sequence[Released]) -> list[str]:
    if not released:
        return ["There is no table to make consistent."]
    finest = max(released, key=lambda r: len(r.query.cells)).query
    said = []
    if any(r.query.measure not in _ADDITIVE for r in released):
        said.append("Only counts, sums and histograms add up; leave tables of other measures out.")
    if any(r.query.unknown_keys for r in released):
        said.append("Tables whose keys were found in the data lack keys, so their totals do not add up.")
    if len({_subject(r.query) for r in released}) > 1:
        said.append("Only tables about the same households, column and filters add up; give those together.")
    for r in released:
        inside = all(
            {canonical(k) for k in keys} <= {canonical(k) for k in finest.group_by.get(column, ())}
            for column, keys in r.query.group_by.items()
        )
        if not inside:
            said.append(
                "One of the tables must be grouped by every column and key of the others; add that one."
            )
            break
    if not said and not all(_fits(r) for r in released):
        said.append("A frame does not hold its query's answer: one row a cell, in order, value_raw a number.")
    return said


def _subject(query: DpQuery) -> bytes:
    """What is counted or summed, whatever the grouping and the price."""
    return replace(
        query, group_by={}, epsilon=1.0, rho=0.0, mechanism=Mechanism.LAPLACE, min_count=0
    ).canonical()


def _fits(r: Released) -> bool:
    frame, query = r.frame, r.query
    named = (*query.dimensions, "value_raw", "noise_scale")
    if len(frame) != len(query.cells) or not set(named) <= set(frame.columns):
        return False
    held = zip(*(frame[d].tolist() for d in query.dimensions), strict=True) if query.dimensions else [()]
    same = all(
        tuple(map(canonical, row)) == tuple(map(canonical, cell))
        for row, cell in zip(held, query.cells, strict=True)
    )
    numbers = frame[["value_raw", "noise_scale"]].to_numpy(dtype=np.float64, na_value=math.nan)
    return same and bool(np.isfinite(numbers).all()) and bool((numbers[:, 1] > 0).all())


def _places(query: DpQuery) -> list[dict[str, Any]]:
    """For each cell of a query the key that it has in each of its dimensions."""
    return [{d: canonical(k) for d, k in zip(query.dimensions, cell, strict=True)} for cell in query.cells]


def _floor(query: DpQuery) -> bool:
    """Whether the truth cannot be negative, from public bounds."""
    return query.measure is not Measure.SUM or (query.lower or 0.0) >= 0


@dataclass(frozen=True, slots=True)
class _Sums:
    """A released table as sums of the finest cells.

    Args:
        cell: for each finest cell the cell of this table that it is part of, -1 for none.
        leaf: which finest cells are part of one.
        many: how many cells this table has.
        value: as released.
        weight: one over the variance of the noise.
    """

    cell: npt.NDArray[np.int64]
    leaf: npt.NDArray[np.bool_]
    many: int
    value: Floats
    weight: float

    @classmethod
    def of(cls, r: Released, finest: DpQuery, leaves: list[dict[str, Any]]) -> _Sums:
        place = {tuple(c.values()): i for i, c in enumerate(_places(r.query))}
        at = [place.get(tuple(leaf[d] for d in r.query.dimensions), -1) for leaf in leaves]
        cell = np.array(at, dtype=np.int64).reshape(len(finest.cells))
        scale = float(r.frame["noise_scale"].iloc[0])
        variance = scale**2 * (1 if r.query.mechanism is Mechanism.GAUSSIAN else 2)
        value = r.frame["value_raw"].to_numpy(dtype=np.float64)
        return cls(cell, cell >= 0, len(r.query.cells), value, 1 / variance)

    @property
    def whole(self) -> bool:
        """Whether each of its cells is one finest cell, and every finest cell is one of them."""
        return self.many == len(self.cell) and bool(self.leaf.all())


def _solved(sums: Sequence[_Sums], many: int, *, floor: bool) -> Floats:
    """Least squares over the finest cells, weighted by the noise, none below zero with `floor`.

    The finest tables give a weight to each cell by itself; the others are sums. So the system is a diagonal and a few
    sums, and is solved in the number of sums (Woodbury). Which cells are zero is found by exchanging whole blocks, and
    one cell at a time should blocks go in circles (Portugal, Judice and Vicente 1994): the exact optimum.
    """
    from scipy import sparse  # noqa: PLC0415 - scipy is loaded late

    own = sum(s.weight for s in sums if s.whole)
    aim = np.zeros(many)
    blocks, weights, values = [], [], []
    for s in sums:
        if s.whole:
            aim += s.weight * s.value[s.cell]
            continue
        which = np.flatnonzero(s.leaf)
        shape = (s.many, many)
        blocks.append(sparse.csr_matrix((np.ones(len(which)), (s.cell[which], which)), shape=shape))
        weights.append(np.full(s.many, s.weight))
        values.append(s.value)
    if not blocks:
        return np.maximum(aim / own, 0.0) if floor else aim / own
    system = _System(sparse.vstack(blocks).tocsc(), np.concatenate(weights), own)
    aim += system.sums.T @ (system.weight * np.concatenate(values))
    return _nonnegative(system, aim) if floor else system.solve(aim, np.ones(many, dtype=np.bool_))


@dataclass(frozen=True, slots=True)
class _System:
    """own I + sums' W sums, solved on some of the cells while the others are zero."""

    sums: Any
    weight: Floats
    own: float

    def solve(self, aim: Floats, free: npt.NDArray[np.bool_]) -> Floats:
        from scipy import sparse  # noqa: PLC0415 - as above
        from scipy.sparse.linalg import splu  # noqa: PLC0415 - as above

        out = np.zeros(len(aim))
        if not free.any():
            return out
        inside = self.sums[:, free]
        core = sparse.diags(1 / self.weight) + inside @ inside.T / self.own
        inner = splu(core.tocsc()).solve(inside @ aim[free] / self.own)
        out[free] = (aim[free] - inside.T @ inner) / self.own
        return out

    def slope(self, x: Floats, aim: Floats) -> Floats:
        out: Floats = self.own * x + self.sums.T @ (self.weight * (self.sums @ x)) - aim
        return out


def _nonnegative(system: _System, aim: Floats) -> Floats:
    free = np.ones(len(aim), dtype=np.bool_)
    best, patience = len(aim) + 1, 3
    tiny = 1e-11 * max(float(np.abs(aim).max()), 1e-300)
    while True:
        x = system.solve(aim, free)
        slope = system.slope(x, aim)
        wrong = np.where(free, x * system.own < -tiny, slope < -tiny)
        bad = int(wrong.sum())
        if not bad:
            return np.maximum(x, 0.0)
        if bad < best:
            best, patience = bad, 3
        elif patience:
            patience -= 1
        else:
            wrong[: np.flatnonzero(wrong)[-1]] = False  # one at a time always ends
        free ^= wrong


def _on_a_grid(leaves: Floats) -> Floats:
    """Multiples of one power of two, small enough to change nothing and large enough for totals to be exact."""
    whole = float(np.abs(leaves).sum())
    if not whole:
        return leaves
    grid = 2.0 ** (math.frexp(whole)[1] - _BITS)
    out: Floats = np.rint(leaves / grid) * grid
    return out
