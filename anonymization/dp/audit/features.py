"""What an answer shows, as numbers that an event can be stated about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .bounds import Floats

#: So many different texts of one column are told apart; the rest are one.
_TEXTS = 12

#: What the noise was added to, where an answer shows it beside what was made from it.
_RAW = ("value_raw", "n", "total")

#: Below any number that an answer holds: where a number is missing.
_ABSENT = -1e300


@dataclass(frozen=True, slots=True)
class Features:
    """Numbers of an answer, fitted on the choosing halves.

    Each number as it is; the position of its lowest bit that is set, where noise drawn in floating point gives
    the exact value away (Mironov 2012); whether it is there at all; each text; and two numbers of all cells together,
    the sums of the log likelihood ratios that Laplace and Gaussian noise would have.
    """

    one: pd.DataFrame
    other: pd.DataFrame
    texts: dict[str, tuple[str, ...]]
    numeric: tuple[str, ...]
    together: dict[str, tuple[float, float, float]]

    @classmethod
    def of(cls, one: pd.DataFrame, other: pd.DataFrame) -> Features:
        columns = list(dict.fromkeys([*one.columns, *other.columns]))
        numeric, texts, together = [], {}, {}
        for column in columns:
            a, b = (x[column] if column in x else pd.Series(dtype=float) for x in (one, other))
            if _is_text(a) or _is_text(b):
                # No test of what the texts say: each is an event.
                seen = pd.concat([a, b]).dropna().astype(str).value_counts()
                texts[column] = tuple(seen.index[:_TEXTS])
                continue
            numeric.append(column)
        raw = [c for c in numeric if c.partition(" ")[0] in _RAW] or numeric
        for column in raw:
            fitted = _difference(_column(one, column), _column(other, column))
            if fitted is not None:
                together[column] = fitted
        return cls(one, other, texts, tuple(numeric), together)

    def names(self) -> Iterator[str]:
        for column in self.numeric:
            yield f"value of {column}"
            yield f"lowest bit of {column}"
        for column, seen in self.texts.items():
            yield from (f"{column} says [{text}]" for text in seen)
        if self.together:
            yield "likelihood ratio of Laplace noise"
            yield "likelihood ratio of Gaussian noise"

    def scores(self) -> Iterator[tuple[str, Floats, Floats]]:
        """(name, score of each answer of the first half, of the second), for the halves that were fitted on."""
        seen: set[bytes] = set()
        for name in self.names():
            a, b = self.score(name, self.one), self.score(name, self.other)
            told = a.tobytes() + b.tobytes()
            if told not in seen:
                seen.add(told)
                yield name, a, b

    def score(self, name: str, answers: pd.DataFrame) -> Floats:
        kind, _, column = name.partition(" of ")
        if kind == "value":
            return np.nan_to_num(_column(answers, column), nan=_ABSENT, posinf=1e300, neginf=-1e290)
        if kind == "lowest bit":
            return _lowest_bit(_column(answers, column))
        if kind == "likelihood ratio":
            return self._likelihood(answers, laplace="Laplace" in column)
        for text_column, seen in self.texts.items():
            for text in seen:
                if name == f"{text_column} says [{text}]":
                    if text_column not in answers:
                        return np.zeros(len(answers))
                    says: Floats = (answers[text_column].astype(str) == text).to_numpy().astype(float)
                    return says
        raise KeyError(name)

    def _likelihood(self, answers: pd.DataFrame, *, laplace: bool) -> Floats:
        total = np.zeros(len(answers))
        for column, (at, near, scale) in self.together.items():
            x = _column(answers, column)
            weighed = (np.abs(x - near) - np.abs(x - at)) / scale if laplace else (at - near) * x / scale**2
            total += np.nan_to_num(weighed)
        return total


def _is_text(column: pd.Series[Any]) -> bool:
    return column.dtype == object and any(isinstance(v, str) for v in column)


def _numbers(column: pd.Series[Any]) -> Floats:
    out: Floats = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return out


def _column(answers: pd.DataFrame, column: str) -> Floats:
    return _numbers(answers[column]) if column in answers else np.full(len(answers), np.nan)


def _difference(a: Floats, b: Floats) -> tuple[float, float, float] | None:
    """Median with, median without, and spread of what one column shows; None where it does not vary."""
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if not len(a) or not len(b):
        return None
    at, near = float(np.median(a)), float(np.median(b))
    spread = float(np.mean([np.mean(np.abs(a - at)), np.mean(np.abs(b - near))]))
    return (at, near, spread) if spread > 0 else None


def _lowest_bit(x: Floats) -> Floats:
    """Exponent of the lowest bit that is set; 2000 for zero, -2000 where there is no number."""
    mantissa, exponent = np.frexp(np.nan_to_num(x, posinf=0.0, neginf=0.0))
    whole = np.abs(mantissa * 2.0**53).astype(np.int64)
    lowest = np.log2(np.maximum(whole & -whole, 1).astype(float)) + exponent - 53
    return np.where(np.isnan(x), -2000.0, np.where(whole == 0, 2000.0, lowest))
