"""A differentially private synthesizer: a tree of noisy marginals over public cells, drawn from the root outwards.

Only `fit` reads households, and only through `anonymization.dp.marginals`. What follows is computed from noisy counts,
so it costs nothing more; a draw's seed is public. `fit` cannot be repeated for the same answer: its noise has no seed,
and doing it twice spends twice. The caller charges `loss` to the ledger before `fit`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.dp.accountant import Loss
from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType

from .protocol import UNWATCHED, Bounds, SynthesisError, Watch
from .public import Cells, PublicDomain, cells_of

if TYPE_CHECKING:
    from anonymization.dp.marginals import Measured, TreeOfMarginals

Floats = npt.NDArray[np.float64]
_MOST_CELLS = 2_000_000


class PrivateTree:
    """MST over the data dictionary's cells; (epsilon, delta) at the household.

    Args:
        columns: name to type.
        domains: the data dictionary's code lists and bounds.
        epsilon, delta: the price.
        unit_id: names the household in what `fit` gets; of several rows of a household one counts. "" when each row
            is a household of its own.

    Raises:
        RecipeProblem: for a column without public cells, or a table of pairs that would not fit into memory.
    """

    name = "mst"
    version = "1"

    def __init__(
        self,
        columns: Mapping[str, FieldType],
        domains: Mapping[str, PublicDomain],
        epsilon: float,
        delta: float,
        unit_id: str = "",
    ) -> None:
        self._cells = cells_of(columns, domains)
        self._price, self._unit_id = (epsilon, delta), unit_id
        self._again: int | None = None
        self._measured: Measured | None = None
        self._tree: TreeOfMarginals | None = None
        if self._pair_cells > _MOST_CELLS:
            raise RecipeProblem(
                ["The cells of all pairs are too many; ask for fewer columns or shorter code lists."]
            )

    @property
    def _pair_cells(self) -> int:
        sizes = [c.size for c in self._cells.values()]
        return (sum(sizes) ** 2 - sum(s * s for s in sizes)) // 2

    @property
    def loss(self) -> Loss:
        """What `fit` spends; no row is read."""
        return self._calibrated().loss

    @property
    def description(self) -> dict[str, Any]:
        """All that the loss depends on, as data: the ledger's auditor recomputes it from this alone (`loss_of`)."""
        epsilon, delta = self._price
        return {
            "method": self.name,
            "version": self.version,
            "columns": {name: _described(cells) for name, cells in self._cells.items()},
            "epsilon": epsilon,
            "delta": delta,
            "unit": "household",
        }

    @property
    def households(self) -> int:
        """The noisy number of households that were learnt from."""
        if self._measured is None:
            raise SynthesisError("The synthesizer must be fitted before it is sampled.")
        return _total(self._measured)

    def plan(self, schema: Mapping[str, FieldType], rows: int) -> Bounds:
        cells = rows * len(schema) / 1e6
        pairs = rows * len(schema) ** 2 / 1e6
        return Bounds(
            math.ceil(5 + 20 * cells + 2 * pairs + 40 * self._pair_cells / 1e6),
            math.ceil(400 + 400 * cells + 200 * self._pair_cells / 1e6),
            "Bounds stated from above, by measured fits of 9 columns: 20,000 rows took 0.5 s and 0.3 GB.",
        )

    def fit(self, df: pd.DataFrame, watch: Watch = UNWATCHED) -> None:
        """Spends `loss`, once: a fitted synthesizer refuses to be fitted again."""
        if self._measured is not None:
            raise SynthesisError("This synthesizer has spent its loss; make another, and charge it again.")
        tree = self._calibrated()
        codes = np.stack([c.places(df[name]) for name, c in self._cells.items()], axis=1)
        if self._unit_id:
            codes = _one_each(codes, df[self._unit_id])
        watch.step(0, 1, "noisy counts")  # the last moment at which calling it off costs no privacy
        self._measured = tree.measure(codes)

    def told(self) -> dict[str, Any]:
        """The noisy counts, as data that can be stored: whoever takes them draws the same rows, and pays nothing."""
        if self._measured is None:
            raise SynthesisError("The synthesizer must be fitted before its counts can be told.")
        return {
            "one": [v.tolist() for v in self._measured.one],
            "two": [[i, j, v.tolist()] for (i, j), v in self._measured.two.items()],
            "deviation": list(self._measured.deviation),
        }

    def take(self, told: Mapping[str, Any]) -> None:
        """In place of `fit`: noisy counts that were paid for before."""
        from anonymization.dp.marginals import Measured  # noqa: PLC0415 - opendp is loaded late

        one = tuple(np.array(v, dtype=np.int64) for v in told["one"])
        two = {(int(i), int(j)): np.array(v, dtype=np.int64) for i, j, v in told["two"]}
        if [len(v) for v in one] != [c.size for c in self._cells.values()] or len(two) != len(one) - 1:
            raise SynthesisError("These noisy counts are of other columns; correct the recipe.")
        self._measured = Measured(one, two, (float(told["deviation"][0]), float(told["deviation"][1])))

    def redrawn(self, seed: int) -> PrivateTree:
        """The same with its parameters drawn anew from what noise and sampling leave open; nothing is spent.

        Source: noise-aware multiple imputation, Räisä, Jälkö, Kaski and Honkela 2023; normal noise, flat priors.
        """
        out = copy.copy(self)
        out._again = seed  # noqa: SLF001 - its own copy
        return out

    def sample(self, n: int, seed: int) -> pd.DataFrame:
        """Rows from the noisy model; the same seed draws the same rows. `n` of 0: the noisy number of households."""
        if self._measured is None:
            raise SynthesisError("The synthesizer must be fitted before it is sampled.")
        rng = np.random.default_rng(seed)
        again = None if self._again is None else np.random.default_rng([self._again, 7])
        places = _drawn(self._measured, n, rng, [c.missing for c in self._cells.values()], again)
        held = {name: c.values(places[:, i], rng) for i, (name, c) in enumerate(self._cells.items())}
        return pd.DataFrame(held)

    def _calibrated(self) -> TreeOfMarginals:
        from anonymization.dp.marginals import TreeOfMarginals  # noqa: PLC0415 - opendp is loaded late

        if self._tree is None:
            sizes = [c.size for c in self._cells.values()]
            self._tree = TreeOfMarginals.of(sizes, *self._price)
        return self._tree


