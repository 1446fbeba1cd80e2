"""Sequential trees: each column drawn from a tree on the columns before it.

Source: Reiter 2005, as practised in synthpop. A copula describes relations between columns by one number for
each pair; trees follow rules such as "enrolled if below the cut-off", which targeting accuracy is made of.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.schema import FieldType

from .protocol import UNWATCHED, Bounds, SynthesisError, Watch, bounds
from .tables import finished

Floats = npt.NDArray[np.float64]
_ORDERED = (FieldType.INTEGER, FieldType.NUMBER, FieldType.DATE)


@dataclass(frozen=True, slots=True)
class _Column:
    """What was learnt of one column.

    Args:
        tree: fitted scikit-learn tree; None for the first column.
        donors: values (numbers) or codes, sorted by leaf and then by value.
        start, count: where each leaf's donors begin, and how many there are; indexed by leaf.
        levels: categories in the order of their codes; empty for numbers.
        atoms: values too frequent to be smoothed.
    """

    tree: Any
    donors: Floats
    start: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]
    levels: tuple[Any, ...]
    atoms: Floats


class Cart:
    """A sequential CART synthesizer over scikit-learn.

    Args:
        columns: name to type, in the order in which they are drawn.
        min_leaf: fewest households in a leaf: no draw rests on fewer. Small leaves copy people.
    """

    name = "cart"

    def __init__(self, columns: Mapping[str, FieldType], min_leaf: int = 50) -> None:
        self._columns = dict(columns)
        self._min_leaf = min_leaf
        self._fitted: dict[str, _Column] = {}
        self._learnt = pd.DataFrame()

    @property
    def version(self) -> str:
        return f"1 (scikit-learn {version('scikit-learn')})"

    def plan(self, schema: Mapping[str, FieldType], rows: int) -> Bounds:
        basis = "Bounds stated from above, by measured fits of 10 columns: 14,000 rows took 1 s."
        return bounds(rows, len(schema), start=5, each=30, basis=basis)

    def fit(self, df: pd.DataFrame, watch: Watch = UNWATCHED) -> None:
        try:
            trees = importlib.import_module("sklearn.tree")
        except ImportError:
            raise SynthesisError(
                "Synthesis by trees needs scikit-learn, which comes with the 'synthesis' extra; install that."
            ) from None
        fitted: dict[str, _Column] = {}
        self._fitted = {}
        numbers = {name: self._numbers(df, name) for name in self._columns}
        before: list[str] = []
        for name, (values, levels) in numbers.items():
            watch.step(len(before), len(numbers), "trees")
            tree = None
            leaf = np.zeros(len(df), dtype=np.int64)
            if before:
                made = trees.DecisionTreeClassifier if levels else trees.DecisionTreeRegressor
                tree = made(min_samples_leaf=self._min_leaf, max_leaf_nodes=2000, random_state=0)
                seen = _predictors({b: numbers[b][0] for b in before}, fitted)
                tree.fit(seen, values if levels else _ranks(values))
                leaf = tree.apply(seen).astype(np.int64)
            fitted[name] = _column(tree, values, leaf, levels)
            before.append(name)
        self._learnt, self._fitted = df, fitted

    def sample(self, n: int, seed: int) -> pd.DataFrame:
        return self._sample({}, n, seed)

    def sample_given(self, given: pd.DataFrame, seed: int) -> pd.DataFrame:
        """A row for each row of `given`, which holds the first columns: the others are drawn given them."""
        held = {name: self._numbers(given, name, self._fitted[name].levels)[0] for name in given.columns}
        return self._sample(held, len(given), seed)

    def _sample(self, given: Mapping[str, Floats], n: int, seed: int) -> pd.DataFrame:
        if not self._fitted:
            raise SynthesisError("The synthesizer must be fitted before it is sampled.")
        rng = np.random.default_rng(seed)
        drawn = dict(given)
        for name, column in self._fitted.items():
            if name in given:
                continue
            leaf = np.zeros(n, dtype=np.int64)
            if column.tree is not None and n:
                leaf = column.tree.apply(_predictors(drawn, self._fitted)).astype(np.int64)
            drawn[name] = _draw(column, leaf, rng)
        words = {name: self._words(name, values) for name, values in drawn.items()}
        return finished(pd.DataFrame(words), self._learnt, self._columns)

    def _numbers(
        self, df: pd.DataFrame, name: str, levels: tuple[Any, ...] = ()
    ) -> tuple[Floats, tuple[Any, ...]]:
        """A column as numbers, NaN for missing; or as codes of its levels, missing being one."""
        kind, column = self._columns[name], df[name]
        if kind is FieldType.DATE:
            days = column.to_numpy(dtype="datetime64[D]").astype(np.float64)
            return np.where(column.isna().to_numpy(), np.nan, days), ()
        if kind in _ORDERED:
            return column.to_numpy(dtype=np.float64, na_value=np.nan), ()
        levels = levels or (
            *sorted(column.dropna().unique(), key=str),
            *([None] if column.isna().any() else []),
        )
        place = {v: i for i, v in enumerate(levels)}
        return np.array([place.get(None if pd.isna(v) else v, -1) for v in column], dtype=np.float64), levels

    def _words(self, name: str, values: Floats) -> Any:
        column = self._fitted[name]
        if column.levels:
            return pd.Series([column.levels[int(v)] for v in values], dtype=object)
        if self._columns[name] is FieldType.DATE:
            return pd.to_datetime(pd.Series(values).round(), unit="D", origin="unix")
        return pd.Series(values)


def _predictors(numbers: Mapping[str, Floats], fitted: Mapping[str, _Column]) -> Floats:
    """Numbers as they are (trees take missing values), categories as one flag for each level."""
    parts: list[Floats] = []
    for name, values in numbers.items():
        known = fitted[name].levels
        parts += [(values == code).astype(np.float64) for code in range(len(known))] if known else [values]
    return np.stack(parts, axis=1)


def _ranks(values: Floats) -> Floats:
    """Ranks in place of amounts, so that a few large ones do not make all the splits; missing below all."""
    return np.asarray(pd.Series(values).rank(na_option="top"), dtype=np.float64)


def _column(tree: Any, values: Floats, leaf: npt.NDArray[np.int64], levels: tuple[Any, ...]) -> _Column:
    order = np.lexsort((values, leaf))  # NaN sorts last inside its leaf
    size = int(leaf.max()) + 1
    count = np.bincount(leaf, minlength=size).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
    held, seen = np.unique(values[~np.isnan(values)], return_counts=True)
    atoms = held[seen >= max(len(values) / 200, 2)]
    return _Column(tree, values[order], start, count, levels, atoms)


def _draw(column: _Column, leaf: npt.NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """A donor of the leaf for each row; numbers fall between two neighbouring donors: none is copied."""
    start, count = column.start[leaf], column.count[leaf]
    if column.levels:
        return column.donors[start + (rng.random(len(leaf)) * count).astype(np.int64)]
    place = rng.random(len(leaf)) * (count - 1)
    floor = place.astype(np.int64)
    part = place - floor
    low, high = column.donors[start + floor], column.donors[start + np.minimum(floor + 1, count - 1)]
    between = low + (high - low) * part
    nearer = np.where(part < 0.5, low, high)
    stays = np.isnan(low) | np.isnan(high) | np.isin(low, column.atoms) | np.isin(high, column.atoms)
    return np.where(stays, nearer, between)
