"""Distinct key patterns of partitions, merged so that no partitioning changes what is decided on them.

Patterns are put in the order of the smallest number (of a row, or of a household) that shows them, and values are
coded in the order in which that first meets them: one partition or many give the same codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonymization.errors import BrokenIntent, Unusable
from anonymization.risk.classes import Ints, column_codes, group
from anonymization.risk.units import profile_codes
from anonymization.steps.base import Context
from anonymization.steps.gather import Entries


@dataclass(frozen=True, slots=True)
class KeyScan:
    """Of one partition; memory grows with its distinct patterns, and 16 bytes for each record of a rare one.

    Args:
        stands_for: for each column, what its codes stand for; a set of values where a household shows several.
        codes: distinct patterns, shape (p, columns), -1 where missing.
        counts, lowest: records (households) of each pattern and the smallest of their numbers, shape (p,).
        member_of, members: pattern and number of the records that may have to be blanked.
    """

    stands_for: tuple[list[object], ...]
    codes: Ints
    counts: Ints
    lowest: Ints
    member_of: Ints
    members: Ints


@dataclass(frozen=True, slots=True)
class Patterns:
    """Of all partitions together; as `KeyScan`, members in the order of their pattern and number.

    `stands_for` holds what `same` makes of the values: sets of them where a household shows several.
    """

    codes: Ints
    counts: Ints
    lowest: Ints
    member_of: Ints
    members: Ints
    stands_for: tuple[list[object], ...]

    def joined(self, codes: Ints) -> Patterns:
        """With other codes for the patterns, shape (p, any): those that are now equal become one."""
        number, first = group(codes)
        counts = np.bincount(number, weights=self.counts, minlength=len(first))
        lowest = np.full(len(first), np.iinfo(np.int64).max)
        np.minimum.at(lowest, number, self.lowest)
        member_of = number[self.member_of]
        order = np.lexsort((self.members, member_of))
        return Patterns(
            np.asfortranarray(codes[first]),
            np.rint(counts).astype(np.int64),
            lowest,
            member_of[order],
            self.members[order],
            (),
        )

    def take(self, pattern: Ints) -> Ints:
        """The number of a record for each entry of `pattern` (rising): of each pattern the smallest first.

        Raises:
            BrokenIntent: fewer records of a pattern are listed than are wanted.
        """
        rank = np.arange(len(pattern)) - np.searchsorted(pattern, pattern, side="left")
        at = np.searchsorted(self.member_of, pattern, side="left") + rank
        if len(at) and (at.max() >= len(self.members) or (self.member_of[at] != pattern).any()):
            raise BrokenIntent(
                "Too few records of a class are listed. This is a defect; nothing was released."
            )
        return self.members[at]


def scan_keys(
    table: pd.DataFrame,
    keys: Sequence[str],
    context: Context,
    *,
    unit: str = "",
    strata: str = "",
    below: int,
    every: bool = False,
) -> KeyScan:
    """One partition.

    Args:
        table: rows; keys: the key variables; context: for the households' numbers.
        unit: the households' column: patterns are then those of whole households (`risk.units.profile_codes`).
        strata: a further column, whose missing values are a stratum of their own.
        below: records are listed of patterns that fewer than this many show here.
        every: list that many records of the other patterns as well.

    Raises:
        Unusable: a column is absent or holds lists, or a row has no household.
    """
    columns = [*keys, strata] if strata else list(keys)
    absent = [c for c in columns if c not in table.columns]
    if absent:
        raise Unusable(f"The table has no column {', '.join(absent)}. Correct the name.")
    entries = Entries.of(table, unit, context)
    if unit:
        codes, values = _profiles(table, columns, unit)
    else:
        pairs = [_coded(table[c]) for c in columns]
        codes = np.empty((len(table), len(columns)), dtype=np.int64, order="F")
        for j, (column, _) in enumerate(pairs):
            codes[:, j] = column
        values = tuple(v for _, v in pairs)
    number, first = group(codes)
    counts = np.bincount(number, minlength=len(first)).astype(np.int64)
    order = np.lexsort((entries.numbers, number))
    starts = np.cumsum(counts) - counts
    lowest = entries.numbers[order[starts]] if len(counts) else np.zeros(0, dtype=np.int64)
    held = number[order]
    listed = np.arange(len(order)) - starts[held] < below if every else (counts < below)[held]
    return KeyScan(values, codes[first], counts, lowest, held[listed], entries.numbers[order[listed]])


def merge(scans: Sequence[KeyScan]) -> Patterns:
    """All partitions as one; the same whatever the partitions were.

    Raises:
        Unusable: when a row or household came in two partitions.
    """
    width = scans[0].codes.shape[1] if scans else 0
    parts = []
    codebooks: list[dict[object, int]] = [{} for _ in range(width)]
    for scan in scans:
        here = np.empty_like(scan.codes)
        for j, book in enumerate(codebooks):
            to = np.array(
                [book.setdefault(same(v), len(book)) for v in scan.stands_for[j]] + [-1], dtype=np.int64
            )
            here[:, j] = to[scan.codes[:, j]]
        parts.append(here)
    codes = np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.int64)
    number, first = group(codes)
    counts = np.zeros(len(first), dtype=np.int64)
    lowest = np.full(len(first), np.iinfo(np.int64).max)
    if len(codes):
        np.add.at(counts, number, np.concatenate([s.counts for s in scans]))
        np.minimum.at(lowest, number, np.concatenate([s.lowest for s in scans]))
    order = np.argsort(lowest, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    ends = np.cumsum([len(s.counts) for s in scans])
    found = [place[number[end - len(s.counts) + s.member_of]] for s, end in zip(scans, ends, strict=True)]
    member_of = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
    members = np.concatenate([s.members for s in scans]) if scans else member_of
    sort = np.lexsort((members, member_of))
    members, member_of = members[sort], member_of[sort]
    if (np.diff(np.sort(lowest)) == 0).any() or (np.diff(np.sort(members)) == 0).any():
        raise Unusable(
            "A row or household came in two partitions, so it cannot be treated as one. "
            "Split the extract so that a household's rows stay together."
        )
    out = np.asfortranarray(codes[first][order])
    stands_for = []
    for j, book in enumerate(codebooks):
        values = list(book)
        out[:, j], met = pd.factorize(np.where(out[:, j] < 0, np.nan, out[:, j]))
        stands_for.append([values[int(code)] for code in met])
    return Patterns(out, counts[order], lowest[order], member_of, members, tuple(stands_for))


def _coded(values: pd.Series) -> tuple[Ints, list[object]]:
    """Codes of one column (-1 missing) and the value of each."""
    codes = column_codes(values)
    distinct, at = np.unique(codes, return_index=True)
    known = distinct >= 0
    shown = values.iloc[at[known]].tolist()
    to = np.full(int(codes.max(initial=-1)) + 2, -1, dtype=np.int64)
    to[distinct[known]] = np.arange(int(known.sum()))
    return to[codes], shown


def _profiles(
    table: pd.DataFrame, columns: Sequence[str], unit: str
) -> tuple[Ints, tuple[list[object], ...]]:
    """Codes of whole households, and the value or the set of values that each stands for."""
    codes, of_row = profile_codes(table, columns, unit)
    order = np.argsort(of_row, kind="stable")
    ends = np.cumsum(np.bincount(of_row, minlength=len(codes)))
    out = np.full_like(codes, -1)
    every: list[list[object]] = []
    for j, name in enumerate(columns):
        column = table[name]
        own, shown = _coded(column)
        distinct, example = np.unique(codes[:, j], return_index=True)
        values: list[object] = []
        to = np.full(int(codes[:, j].max(initial=-1)) + 2, -1, dtype=np.int64)
        for code, household in zip(distinct.tolist(), example.tolist(), strict=True):
            if code < 0:
                continue
            rows = order[ends[household - 1] if household else 0 : ends[household]]
            held = sorted({int(c) for c in own[rows] if c >= 0})
            to[code] = len(values)
            values.append(shown[held[0]] if len(held) == 1 else frozenset(same(shown[c]) for c in held))
        out[:, j] = to[codes[:, j]]
        every.append(values)
    return out, tuple(every)


def plain_of(value: object) -> object:
    """The value that `same` was given."""
    return value[1] if isinstance(value, tuple) and value[:1] == ("truth",) else value


def same(value: object) -> object:
    """Equal for values that are one value: 1 and 1.0 are, True and 1 are not."""
    return ("truth", bool(value)) if isinstance(value, bool | np.bool_) else value
