"""What protection cost: one dictionary of aggregates, the same for microdata and synthetic data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from anonymization.errors import Unusable

from .correlations import correlation_change
from .cutoff import CutoffQuestion, compare_cutoff
from .loss import information_loss
from .marginals import one_way, two_way
from .propensity import propensity
from .targeting import TargetingQuestion, compare_targeting
from .welfare import compare_welfare

SCHEMA = "utility/2"


def utility_report(
    original: pd.DataFrame,
    protected: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    question: TargetingQuestion | None = None,
    cutoff: CutoffQuestion | None = None,
    aligned: bool = False,
) -> dict[str, Any]:
    """Information loss from `original` to `protected`. Holds shares and distances, no value of anybody.

    Args:
        original: before; any number of rows.
        protected: after; rows need not be the same ones.
        columns: what to compare; by default the columns on both sides. Leave row keys out.
        question: also compute targeting accuracy, poverty, inequality and concentration on both sides.
        cutoff: also estimate the effect at an eligibility cut-off on both sides.
        aligned: row i of both tables is one record, so that the movement of values can be measured too.
    """
    if aligned and len(original) != len(protected):
        raise Unusable(
            "The two tables have different numbers of rows, so row by row they cannot be one record each."
        )
    asked = list(columns) if columns is not None else [str(c) for c in original.columns]
    shared = [c for c in asked if c in original.columns and c in protected.columns]
    marginals = one_way(original, protected, shared)
    distances = [m["distance"] for m in marginals.values() if isinstance(m["distance"], float)]
    missing = [_missing(df, shared) for df in (original, protected)]
    return {
        "schema": SCHEMA,
        "rows": {"original": len(original), "protected": len(protected)},
        "columns": {
            "compared": [c for c in shared if marginals[c]["distance"] is not None],
            "not_comparable": {c: marginals[c]["why"] for c in shared if marginals[c]["distance"] is None},
            "gone": [c for c in asked if c in original.columns and c not in protected.columns],
        },
        "missing": {"before": missing[0], "after": missing[1], "added": missing[1] - missing[0]},
        "marginals": {
            "mean_distance": float(np.mean(distances)) if distances else None,
            "columns": marginals,
            "pairs": two_way(original, protected, shared),
        },
        "correlations": correlation_change(original, protected, shared),
        "information_loss": information_loss(original, protected, shared, aligned=aligned),
        "propensity": propensity(original, protected, shared),
        "targeting": compare_targeting(original, protected, question) if question else {},
        "welfare": compare_welfare(original, protected, question) if question else {},
        "discontinuity": compare_cutoff(original, protected, cutoff) if cutoff else {},
    }


def _missing(df: pd.DataFrame, columns: Sequence[str]) -> float:
    """Share of cells that are missing."""
    return float(df[list(columns)].isna().to_numpy().mean()) if len(df) and columns else 0.0
