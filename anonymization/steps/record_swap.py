"""Targeted record swapping: households that stand out change places with a household alike elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from anonymization.draws import uniforms
from anonymization.perturb.swap import record_swap
from anonymization.schema import Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent, listed
from anonymization.steps.calibrate import Cell, cells_of
from anonymization.steps.gather import Entries, Floats, Gathered, Ints, Part, one_code_each
from anonymization.steps.wrong import by_unit, refuse, wrong_columns, wrong_unit


@dataclass(frozen=True, slots=True)
class Profiles:
    """One partition's entries: their place, profile and keys as codes (shape (n, 3)), and what each code means."""

    codes: Part
    meanings: tuple[list[Cell], list[Cell], list[Cell]]


@dataclass(frozen=True, slots=True)
class Moves:
    """The new place of each partition's entries as a code, the places by code, and the evidence."""

    parts: tuple[Floats, ...]
    places: list[Cell]
    evidence: StepEvidence


@dataclass(frozen=True, slots=True)
class RecordSwap:
    """Exchanges the places of risky households for those of households alike in other places.

    Counts of every profile in every place stay as they were, and so do all tables without the place; tables of the
    place by anything else are noised. Memory: 32 bytes x households (or rows), and each distinct place, profile and
    key once.

    Args:
        places: the columns that are exchanged, together (an area and what encodes it).
        alike: the columns that partners share exactly (household size, say).
        keys: what an intruder knows besides the place. A household with fewer than `k` like it in its place is swapped.
        k: see `keys`, at least 2.
        share: share of the others that is swapped as well, in [0, 1): without it, who is unique was surely moved.
        unit: where rows share a household, its column: a household moves with all its rows.
    """

    kind: ClassVar[str] = "record_swap"
    places: tuple[str, ...]
    alike: tuple[str, ...]
    keys: tuple[str, ...]
    k: int
    share: float = 0.0
    unit: str = ""

    def plan(self, schema: Schema) -> Intent:
        every = (*self.places, *self.alike, *self.keys)
        problems = wrong_columns(self.kind, every, schema, numbers=False)
        problems += wrong_unit(self.kind, self.unit, every, schema)
        if not (self.places and self.alike and self.keys):
            problems.append("record_swap: name places, alike and keys, at least one column each.")
        if self.k < 2:
            problems.append("record_swap: k must be at least 2, or nobody stands out.")
        if not 0 <= self.share < 1:
            problems.append("record_swap: the share must be at least 0 and below 1.")
        refuse(problems)
        says = (
            f"Exchanges {listed(self.places)} between records alike in {listed(self.alike)}: of all that fewer than "
            f"{self.k} others equal in {listed(self.keys)}, and of {self.share:.0%} of the rest{by_unit(self.unit)}."
        )
        also = (*self.alike, *self.keys, *((self.unit,) if self.unit else ()))
        return intent(self, schema, dict.fromkeys(self.places, None), says, also_reads=also)

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]:
        return [
            f"record_swap: {n} has protected cut-offs, and swapping moves values across them."
            for n in protected
        ]

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> Profiles:
        entries = Entries.of(table, self.unit, context)
        one = pd.DataFrame(
            {n: one_code_each(table, n, entries, self.unit) for n in (*self.places, *self.alike, *self.keys)}
        )
        found = [cells_of(one, [names]) for names in (self.places, self.alike, self.keys)]
        data = np.column_stack([codes for codes, _ in found]).astype(np.float64)
        return Profiles(Part(entries.numbers, data), (found[0][1], found[1][1], found[2][1]))

    def decide(self, scans: Sequence[Profiles], context: Context) -> Moves:
        place_of: list[dict[Cell, int]] = [{}, {}, {}]
        parts = []
        for scan in scans:
            data = np.empty_like(scan.codes.data)
            for j, meanings in enumerate(scan.meanings):
                to = np.array(
                    [place_of[j].setdefault(m, len(place_of[j])) for m in meanings], dtype=np.float64
                )
                data[:, j] = to[scan.codes.data[:, j].astype(np.int64)]
            parts.append(Part(scan.codes.numbers, data))
        every = Gathered.of(parts)
        # Numbered by first appearance in the order of the entries, so that no partitioning shows.
        place, alike, key = (pd.factorize(every.data[:, j])[0].astype(np.int64) for j in range(3))
        counts = _same(place, key)
        draws = [uniforms(context.keys, context.scope, self.kind, every.numbers, stream) for stream in (0, 1)]
        risky = counts < self.k
        targets = risky | (draws[1] < self.share)
        partner = record_swap(place, alike, targets, draws[0])
        moved = partner != np.arange(len(partner))
        evidence: StepEvidence = {
            "counted": "households" if self.unit else "records",
            "targets": int(targets.sum()),
            "stood_out": int(risky.sum()),
            "moved": int(moved.sum()),
            "stood_out_and_found_no_partner": int((risky & ~moved).sum()),
        }
        return Moves(every.split(every.data[partner, 0]), list(place_of[0]), evidence)

    def carry_out(
        self, table: pd.DataFrame, decision: Moves, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        entries = Entries.of(table, self.unit, context)
        codes = decision.parts[context.part].astype(np.int64)[entries.of_row]
        out = table.copy(deep=False)
        for j, name in enumerate(self.places):
            values = np.empty(len(table), dtype=object)
            values[:] = [decision.places[code][0][j] for code in codes]
            out[name] = pd.Series(values, index=table.index, dtype=object).astype(table[name].dtype)
        return out, {"global": decision.evidence}


def _same(place: Ints, key: Ints) -> Ints:
    """How many entries share each entry's place and key."""
    pairs = np.column_stack([place, key])
    if not len(pairs):
        return np.zeros(0, dtype=np.int64)
    _, label, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return counts[label.reshape(-1)].astype(np.int64)
