"""Equivalence classes over key variables: how many records look alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.errors import Unusable
from anonymization.files import numbers

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

    Numbers that are equal have one code (1 and 1.0); truth values are values of their own.

    Raises:
        Unusable: when a key variable is not in the table, or holds lists.
    """
    present = list(table.columns)
    absent = [k for k in keys if k not in present]
    if absent or not keys:
        raise Unusable(
            f"Risk needs key variables that are in the table; absent: {', '.join(map(str, absent)) or 'all'}. "
            "Correct the keys in the recipe."
        )
    twice = [k for k in keys if present.count(k) > 1]
    if twice:
        raise Unusable(f"More than one column is called {', '.join(map(str, twice))}. Rename them.")
    out = np.empty((len(table), len(keys)), dtype=np.int64, order="F")
    for j, key in enumerate(keys):
        out[:, j] = column_codes(table[key])
    return out


def column_codes(values: pd.Series) -> Ints:
    """One column as codes 0.. in the order of first sight, -1 where missing; shape (records,).

    Raises:
        Unusable: when the column holds lists or other things that cannot be compared.
    """
    try:
        codes = pd.factorize(values, use_na_sentinel=True)[0].astype(np.int64)
    except TypeError:
        raise Unusable(
            f"The column {values.name} holds lists or records, which cannot be a key. Split it into plain columns."
        ) from None
    if values.dtype == object and pd.api.types.infer_dtype(values, skipna=True).startswith("mixed"):
        # Python holds True and 1 for equal; a reader of the file does not.
        truth = np.fromiter((isinstance(v, bool | np.bool_) for v in values), dtype=bool, count=len(values))
        codes[truth] += int(codes.max(initial=0)) + 1
    return codes


def weights_of(table: pd.DataFrame, weight: str | None) -> Floats:
    """The sampling weights, shape (records,); ones when no weight is named. A weight of 0 stands for nobody.

    Raises:
        Unusable: when the column is absent or a weight is missing, negative or not a number.
    """
    if not weight:
        return np.ones(len(table))
    if weight not in table.columns:
        raise Unusable(f"The table has no column {weight} for the weights. Correct its name.")
    values = numbers(table[weight], weight)
    wrong = ~np.isfinite(values) | (values < 0)
    if wrong.any():
        raise Unusable(
            f"{int(wrong.sum())} rows have a weight ({weight}) that is missing, negative or infinite. "
            "Correct them, or leave those rows out."
        )
    return values


def group(codes: Ints) -> tuple[Ints, Ints]:
    """Numbers the distinct rows of `codes`: (group of each row, first row's position for each group)."""
    n, m = codes.shape
    if n == 0 or m == 0:
        return np.zeros(n, dtype=np.int64), np.arange(min(n, 1), dtype=np.int64)
    mixed = codes[:, 0] + 1
    size = int(mixed.max()) + 1
    for j in range(1, m):
        column = codes[:, j]
        radix = int(column.max()) + 2
        if size * radix > 1 << 62:
            mixed = pd.factorize(mixed)[0].astype(np.int64)
            size = int(mixed.max()) + 1
        mixed = mixed * radix
        mixed += column
        mixed += 1
        size *= radix
    if size > max(1 << 6, 2 * n):
        number, distinct = pd.factorize(mixed)
        first = np.empty(len(distinct), dtype=np.int64)
        first[number[::-1]] = np.arange(n - 1, -1, -1)
        return number.astype(np.int64, copy=False), first
    seen = np.full(size, -1, dtype=np.int64)
    seen[mixed[::-1]] = np.arange(n - 1, -1, -1)
    present = np.flatnonzero(seen >= 0)
    numbered = np.empty(size, dtype=np.int64)
    numbered[present] = np.arange(len(present))
    return numbered[mixed], seen[present]


def patterns(codes: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Splits rows by which keys are known: (positions of the rows, positions of their known keys)."""
    known = codes >= 0
    if known.all():
        yield np.arange(len(codes)), np.arange(codes.shape[1])
        return
    which, first = group(known.astype(np.int64))
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(first)))
    for number, example in enumerate(first):
        start = ends[number - 1] if number else 0
        yield order[start : ends[number]], np.flatnonzero(known[example])


def meetings(queries: Ints, codes: Ints) -> Iterator[tuple[Ints, Ints, Ints, int]]:
    """Where queries and rows may be compatible, a missing value (-1) standing for any value.

    Yields (query positions, row positions, numbers, how many numbers) such that a query and a row named together
    are compatible exactly when their numbers are equal; `numbers` holds those of the queries, then of the rows.
    Every pair of a query and a row is named together exactly once.
    """
    asking = list(patterns(queries))
    for others, other_known in patterns(codes):
        by_shared: dict[tuple[int, ...], list[Ints]] = {}
        for rows, known in asking:
            shared = np.intersect1d(known, other_known, assume_unique=True)
            by_shared.setdefault(tuple(shared.tolist()), []).append(rows)
        for shared_keys, parts in by_shared.items():
            rows = np.concatenate(parts)
            columns = list(shared_keys)
            both = np.empty((len(rows) + len(others), len(columns)), dtype=np.int64, order="F")
            for place, j in enumerate(columns):
                both[: len(rows), place] = queries[rows, j]
                both[len(rows) :, place] = codes[others, j]
            number, first = group(both)
            yield rows, others, number, max(len(first), 1)


def matches(queries: Ints, codes: Ints, weights: Sequence[Floats]) -> list[Floats]:
    """The summed weights of the rows of `codes` that each query row is compatible with.

    Args:
        queries: shape (q, keys); -1 (missing) is compatible with everything.
        codes: shape (n, keys), in the same coding.
        weights: arrays of shape (n,); one result of shape (q,) for each.
    """
    totals = [np.zeros(len(queries)) for _ in weights]
    for rows, others, number, size in meetings(queries, codes):
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
    return sizes_of_codes(key_codes(table, keys), weights_of(table, weight), missing=missing)


def sizes_of_codes(codes: Ints, weights: Floats, *, missing: Missing) -> Classes:
    """As `class_sizes`, on codes. Works on distinct keys and scatters back."""
    number, first = group(codes)
    count = np.bincount(number, minlength=len(first)).astype(np.float64)
    total: Floats = np.bincount(number, weights=weights, minlength=len(first)).astype(np.float64)
    sizes = sizes_of_distinct(codes[first], count, total, missing=missing)
    return Classes(sizes.fk[number], sizes.Fk[number])


def sizes_of_distinct(codes: Ints, count: Floats, weight: Floats, *, missing: Missing) -> Classes:
    """Class sizes of distinct keys.

    Args:
        codes: distinct rows, shape (keys found, key variables).
        count, weight: records and summed weight that hold each of them, shape (keys found,).
        missing: as in `class_sizes`.
    """
    if missing == "wildcard" and (codes < 0).any():
        count, weight = matches(codes, codes, [count, weight])
    return Classes(np.rint(count).astype(np.int64), weight)
