"""How far the distribution of each column, and of each pair of columns, has moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from .coding import Coded, Codes, NotComparable, coded


def total_variation(before: Codes, after: Codes, levels: int) -> float:
    """Half the sum of absolute differences of shares, from 0 (equal) to 1 (nothing in common)."""
    if not len(before) or not len(after):
        return 1.0
    shares = [np.bincount(x, minlength=levels) / len(x) for x in (before, after)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def one_way(
    original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str]
) -> dict[str, dict[str, object]]:
    """For each column its `distance` and its missing shares.

    `distance` is total variation; None where not comparable, with `why`.

    Values that a column lost count as a level of their own, so a suppressed column moves.
    """
    out: dict[str, dict[str, object]] = {}
    for column in columns:
        before, after = original[column], protected[column]
        missing = [float(s.isna().mean()) if len(s) else 0.0 for s in (before, after)]
        result = coded(before, after)
        said: dict[str, object] = {"distance": None, "why": ""}
        if isinstance(result, NotComparable):
            said["why"] = result.why
        else:
            said["distance"] = total_variation(result.original, result.protected, result.levels)
        out[column] = {
            **said,
            "missing_before": missing[0],
            "missing_after": missing[1],
            "missing_added": missing[1] - missing[0],
            "distinct_before": int(before.nunique()),
            "distinct_after": int(after.nunique()),
        }
    return out


def comparable(
    original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str], bins: int
) -> dict[str, Coded]:
    """The columns that can be compared, on common levels."""
    every = {c: coded(original[c], protected[c], bins) for c in columns}
    return {c: x for c, x in every.items() if isinstance(x, Coded)}


def two_way(
    original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str], bins: int = 10
) -> dict[str, object]:
    """Total variation over all pairs of comparable columns: how many, mean, 90th percentile, five worst.

    Two true samples of n rows differ too; compare with that floor where there is a hold-out.
    """
    levels = comparable(original, protected, columns, bins)
    distances = {
        (a, b): total_variation(
            levels[a].original * levels[b].levels + levels[b].original,
            levels[a].protected * levels[b].levels + levels[b].protected,
            levels[a].levels * levels[b].levels,
        )
        for a, b in combinations(levels, 2)
    }
    return spread(distances, "distance")


def three_way(
    original: pd.DataFrame, protected: pd.DataFrame, columns: Sequence[str], bins: int = 5
) -> dict[str, object]:
    """As `two_way`, over all triples; with fewer bins, because a cell of three columns holds fewer records.

    A true sample is further from the original in triples than in pairs: always read beside such a floor.
    """
    levels = comparable(original, protected, columns, bins)
    distances = {}
    for triple in combinations(levels, 3):
        sides = []
        for side in ("original", "protected"):
            place = np.zeros(1, dtype=np.int64)
            for column in triple:
                place = place * levels[column].levels + getattr(levels[column], side)
            sides.append(place)
        # Cells that nobody stands in are never held in memory.
        _, both = np.unique(np.concatenate(sides), return_inverse=True)
        held = int(both.max(initial=-1)) + 1
        distances[triple] = total_variation(both[: len(sides[0])], both[len(sides[0]) :], held)
    return spread(distances, "distance")


def spread(distances: Mapping[Any, float], word: str) -> dict[str, object]:
    """Pairs (or triples, by the same name) and their distances in short."""
    values = np.array(list(distances.values()))
    worst = sorted(distances.items(), key=lambda kv: -kv[1])[:5]
    return {
        "pairs": len(distances),
        "mean": float(values.mean()) if len(values) else None,
        "p90": float(np.quantile(values, 0.9)) if len(values) else None,
        "worst": [{"columns": list(pair), word: value} for pair, value in worst],
    }
