"""Distinct keys with how many records hold each: all that most risk measures need, and what partitions can add up.

A partition makes `tally_table`, the partial tables are added by `merge_tallies`, and `Tally.of_table` of the sum
gives the same measures as the whole table would: no measure below needs the records themselves, except those of
households, which need each record's risk once more (`Tally.sizes` looked up by key).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anonymization.risk.classes import (
    Classes,
    Floats,
    Ints,
    Missing,
    group,
    key_codes,
    matches,
    sizes_of_distinct,
    weights_of,
)

#: The columns that a tally table has besides the keys.
COUNT, WEIGHT = "records", "weight"


@dataclass(frozen=True, slots=True)
class Tally:
    """Distinct keys.

    Args:
        codes: shape (distinct keys, key variables), -1 where missing.
        count: records that hold each, shape (distinct keys,), float64 so that sums of weights and counts mix.
        weight: their summed weight, shape (distinct keys,).
    """

    codes: Ints
    count: Floats
    weight: Floats

    @property
    def records(self) -> int:
        return int(self.count.sum())

    @classmethod
    def of_table(cls, tally: pd.DataFrame, keys: Sequence[str]) -> Tally:
        """From a tally table (see `tally_table`), in its order."""
        count = tally[COUNT].to_numpy(dtype=np.float64)
        return cls(key_codes(tally, keys), count, tally[WEIGHT].to_numpy(dtype=np.float64))

    def sizes(self, missing: Missing) -> Classes:
        """f_k and F_k of each distinct key, shape (distinct keys,)."""
        return sizes_of_distinct(self.codes, self.count, self.weight, missing=missing)

    def found_in(self, population: Tally, missing: Missing) -> Floats:
        """How many records of `population` (in the same coding) each key is compatible with."""
        if missing == "category":
            return matches(self.codes + 1, population.codes + 1, [population.count])[0]
        return matches(self.codes, population.codes, [population.count])[0]


def tally(codes: Ints, weights: Floats) -> tuple[Tally, Ints]:
    """The distinct keys of `codes`, shape (records, keys), and each record's place among them."""
    number, first = group(codes)
    count = np.bincount(number, minlength=len(first)).astype(np.float64)
    weight = np.bincount(number, weights=weights, minlength=len(first)).astype(np.float64)
    return Tally(codes[first], count, weight), number


def tally_table(table: pd.DataFrame, keys: Sequence[str], weight: str = "") -> pd.DataFrame:
    """One row for each distinct key: the keys' values, `records` and `weight` (of one partition).

    Raises:
        Unusable: as `key_codes` and `weights_of`; a key is called like one of the two counts.
    """
    found, number = tally(key_codes(table, keys), weights_of(table, weight))
    first = np.empty(len(found.codes), dtype=np.int64)
    first[number[::-1]] = np.arange(len(number) - 1, -1, -1)
    out = table[list(keys)].iloc[first].reset_index(drop=True)
    return pd.concat([out, pd.DataFrame({COUNT: found.count, WEIGHT: found.weight})], axis=1)


def merge_tallies(tallies: Iterable[pd.DataFrame], keys: Sequence[str]) -> pd.DataFrame:
    """The sum of tally tables: what `tally_table` of all their records would be, up to the order of rows."""
    whole = pd.concat(list(tallies), ignore_index=True)
    number, first = group(key_codes(whole, keys))
    out = whole[list(keys)].iloc[first].reset_index(drop=True)
    for name in (COUNT, WEIGHT):
        out[name] = np.bincount(number, weights=whole[name].to_numpy(dtype=np.float64), minlength=len(first))
    return out
