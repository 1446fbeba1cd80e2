"""How near synthetic rows come to the rows that were learnt from, always beside rows that were not.

Distances to training rows alone say little: a hold-out shows how near two true samples of the same people
    come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.utility.coding import ordered

Floats = npt.NDArray[np.float64]
#: Rows looked at on each side: enough for an interval of a few percent, seconds of work.
_MOST = 2_000
_REPEATS = 500


def privacy_evidence(
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Closest records, copies and nearest-neighbour ratios, each with the hold-out's own figure.

    Args:
        training: rows that were learnt from.
        holdout: rows that were not, same columns.
        synthetic: rows that were drawn, same columns.
        quasi_identifiers: columns that an attacker may know.
        seed: of the subsamples and of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    size = min(len(training), len(holdout), _MOST)
    parts = [_some(df, size, rng) for df in (training, holdout)]
    drawn = _some(synthetic, min(len(synthetic), _MOST), rng)
    seen, unseen, made = _encode([*parts, drawn])
    width = len(training.columns)
    to_seen, to_unseen = _nearest(made, seen) / width, _nearest(made, unseen) / width
    true = _nearest(unseen, seen) / width
    return {
        "rows_compared": {"training": size, "holdout": size, "synthetic": len(drawn)},
        "closest_record": _closest(to_seen[:, 0], to_unseen[:, 0], true[:, 0], rng),
        "neighbour_ratio": {"synthetic": _ratio(to_seen), "holdout": _ratio(true)},
        "copies": {
            "quasi_identifiers": _copies(training, holdout, synthetic, list(quasi_identifiers)),
            "all_columns": _copies(training, holdout, synthetic, list(training.columns)),
        },
    }


def _some(df: pd.DataFrame, size: int, rng: np.random.Generator) -> pd.DataFrame:
    return df.iloc[np.sort(rng.choice(len(df), size, replace=False))].reset_index(drop=True)


def _encode(tables: Sequence[pd.DataFrame]) -> list[Floats]:
    """Gower's distance as L1: numbers as ranks in the first table, categories and missing one apart."""
    blocks: list[list[Floats]] = [[] for _ in tables]
    for name in tables[0].columns:
        columns = [df[name] for df in tables]
        numbers = [ordered(c) for c in columns]
        first = numbers[0]
        scale = None if first is None else np.sort(first[~np.isnan(first)])
        levels = sorted({str(v) for c in columns for v in c.dropna().unique()}) if scale is None else []
        for block, column, values in zip(blocks, columns, numbers, strict=True):
            gone = column.isna().to_numpy()
            if scale is not None and values is not None:
                low, high = (np.searchsorted(scale, values, side=s) for s in ("left", "right"))
                rank = (low + high) / 2 / max(len(scale), 1)
                block += [np.where(gone, 0.5, rank), gone.astype(np.float64)]
            else:
                words = column.astype(str).to_numpy()
                block += [((words == v) & ~gone).astype(np.float64) / 2 for v in levels]
                block.append(gone.astype(np.float64) / 2)
    return [np.stack(block, axis=1) for block in blocks]


def _nearest(of: Floats, among: Floats) -> Floats:
    """Distances to the two nearest rows, shape (rows, 2), nearest first."""
    from scipy.spatial.distance import cdist  # noqa: PLC0415 - scipy is loaded late

    step = 250
    found = [
        np.sort(np.partition(cdist(of[i : i + step], among, "cityblock"), 1, axis=1)[:, :2], axis=1)
        for i in range(0, len(of), step)
    ]
    return np.concatenate(found)


def _closest(to_seen: Floats, to_unseen: Floats, true: Floats, rng: np.random.Generator) -> dict[str, Any]:
    """How near rows come; a share nearer to training of one half means that nothing was copied."""
    nearer = np.where(to_seen < to_unseen, 1.0, np.where(to_seen == to_unseen, 0.5, 0.0))
    shares = [float(rng.choice(nearer, len(nearer)).mean()) for _ in range(_REPEATS)]
    pairs = ((rng.choice(to_seen, len(to_seen)), rng.choice(true, len(true))) for _ in range(_REPEATS))
    ratios = [_median_ratio(a, b) for a, b in pairs]
    kept = [r for r in ratios if r is not None]
    return {
        "median_to_training": float(np.median(to_seen)),
        "median_to_holdout": float(np.median(to_unseen)),
        "median_holdout_to_training": float(np.median(true)),
        "p05_to_training": float(np.quantile(to_seen, 0.05)),
        "p05_holdout_to_training": float(np.quantile(true, 0.05)),
        "share_nearer_to_training": float(nearer.mean()),
        "share_interval": _interval(shares),
        "median_ratio_to_holdout": _median_ratio(to_seen, true),
        "ratio_interval": _interval(kept) if len(kept) == _REPEATS else None,
        "zero_distance_share": float((to_seen == 0).mean()),
        "zero_distance_share_holdout": float((true == 0).mean()),
    }


def _median_ratio(of: Floats, over: Floats) -> float | None:
    bottom = float(np.median(over))
    return float(np.median(of)) / bottom if bottom > 0 else None


def _interval(values: Sequence[float]) -> list[float]:
    """95% percentile bootstrap interval."""
    return [float(v) for v in np.quantile(np.array(values), [0.025, 0.975])]


def _ratio(two: Floats) -> dict[str, float]:
    """Nearest over second nearest distance; near 0 means that a row points at one person."""
    ratio = np.where(two[:, 1] > 0, two[:, 0] / np.where(two[:, 1] > 0, two[:, 1], 1), 1.0)
    return {"p05": float(np.quantile(ratio, 0.05)), "median": float(np.median(ratio))}


def _copies(
    training: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, columns: list[str]
) -> dict[str, Any]:
    """Shares of rows found whole among training rows, and of lone training rows found again."""
    if not columns:
        return {}
    seen, unseen, made = (_keys(df, columns) for df in (training, holdout, synthetic))
    lone = seen[~seen.duplicated(keep=False)]
    return {
        "columns": columns,
        "share_of_synthetic": float(made.isin(seen).mean()),
        "share_of_holdout": float(unseen.isin(seen).mean()),
        "lone_training_rows": len(lone),
        "lone_found_in_synthetic": float(lone.isin(made).mean()) if len(lone) else 0.0,
        "lone_found_in_holdout": float(lone.isin(unseen).mean()) if len(lone) else 0.0,
    }


def _keys(df: pd.DataFrame, columns: list[str]) -> pd.Series:
    """One hash for each row over the text of these columns."""
    words = pd.DataFrame({c: _text(df[c]) for c in columns})
    return pd.util.hash_pandas_object(words, index=False, categorize=False)


def _text(column: pd.Series) -> pd.Series:
    numbers = ordered(column)
    if numbers is None:
        return column.astype(object).where(column.notna(), "").astype(str)
    return pd.Series(numbers, index=column.index).round(6).astype(str)
