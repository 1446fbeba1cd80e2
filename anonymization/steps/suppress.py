"""Local suppression: blanks single cells of the keys until every record is k-anonymous, over all partitions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.errors import BrokenIntent
from anonymization.risk.classes import Ints, Missing, group, matches, sizes_of_distinct
from anonymization.schema import Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed
from anonymization.steps.gather import Entries
from anonymization.steps.key_patterns import KeyScan, Patterns, merge, scan_keys
from anonymization.steps.wrong import refuse, wrong_unit
from anonymization.suppress.cells import blanks_of
from anonymization.suppress.wildcard import Blanks, Flags

_CLAIMS = {
    "wildcard": "k-anonymous when a missing value may stand for any value (wildcard reading)",
    "category": "k-anonymous when a missing value is a value of its own (category reading)",
}


@dataclass(frozen=True, slots=True)
class Blanked:
    """What was decided: numbers of the records (households), rising, shape (b,), and their cells, shape (b, keys)."""

    numbers: Ints
    cells: Flags
    evidence: StepEvidence

    @classmethod
    def nothing(cls, keys: int) -> Blanked:
        return cls(np.zeros(0, dtype=np.int64), np.zeros((0, keys), dtype=bool), {})


@dataclass(frozen=True, slots=True)
class Suppress:
    """Blanks cells of key variables; no record is dropped.

    Args:
        keys: the key variables.
        k: the smallest class allowed, blanks and missing values read as `missing` says.
        importance: what blanking one cell of a key costs; 1 where not given. Keys on which rows are granted
            or analyses stand get a high cost, so they are blanked last.
        share: the highest share of re-identifications to expect (mean of 1/class size); where k alone leaves
            more, larger classes are formed until it holds (classes of 1/share always do).
        unit: where rows share a household, its column: classes then count households by their whole key
            profile, and a key is blanked in all of a household's rows or in none.
        strata: a column that is never blanked: records count only inside their own stratum.
        missing: "wildcard", a missing value may stand for any value; "category", it is a value of its own.
        own_blank: every record below k gets a blank of its own, although the blanks of others could make it
            formally k-anonymous while it stays whole; False for the fewest cells.
    """

    kind: ClassVar[str] = "suppress"
    keys: tuple[str, ...]
    k: int
    importance: Mapping[str, float] = field(default_factory=dict)
    share: float = 1.0
    unit: str = ""
    strata: str = ""
    missing: Missing = "wildcard"
    own_blank: bool = True

    def plan(self, schema: Schema) -> Intent:
        problems = wrong_unit(self.kind, self.unit, self.keys, schema)
        if self.k < 2:
            problems.append("suppress: k must be at least 2, or nothing is protected.")
        if not 0 < self.share <= 1:
            problems.append(
                "suppress: the share of expected re-identifications must be above 0 and at most 1."
            )
        if not self.keys:
            problems.append("suppress: name the key variables.")
        if len(set(self.keys)) < len(self.keys):
            problems.append("suppress: a key variable is named twice. Name it once.")
        if self.strata and self.strata in (*self.keys, self.unit):
            problems.append(f"suppress: {self.strata} names the strata and cannot be a key or the unit too.")
        problems += [
            f"suppress: {name} has an importance but is not one of the keys. Add it or remove it."
            for name in self.importance
            if name not in self.keys
        ]
        problems += [
            f"suppress: the importance of {name} must be a number above zero."
            for name, cost in self.importance.items()
            if not 0 < cost < math.inf
        ]
        refuse(problems)
        counted = f"households ({self.unit})" if self.unit else "rows"
        inside = f" within each {self.strata}" if self.strata else " everywhere"
        says = f"Blanks cells of {listed(self.keys)} until at least {self.k} {counted} look alike{inside}."
        also = tuple(name for name in (self.unit, self.strata) if name)
        return intent(self, schema, dict.fromkeys(self.keys, None), says, also_reads=also)

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> KeyScan:
        return scan_keys(
            table,
            self.keys,
            context,
            unit=self.unit,
            strata=self.strata,
            # As a category, what is blanked in full may need k of a pattern's records besides its k - 1 spare ones.
            below=2 * self._most() if self.missing == "category" else self._most() + 1,
            every=self.missing == "category",
        )

    def decide(self, scans: Sequence[KeyScan], context: Context) -> Blanked:  # noqa: ARG002
        return self.decide_on(merge(scans))

    def decide_on(self, patterns: Patterns) -> Blanked:
        """The decision on merged patterns (the last column being the strata, where there are any)."""
        keys = len(self.keys)
        strata = patterns.codes[:, keys] + 1 if self.strata else None
        codes = patterns.codes[:, :keys]
        costs = [float(self.importance.get(key, 1.0)) for key in self.keys]
        allowed = self.share * (1 + 1e-12)  # a sum of fifths may come out above one fifth by its last digit
        for k in self._k_upwards():
            found = blanks_of(
                codes,
                patterns.counts,
                k,
                costs,
                strata=strata,
                missing=self.missing,
                own_blank=self.own_blank,
            )
            after = _After.of(patterns, strata, found, self.missing)
            if not len(codes) or after.share <= allowed:
                break
        if len(codes) and (after.smallest < self.k or after.share > allowed):
            raise BrokenIntent(
                "suppress left smaller classes than it promised. This is a defect; nothing was released."
            )
        numbers = patterns.take(found.pattern)
        order = np.argsort(numbers, kind="stable")
        evidence: StepEvidence = {
            "k": self.k,
            "k_used": k,
            "share_allowed": self.share,
            "share": after.share,
            "counted": "households" if self.unit else "rows",
            "claim": _CLAIMS[self.missing],
            "own_blank": self.own_blank,
            "smallest_class": after.smallest,
            "below_k_missing_as_category": after.strictly_below(self.k),
            # What somebody finds who knows every true key value: stricter than k-anonymity, so measured, not
            # promised.
            "true_key_candidates_below_k": after.candidates_below(self.k),
            "untried": found.untried,
        }
        return Blanked(numbers[order], found.cells[order], evidence)

    def carry_out(
        self, table: pd.DataFrame, decision: Blanked, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        entries = Entries.of(table, self.unit, context)
        at = np.searchsorted(decision.numbers, entries.numbers)
        at[at == len(decision.numbers)] = 0
        mine = (
            decision.numbers[at] == entries.numbers
            if len(decision.numbers)
            else np.zeros(len(at), dtype=bool)
        )
        out = table.copy(deep=False)
        cells: dict[str, int] = {}
        for j, key in enumerate(self.keys):
            blank = mine.copy()
            blank[mine] = decision.cells[at[mine], j]
            gone = blank[entries.of_row] & table[key].notna().to_numpy()
            cells[key] = int(gone.sum())
            if gone.any():
                out[key] = blanked(table[key], gone)
        evidence: StepEvidence = {
            "global": decision.evidence,
            "records": len(entries.numbers),
            "records_touched": int(mine.sum()),
            "cells": cells,
            "cells_total": sum(cells.values()),
        }
        return out, evidence

    def _most(self) -> int:
        return max(self.k, math.ceil(1 / self.share))

    def _k_upwards(self) -> Iterator[int]:
        """Class sizes to try: k, then a quarter more each time, up to 1/share, which always meets the share."""
        k, most = self.k, self._most()
        while k < most:
            yield k
            k = min(most, max(k + 1, math.floor(k * 1.25)))
        yield most


@dataclass(frozen=True, slots=True)
class _After:
    """Distinct patterns before and after, and what is found on them."""

    before: Ints
    counts: Ints
    codes: Ints
    held: Ints
    fk: Ints

    @classmethod
    def of(cls, patterns: Patterns, strata: Ints | None, found: Blanks, missing: Missing) -> _After:
        before = patterns.codes.copy()
        if strata is not None:
            before[:, -1] = strata
        blank = np.zeros((len(found.pattern), before.shape[1]), dtype=bool)
        blank[:, : found.cells.shape[1]] = found.cells
        rest = patterns.counts - np.bincount(found.pattern, minlength=len(before))
        codes = np.concatenate([before[rest > 0], np.where(blank, -1, before[found.pattern])])
        held = np.concatenate([rest[rest > 0], np.ones(len(blank), dtype=np.int64)])
        return cls(before, patterns.counts, codes, held, _sizes(codes, held, missing))

    @property
    def smallest(self) -> int:
        return int(self.fk.min(initial=int(self.held.sum())))

    @property
    def share(self) -> float:
        return float((self.held / self.fk).sum() / self.held.sum()) if len(self.held) else 0.0

    def strictly_below(self, k: int) -> int:
        return int(self.held[_sizes(self.codes, self.held, "category") < k].sum())

    def candidates_below(self, k: int) -> int:
        found = matches(self.before, self.codes, [self.held.astype(np.float64)])[0]
        return int(self.counts[np.rint(found) < k].sum())


def _sizes(codes: Ints, held: Ints, missing: Missing) -> Ints:
    """Class sizes of patterns that may occur more than once."""
    number, first = group(codes)
    count = np.bincount(number, weights=held.astype(np.float64), minlength=len(first)).astype(np.float64)
    return sizes_of_distinct(codes[first], count, count, missing=missing).fk[number]


def blanked(values: pd.Series, gone: np.ndarray) -> pd.Series:
    """The column with `gone` missing; whole numbers stay whole numbers and flags stay flags."""
    if pd.api.types.is_bool_dtype(values):
        values = values.astype("boolean")
    elif pd.api.types.is_integer_dtype(values):
        values = values.astype("Int64")
    if values.dtype == object:
        return values.where(~gone, None)
    return values.mask(gone)