def _one_each(codes: npt.NDArray[np.int64], unit: pd.Series) -> npt.NDArray[np.int64]:
    """One row of each household, the first by what it holds; rows without a household belong to nobody."""
    from anonymization.dp.values import texts  # noqa: PLC0415 - needed for households alone

    names = texts(unit)
    known = np.fromiter((v is not None for v in names), np.bool_, len(names))
    codes, names = codes[known], names[known].astype(str)
    order = np.lexsort((*codes.T, names))
    names = names[order]
    first = np.r_[True, names[1:] != names[:-1]] if len(names) else np.zeros(0, dtype=bool)
    return codes[order][first]


def _total(measured: Measured) -> int:
    return max(round(float(np.mean([v.sum() for v in measured.one]))), 1)


def loss_of(description: Mapping[str, Any]) -> Loss:
    """What a stored description costs, from the mechanism's own maps.

    Raises:
        KeyError, TypeError, ValueError: it describes no such synthesis.
    """
    from anonymization.dp.marginals import TreeOfMarginals  # noqa: PLC0415 - opendp is loaded late

    if (description["method"], description["version"]) != (PrivateTree.name, PrivateTree.version):
        raise ValueError("There is no such private method.")
    sizes = [int(c["cells"]) for c in dict(description["columns"]).values()]
    return TreeOfMarginals.of(sizes, float(description["epsilon"]), float(description["delta"])).loss


def _described(cells: Cells) -> dict[str, Any]:
    codes = [str(c) for c in cells.codes]
    return {"kind": cells.kind.value, "cells": cells.size, "codes": codes, "cuts": list(cells.cuts)}


