"""Blanking what describes too few households, and whatever would give it away in the same row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True, slots=True)
class Counted:
    """Which households stand behind which numbers of a table.

    Args:
        counts: columns of distinct households.
        behind: number column to the count that it was computed from; a column that is absent rests on all
            counts.
        parts: count column to the count column that it is a part of (the poor who were missed, among the
            poor).
    """

    counts: Sequence[str]
    behind: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)

    def small(self, table: pd.DataFrame, threshold: int) -> pd.DataFrame:
        """Which counts may not be shown: below the threshold or unknown, or leaving a rest below it.

        Returns:
            one column of booleans for each count, rows as in `table`.
        """
        hidden = pd.DataFrame({c: table[c].isna() | (table[c] < threshold) for c in self.counts})
        for part, whole in self.parts.items():
            hidden[part] |= (table[whole] - table[part]) < threshold
        return hidden

    def rests_on(self, column: str) -> set[str]:
        """The counts that a number tells of: the one behind it and every part of that one."""
        if column not in self.behind:
            return set(self.counts)
        told, size = {self.behind[column]}, 0
        while size < len(told):
            size = len(told)
            told |= {part for part, whole in self.parts.items() if whole in told}
        return told

    def blank(self, table: pd.DataFrame, numbers: Sequence[str], threshold: int) -> pd.DataFrame:
        """The table with small counts, and the numbers that rest on them, left empty."""
        hidden = self.small(table, threshold)
        shown = table.copy()
        for count in self.counts:
            shown[count] = table[count].astype("Int64").mask(hidden[count])
        for number in numbers:
            over = hidden[sorted(self.rests_on(number))].any(axis=1)
            shown[number] = table[number].astype("Float64").mask(over)
        return shown
