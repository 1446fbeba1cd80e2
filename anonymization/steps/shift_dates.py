"""Shifts dates by a secret number of days, the same for all dates of a household, so that intervals stay exact.

What it is for: dates that are a household's own (an interview, a birth of a child, an illness), where the distance
between two of them is what an analysis needs. What it is not for: a programme's calendar. Against twelve public
payment dates a shift by whole weeks was recovered for 2,000 of 2,000 households (the weekday tells the rest), and a
shift by days does not fare better when all dates of a household come from one public list: the pattern is slid along
the list until it fits. So whole weeks are refused, and so is a column whose dates many households share; give
those as a period (generalise) or as the number of the payment cycle. A birth date becomes an age band, not a shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.draws import uniforms, unit_numbers_of
from anonymization.errors import RecipeProblem, Unusable
from anonymization.risk.units import unit_numbers
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, intent, listed

_CLAIM = (
    "Intervals between the dates of one household are exact, dates of different households are not comparable to the "
    "day. Whoever knows one true date of a household knows the others."
)


@dataclass(frozen=True, slots=True)
class ShiftDates:
    """Shifts dates.

    Args:
        columns: date columns of one household's own events; one shift for all of them.
        unit: the household's column, as it stands at this point of the recipe.
        max_days: shifts are uniform over 1 to this many days, back or forth.
        whole_weeks: refused; it is here so that the refusal can say why.
        shared_by: the highest share of households that may carry one and the same date; above it the column is a
            public calendar and is refused.
    """

    kind: ClassVar[str] = "shift_dates"
    columns: tuple[str, ...]
    unit: str
    max_days: int
    whole_weeks: bool = False
    shared_by: float = 0.1

    def plan(self, schema: Schema) -> Intent:
        problems = []
        if not self.columns:
            problems.append("shift_dates: name the date columns.")
        if self.max_days < 8:
            problems.append(
                "shift_dates: max_days must be at least 8, or a date hardly moves. Common practice is 183 or 365."
            )
        if self.whole_weeks:
            problems.append(
                "shift_dates: whole weeks keep the weekday, and with it the shift of every household was recovered "
                "from public payment dates. Leave whole_weeks out."
            )
        if not 0 < self.shared_by <= 1:
            problems.append("shift_dates: shared_by is a share of households, above 0 and at most 1.")
        problems += [
            f"shift_dates: {name} does not hold dates. Correct the name or the dictionary."
            for name in self.columns
            if schema.must(name, self.kind).type not in (FieldType.DATE, FieldType.STRING)
        ]
        if self.unit in self.columns:
            problems.append("shift_dates: the household's column cannot be one of the dates.")
        if problems:
            raise RecipeProblem(problems)
        says = f"Shifts {listed(self.columns)} by up to {self.max_days} days, one shift for each {self.unit}."
        return intent(self, schema, dict.fromkeys(self.columns, None), says, also_reads=(self.unit,))

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        units = unit_numbers(table, self.unit)
        days = self._days(table, context)
        out = table.copy(deep=False)
        evidence: StepEvidence = {
            "global": {
                "method": "uniform over the days but 0, keyed by the household (AES-128 under HKDF-SHA-256)",
                "max_days": self.max_days,
                "unit": self.unit,
                "key_version": context.keys.version,
                "claim": _CLAIM,
            },
            "units": int(units.max(initial=-1)) + 1,
        }
        for name in self.columns:
            read = pd.to_datetime(table[name].reset_index(drop=True), errors="coerce", format="ISO8601")
            share = _most_shared(read, units)
            if share > self.shared_by:
                raise Unusable(
                    f"The column {name} holds dates that {share:.0%} of the households share: a public calendar, from "
                    "which any shift is recovered. Generalise it to a period, or give the number of the cycle."
                )
            shifted = read + pd.to_timedelta(days, unit="D")
            out[name] = _as_before(table[name], shifted)
            evidence[name] = {
                "shifted": int(shifted.notna().sum()),
                "unreadable": int((read.isna() & table[name].notna().to_numpy()).sum()),
                "most_shared_date": round(share, 4),
            }
        return out, evidence

    def _days(self, table: pd.DataFrame, context: Context) -> npt.NDArray[np.int64]:
        """Shape (n,): each row's shift, -max_days to -1 or 1 to max_days. No date stays where it was."""
        numbers = unit_numbers_of(context.keys, context.scope, table[self.unit])
        u = uniforms(context.keys, context.scope, self.kind, numbers)
        steps = np.floor(u * 2 * self.max_days).astype(np.int64) - self.max_days
        return np.where(steps >= 0, steps + 1, steps)


def _most_shared(dates: pd.Series, units: npt.NDArray[np.int64]) -> float:
    """The share of households that carry the commonest date; 0 where fewer than 5 do."""
    pairs = pd.DataFrame({"date": dates, "unit": units}).dropna().drop_duplicates()
    most = int(pairs["date"].value_counts().max()) if len(pairs) else 0
    return most / pairs["unit"].nunique() if most >= 5 else 0.0


def _as_before(before: pd.Series, after: pd.Series) -> npt.NDArray[np.generic]:
    """The shifted dates in the form in which they came: timestamps, dates or ISO text; unreadable is missing."""
    if pd.api.types.is_datetime64_any_dtype(before):
        return np.asarray(after.to_numpy())
    some = before.dropna()
    if len(some) and isinstance(some.iloc[0], date):
        return np.array([None if d is pd.NaT else d.date() for d in after], dtype=object)
    text = after.dt.strftime("%Y-%m-%d")
    return np.asarray(text.where(after.notna(), None), dtype=object)
