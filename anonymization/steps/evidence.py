"""Evidence of one step from several partitions, put together as if there had been one.

Counts add up. What must not be added says so by what it is: a setting stands under the key "global" (and comes out
beside the others), a number of distinct values is a `Distinct`, a mean is a `Mean`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

_KEPT = 1 << 16


class Distinct(int):
    """How many distinct values there are: an int that can be united with that of another part of the same column.

    Exact up to 65,535 values; beyond that an estimate from the smallest hashes (k minimum values: Bar-Yossef et al.
    2002), its standard error 0.4 %, given to three digits. Memory does not grow with the rows.
    """

    hashes: npt.NDArray[np.uint64]

    def __new__(cls, hashes: npt.NDArray[np.uint64]) -> Self:
        kept = np.unique(hashes)[:_KEPT]
        count = len(kept)
        if count == _KEPT:
            estimate = (count - 1) / ((float(kept[-1]) + 1.0) / 2.0**64)
            count = int(float(f"{estimate:.3g}"))
        self = super().__new__(cls, count)
        self.hashes = kept
        return self

    @classmethod
    def of(cls, values: pd.Series) -> Self:
        """Of the values that are not missing."""
        known = values.dropna()
        if known.dtype != object:
            return cls(pd.util.hash_array(known.to_numpy(), categorize=False).astype(np.uint64))
        return cls(pd.util.hash_array(pd.unique(known.to_numpy()), categorize=False))

    @classmethod
    def union(cls, parts: Sequence[Distinct]) -> Self:
        return cls(np.concatenate([p.hashes for p in parts]))

    def __reduce__(self) -> tuple[type[Distinct], tuple[npt.NDArray[np.uint64]]]:
        return type(self), (self.hashes,)


class Mean(float):
    """A mean that knows of how many it is, so that parts are weighted."""

    weight: float

    def __new__(cls, value: float, weight: float) -> Self:
        self = super().__new__(cls, value)
        self.weight = float(weight)
        return self

    def __reduce__(self) -> tuple[type[Mean], tuple[float, float]]:
        return type(self), (float(self), self.weight)


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One evidence of what the partitions said, in plain JSON types; settings under "global" beside the rest.

    Distinct values are united as the parts come, so that memory does not grow with their number.
    """
    united: dict[tuple[str, ...], Distinct] = {}
    out = _merged([_without_distinct(part, (), united) for part in parts])
    for path, distinct in united.items():
        inner = out
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = int(distinct)
    return out


def _without_distinct(
    part: Mapping[str, Any], path: tuple[str, ...], united: dict[tuple[str, ...], Distinct]
) -> dict[str, Any]:
    """The part without its `Distinct` values, which join those of earlier parts."""
    out: dict[str, Any] = {}
    for key, value in part.items():
        here = (*path, key)
        if isinstance(value, Distinct):
            united[here] = Distinct.union([united[here], value]) if here in united else value
        else:
            out[key] = _without_distinct(value, here, united) if isinstance(value, Mapping) else value
    return out


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key in dict.fromkeys(k for part in parts for k in part):
        values = [part[key] for part in parts if key in part]
        if key == "global":
            out.update(_plain(values[0]))
        else:
            out[key] = _together(values)
    return out


def _together(values: list[Any]) -> Any:
    first = values[0]
    if all(isinstance(v, Mean) for v in values):
        weight = math.fsum(v.weight for v in values)
        total = math.fsum(float(v) * v.weight for v in values)
        return float(f"{total / weight:.9g}") if weight else 0.0
    if all(isinstance(v, Mapping) for v in values):
        return _merged(values)
    if all(isinstance(v, int | np.integer) and not isinstance(v, bool) for v in values):
        return int(sum(int(v) for v in values))
    if all(v == first for v in values):
        return _plain(first)
    if all(isinstance(v, int | float | np.number) for v in values):
        return {"lowest": float(min(values)), "highest": float(max(values))}
    flat = [x for v in values for x in (v if isinstance(v, list | tuple) else [v])]
    return [_plain(x) for x in dict.fromkeys(flat)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    return float(value) if isinstance(value, float | np.floating) else value
