"""scikit-learn's trees, which come with the 'synthesis' extra: loaded late, with one setting for all measurements."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
MISSING = "It needs scikit-learn, which comes with the 'synthesis' extra."


def boosted(x: Floats, y: Floats, test: Floats, *, flag: bool) -> Floats:
    """Predictions on `test`, shape (rows of test,): probabilities of a flag, or numbers. Raises ImportError."""
    module: Any = importlib.import_module("sklearn.ensemble")
    made = module.HistGradientBoostingClassifier if flag else module.HistGradientBoostingRegressor
    model = made(max_iter=60, max_leaf_nodes=15, min_samples_leaf=20, early_stopping=False, random_state=0)
    model.fit(x, y)
    return np.asarray(model.predict_proba(test)[:, 1] if flag else model.predict(test), dtype=np.float64)


def one_tree(x: Floats, y: Floats) -> Floats:
    """Fitted probabilities of one classification tree on its own rows, shape (rows,). Raises ImportError."""
    module: Any = importlib.import_module("sklearn.tree")
    tree = module.DecisionTreeClassifier(min_samples_leaf=50, max_leaf_nodes=100, random_state=0)
    return np.asarray(tree.fit(x, y).predict_proba(x)[:, 1], dtype=np.float64)


def area_under_curve(truth: Floats, score: Floats) -> float:
    """The share of pairs of a yes and a no in which the yes scores higher, ties as halves (Mann and Whitney 1947)."""
    from scipy.stats import rankdata  # noqa: PLC0415 - scipy is loaded late

    ranks, yes = rankdata(score), truth != 0
    many = int(yes.sum())
    above = float(ranks[yes].sum()) - many * (many + 1) / 2
    return above / (many * (len(truth) - many))
