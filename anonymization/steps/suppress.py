"""Local suppression: blanks single cells of the keys until every record is k-anonymous."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.errors import BrokenIntent, RecipeProblem
from anonymization.risk.classes import Ints, key_codes, matches, sizes_of_codes
from anonymization.risk.suppression import suppressed_cells
from anonymization.risk.units import profile_codes
from anonymization.schema import Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed


@dataclass(frozen=True, slots=True)
class Suppress:
    """Blanks cells of key variables.

    Args:
        keys: the key variables.
        k: the smallest class allowed, a missing value standing for any value.
        importance: what blanking one cell of a key costs; 1 where not given. Keys on which rows are granted
            or analyses stand get a high cost, so they are blanked last.
        share: the highest share of re-identifications to expect (mean of 1/class size); where k alone leaves
            more, larger classes are formed until it holds (classes of 1/share always do).
        unit: where rows share a household, its column: classes then count households by their whole key
            profile, and a key is blanked in all of a household's rows or in none.
    """

    kind: ClassVar[str] = "suppress"
    looks_at_all_rows: ClassVar[bool] = True
    keys: tuple[str, ...]
    k: int
    importance: Mapping[str, float] = field(default_factory=dict)
    share: float = 1.0
    unit: str = ""

    def plan(self, schema: Schema) -> Intent:
        problems = []
        if self.k < 2:
            problems.append("suppress: k must be at least 2, or nothing is protected.")
        if not 0 < self.share <= 1:
            problems.append(
                "suppress: the share of expected re-identifications must be above 0 and at most 1."
            )
        if not self.keys:
            problems.append("suppress: name the key variables.")
        problems += [
            f"suppress: {name} has an importance but is not one of the keys. Add it or remove it."
            for name in self.importance
            if name not in self.keys
        ]
        problems += [
            f"suppress: the importance of {name} must be above zero."
            for name, cost in self.importance.items()
            if cost <= 0
        ]
        if problems:
            raise RecipeProblem(problems)
        counted = f"households ({self.unit})" if self.unit else "rows"
        says = f"Blanks cells of {listed(self.keys)} until at least {self.k} {counted} look alike everywhere."
        also = (self.unit,) if self.unit else ()
        return intent(self, schema, dict.fromkeys(self.keys, None), says, also_reads=also)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:  # noqa: ARG002
        if self.unit:
            codes, unit = profile_codes(table, self.keys, self.unit)
        else:
            codes, unit = key_codes(table, self.keys), np.arange(len(table))
        costs = [float(self.importance.get(key, 1.0)) for key in self.keys]
        blank, k = self._cells(codes, costs)
        after = np.where(blank, -1, codes)
        ones = np.ones(len(after))
        fk = sizes_of_codes(after, ones, missing="wildcard").fk
        smallest = int(fk.min(initial=len(after)))
        if len(after) and (smallest < self.k or (1 / fk).mean() > self.share):
            raise BrokenIntent(
                "suppress left smaller classes than it promised. This is a defect; nothing was released."
            )
        candidates = matches(codes, after, [ones])[0]
        out = table.copy(deep=False)
        cells: dict[str, int] = {}
        for j, key in enumerate(self.keys):
            gone = blank[unit, j] & table[key].notna().to_numpy()
            cells[key] = int(gone.sum())
            if gone.any():
                out[key] = _blanked(table[key], gone)
        evidence: StepEvidence = {
            "k": self.k,
            "k_used": k,
            "share_allowed": self.share,
            "share": float((1 / fk).mean()) if len(after) else 0.0,
            "counted": "households" if self.unit else "rows",
            "claim": "k-anonymous when a missing value may stand for any value (wildcard reading)",
            "records": len(after),
            "records_touched": int(blank.any(axis=1).sum()),
            "cells": cells,
            "cells_total": sum(cells.values()),
            "smallest_class": smallest,
            "below_k_missing_as_category": int(
                (sizes_of_codes(after, ones, missing="category").fk < self.k).sum()
            ),
            # What somebody finds who knows every true key value: stricter than k-anonymity, so measured, not
            # promised.
            "true_key_candidates_below_k": int((candidates < self.k).sum()),
        }
        return out, evidence

    def _cells(self, codes: Ints, costs: list[float]) -> tuple[npt.NDArray[np.bool_], int]:
        """The cells to blank, and the smallest class size tried that also meets the share."""
        ones = np.ones(len(codes))
        for k in _k_upwards(self.k, self.share):
            blank = suppressed_cells(codes, k, costs)
            fk = sizes_of_codes(np.where(blank, -1, codes), ones, missing="wildcard").fk
            if len(codes) == 0 or (1 / fk).mean() <= self.share:
                return blank, k
        return blank, k


def _k_upwards(k: int, share: float) -> Iterator[int]:
    """Class sizes to try: k, then a quarter more each time, up to 1/share, which always meets the share."""
    most = max(k, math.ceil(1 / share))
    while k < most:
        yield k
        k = min(most, max(k + 1, math.floor(k * 1.25)))
    yield most


def _blanked(values: pd.Series, gone: np.ndarray) -> pd.Series:
    """The column with `gone` missing; whole numbers stay whole numbers and flags stay flags."""
    if pd.api.types.is_bool_dtype(values):
        values = values.astype("boolean")
    elif pd.api.types.is_integer_dtype(values):
        values = values.astype("Int64")
    if values.dtype == object:
        return values.where(~gone, None)
    return values.mask(gone)