def _drawn(
    measured: Measured,
    n: int,
    rng: np.random.Generator,
    missing: Sequence[bool],
    again: np.random.Generator | None = None,
) -> npt.NDArray[np.int64]:
    """Cells of drawn rows; with `again`, from parameters that are themselves drawn."""
    many = len(measured.one)
    total = _total(measured)
    rows = n or total
    least = 3 * measured.deviation[0]
    shares = [
        _open(_shares(_without_ghosts(v, least if may else math.inf)) * total, measured.deviation[0], again)
        for v, may in zip(measured.one, missing, strict=True)
    ]
    places = np.zeros((rows, many), dtype=np.int64)
    places[:, 0] = rng.choice(len(shares[0]), rows, p=shares[0])
    done, edges = {0}, dict(measured.two)
    while edges:
        edge = next(e for e in edges if (e[0] in done) != (e[1] in done))
        table = edges.pop(edge)
        parent, child = edge if edge[0] in done else (edge[1], edge[0])
        joint = _joint(
            table if edge[0] == parent else table.T, shares[parent], shares[child], total, measured, again
        )
        reach = np.cumsum(joint, axis=1)
        mark = rng.random(rows) * reach[places[:, parent], -1]
        places[:, child] = (
            (reach[places[:, parent]] <= mark[:, None]).sum(axis=1).clip(max=joint.shape[1] - 1)
        )
        done.add(child)
    return places


def _without_ghosts(noisy: npt.NDArray[np.int64], least: float) -> npt.NDArray[np.int64]:
    """No missing values where noise alone explains their number, or where there may be none."""
    out = noisy.copy()
    out[-1] = 0 if out[-1] < least else out[-1]
    return out


def _shares(noisy: npt.NDArray[np.int64]) -> Floats:
    """Nearest point of the simplex to noisy counts: small cells fall to zero instead of adding up."""
    total = max(float(noisy.sum()), 1.0)
    down = np.sort(noisy.astype(np.float64))[::-1]
    over = (np.cumsum(down) - total) / np.arange(1, len(down) + 1)
    level = over[np.flatnonzero(down > over)[-1]]
    return np.asarray(np.maximum(noisy - level, 0) / np.maximum(noisy - level, 0).sum(), dtype=np.float64)


def _open(counts: Floats, deviation: float, again: np.random.Generator | None) -> Floats:
    """Shares of counts; with `again`, of counts as noise (normal) and sampling (gamma) could have had them instead."""
    if again is None:
        return np.asarray(counts / counts.sum(), dtype=np.float64)
    drawn = np.where(counts > 0, counts + again.normal(0, deviation, counts.shape), 0)
    drawn = again.gamma(np.maximum(drawn, 0))
    return np.asarray(drawn / drawn.sum() if drawn.sum() > 0 else counts / counts.sum(), dtype=np.float64)


def _joint(
    table: npt.NDArray[np.int64],
    first: Floats,
    second: Floats,
    total: float,
    measured: Measured,
    again: np.random.Generator | None = None,
) -> Floats:
    """A pair's shares: noisy counts drawn towards independence as far as noise explains them, then raked.

    Source: James and Stein 1961 (positive part).
    """
    apart = np.outer(first, second)
    far = table - max(total, 1.0) * apart
    explained = table.size * measured.deviation[1] ** 2
    keep = max(0.0, 1 - explained / max(float((far**2).sum()), 1e-9))
    joint = np.maximum(apart + keep * far / max(total, 1.0), 0)
    if again is not None and joint.sum() > 0:
        joint = _open(joint * max(total, 1.0), math.sqrt(keep) * measured.deviation[1], again)
    joint = joint + 1e-9 * apart
    for _ in range(20):
        joint = joint * _over(first, joint.sum(axis=1))[:, None]
        joint = joint * _over(second, joint.sum(axis=0))[None, :]
    return np.where(joint.sum(axis=1, keepdims=True) > 0, joint, second[None, :])


def _over(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
