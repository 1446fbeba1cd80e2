"""Errors of answers beside what is true, and ratios of errors with how far chance moves them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Answers = Sequence[Sequence[float | None]]
_DRAWS = 2_000


def score(answers: Answers, true: Sequence[float]) -> dict[str, Any]:
    """Mean absolute error over cells and repetitions; withheld cells are counted and left out of it.

    Args:
        answers: shape (repetitions, cells).
        true: shape (cells,).
    """
    wrong = errors(answers, true)
    given = wrong[~np.isnan(wrong)]
    if not given.size:
        return {"mean_absolute_error": None, "withheld_share": 1.0}
    return {
        "mean_absolute_error": _round(given.mean()),
        "error_95_percent": _round(np.quantile(given, 0.95)),
        "relative_to_true_mean": _round(given.mean() / max(abs(float(np.mean(true))), 1e-12)),
        "withheld_share": _round(np.isnan(wrong).mean()),
    }


def errors(answers: Answers, true: Sequence[float]) -> npt.NDArray[np.float64]:
    """Absolute errors, shape (repetitions, cells); NaN where withheld."""
    got = np.array([[np.nan if v is None else v for v in row] for row in answers], dtype=np.float64)
    return np.abs(got - np.array(true)[None, :])


def ratio(ours: Answers, peer: Answers, true: Sequence[float]) -> dict[str, Any] | None:
    """Our mean absolute error over the peer's, over cells that both answered in every repetition.

    The interval holds the ratio in 95 % of resamplings of the repetitions and cells (fixed seed): noise is drawn
    independently in each, so below and above one are told apart only where it leaves one out.
    """
    mine, other = errors(ours, true), errors(peer, true)
    both = ~(np.isnan(mine).any(axis=0) | np.isnan(other).any(axis=0))
    if not both.any():
        return None
    first, second = mine[:, both].ravel(), other[:, both].ravel()
    if not second.mean():
        return None
    rng = np.random.default_rng(1)
    drawn = [_resampled(first, rng) / max(_resampled(second, rng), 1e-300) for _ in range(_DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {
        "ours_over_peer": _round(first.mean() / second.mean()),
        "interval_95_percent": [_round(low), _round(high)],
        "cells": int(both.sum()),
    }


def _resampled(values: npt.NDArray[np.float64], rng: np.random.Generator) -> float:
    return float(values[rng.integers(0, len(values), len(values))].mean())


def _round(value: float) -> float:
    return float(f"{float(value):.4g}")
