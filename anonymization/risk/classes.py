"""Equivalence classes over key variables: how many records look alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.errors import Unusable

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: "wildcard": a missing value may stand for any value (the claim that local suppression makes);
#: "category": a missing value is a value of its own (the stricter claim).
Missing = Literal["wildcard", "category"]


@dataclass(frozen=True, slots=True)
class Classes:
    """For each record: `fk`, how many records share its key; `Fk`, the sum of their weights."""

    fk: Ints
    Fk: Floats


def key_codes(table: pd.DataFrame, keys: Sequence[str]) -> Ints:
    """The key variables as integer codes, shape (records, keys); -1 where the value is missing.

    Raises:
        Unusable: when a key variable is not in the table.
    """
    absent = [k for k in keys if k not in table.columns]
    if absent or not keys:
        raise Unusable(
            f"Risk needs key variables that are in the table; absent: {', '.join(absent) or 'all'}. "
            "Correct the keys in the recipe."
        )
    out = np.empty((len(table), len(keys)), dtype=np.int64, order="F")
    for j, key in enumerate(keys):
        out[:, j] = pd.factorize(table[key].to_numpy(), use_na_sentinel=True)[0]
    return out


def group(codes: Ints) -> tuple[Ints, Ints]:
    """Numbers the distinct rows of `codes`: (group of each row, one row's position for each group)."""
    n, m = codes.shape
    if n == 0 or m == 0:
        return np.zeros(n, dtype=np.int64), np.arange(min(n, 1), dtype=np.int64)
    mixed = codes[:, 0] + 1
    size = int(mixed.max()) + 1
    for j in range(1, m):
        column = codes[:, j] + 1
        radix = int(column.max()) + 1
        if size * radix > 1 << 62:
            mixed = np.unique(mixed, return_inverse=True)[1].astype(np.int64)
            size = int(mixed.max()) + 1
        mixed = mixed * radix + column
        size *= radix
    if size > max(1 << 22, 4 * n):
        _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
        return inverse.astype(np.int64), first.astype(np.int64)
    seen = np.full(size, -1, dtype=np.int64)
    seen[mixed[::-1]] = np.arange(n - 1, -1, -1)
    present = np.flatnonzero(seen >= 0)
    number = np.empty(size, dtype=np.int64)
    number[present] = np.arange(len(present))
    return number[mixed], seen[present]


def patterns(codes: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Splits rows by which keys are known: (positions of the rows, positions of their known keys)."""
    known = codes >= 0
    which, first = group(known.astype(np.int64))
    for number, example in enumerate(first):
        yield np.flatnonzero(which == number), np.flatnonzero(known[example])


def matches(queries: Ints, codes: Ints, weights: Sequence[Floats]) -> list[Floats]:
    """The summed weights of the rows of `codes` that each query row is compatible with.

    Args:
        queries: shape (q, keys); -1 (missing) is compatible with everything.
        codes: shape (n, keys), in the same coding.
        weights: arrays of shape (n,); one result of shape (q,) for each.
    """
    totals = [np.zeros(len(queries)) for _ in weights]
    theirs = list(patterns(codes))
    for rows, known in patterns(queries):
        for others, other_known in theirs:
            shared = np.intersect1d(known, other_known, assume_unique=True)
            both = np.concatenate([queries[np.ix_(rows, shared)], codes[np.ix_(others, shared)]])
            number, _ = group(both)
            size = int(number.max()) + 1
            for total, weight in zip(totals, weights, strict=True):
                sums = np.bincount(number[len(rows) :], weights=weight[others], minlength=size)
                total[rows] += sums[number[: len(rows)]]
    return totals


def class_sizes(
    table: pd.DataFrame, keys: Sequence[str], *, missing: Missing, weight: str | None = None
) -> Classes:
    """Class sizes f_k and their weighted population estimates F_k.

    Args:
        table: records.
        keys: names of the key variables.
        missing: how a missing value counts; there is no default, because the two make different claims.
        weight: name of the sampling weight; without one F_k = f_k (the extract is the population).
    """
    codes = key_codes(table, keys)
    weights = np.ones(len(table)) if weight is None else table[weight].to_numpy(dtype=np.float64)
    return sizes_of_codes(codes, weights, missing=missing)


def sizes_of_codes(codes: Ints, weights: Floats, *, missing: Missing) -> Classes:
    """As `class_sizes`, on codes. Works on distinct keys and scatters back."""
    number, first = group(codes)
    count = np.bincount(number, minlength=len(first)).astype(np.float64)
    total: Floats = np.bincount(number, weights=weights, minlength=len(first)).astype(np.float64)
    if missing == "wildcard" and (codes < 0).any():
        distinct = codes[first]
        count, total = matches(distinct, distinct, [count, total])
    return Classes(np.rint(count).astype(np.int64)[number], total[number])
