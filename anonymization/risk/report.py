"""One risk report: the same measurements before and after, as a plain dict without data values."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from anonymization.risk.classes import Missing, key_codes, sizes_of_codes
from anonymization.risk.diversity import distinct_diversity
from anonymization.risk.individual import household_risk, individual_risk
from anonymization.risk.units import profile_codes, unit_numbers


@dataclass(frozen=True, slots=True)
class RiskSettings:
    """What to measure.

    Args:
        keys: the key variables.
        k: the class size that is required.
        weight: sampling weight; "" where the extract is the population.
        household: column that names the household, "" where unknown.
        per_household: count households with their whole key profile instead of rows (tables with several rows
            each).
        sensitive: variables whose l-diversity is measured.
        missing: how a missing key counts.
    """

    keys: tuple[str, ...]
    k: int
    weight: str = ""
    household: str = ""
    per_household: bool = False
    sensitive: tuple[str, ...] = ()
    missing: Missing = "wildcard"


def risk_report(table: pd.DataFrame, settings: RiskSettings) -> dict[str, object]:
    """Counts and probabilities of `table`; probabilities in [0, 1], expectations in records."""
    keys = [k for k in settings.keys if k in table.columns]
    if settings.per_household and settings.household:
        codes, _ = profile_codes(table, keys, settings.household)
        weights = np.ones(len(codes))
        households = np.arange(len(codes))
    else:
        codes = key_codes(table, keys)
        weights = (
            table[settings.weight].to_numpy(dtype=np.float64) if settings.weight else np.ones(len(table))
        )
        households = unit_numbers(table, settings.household) if settings.household else np.arange(len(table))
    classes = sizes_of_codes(codes, weights, missing=settings.missing)
    strict = sizes_of_codes(codes, weights, missing="category")
    risk = individual_risk(classes)
    together = household_risk(risk, households)
    n = len(codes)
    return {
        "settings": asdict(settings) | {"keys": keys},
        "counted": "households" if settings.per_household else "rows",
        "records": n,
        "smallest_class": int(classes.fk.min(initial=0 if n == 0 else n)),
        "below_k": int((classes.fk < settings.k).sum()),
        "below_k_missing_as_category": int((strict.fk < settings.k).sum()),
        "sample_uniques": int((classes.fk == 1).sum()),
        "violations": {str(k): int((classes.fk < k).sum()) for k in (2, 3, 5, 10)},
        "highest_individual_risk": float(risk.max(initial=0.0)),
        "global_risk": float(risk.mean()) if n else 0.0,
        "expected_reidentifications": float(risk.sum()),
        "household_global_risk": float(together.mean()) if n else 0.0,
        "household_expected_reidentifications": float(together.sum()),
        "missing_cells": {key: int((codes[:, j] < 0).sum()) for j, key in enumerate(keys)},
        "diversity": {
            name: _diversity(table, keys, name, settings) for name in settings.sensitive if name in table
        },
    }


def _diversity(table: pd.DataFrame, keys: list[str], name: str, settings: RiskSettings) -> dict[str, float]:
    values = distinct_diversity(table, keys, name, missing=settings.missing)
    return {
        "lowest": float(values.min(initial=0)),
        "mean": float(values.mean()),
        "one_value": int((values <= 1).sum()),
    }
