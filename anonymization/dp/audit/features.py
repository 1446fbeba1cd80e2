"""What an answer shows, as numbers that an event can be stated about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations, islice
from typing import Any

import numpy as np
import pandas as pd

from .bounds import Floats

Score = Callable[[pd.DataFrame], Floats]

#: So many different texts of one column are told apart; the rest are one.
_TEXTS = 12

#: So many pairs of numbers are looked at for what they differ by.
_PAIRS = 40

#: What the noise was added to, where an answer shows it beside what was made from it.
_RAW = ("value_raw", "n", "total", "numerator", "rest", "first", "second", "low", "high")

#: Below any number that an answer holds: where a number is missing.
_ABSENT = -1e300

#: Where a number is infinite: apart from the missing, and from any number that an answer holds.
_FAR = 1e290


@dataclass(frozen=True, slots=True)
class Features:
    """Numbers of an answer, fitted on the choosing halves.

    Each number as it is; the position of its lowest bit that is set, where noise drawn in floating point gives
    the exact value away (Mironov 2012); whether it is there at all; each text; what two numbers differ by, where noise
    that is shared cancels; and two numbers of all cells together, the sums of the log likelihood ratios that Laplace
    and Gaussian noise would have.

    Args:
        scores: name, in the words of a report, to a function of answers, shape (answers,).
    """

    scores: Mapping[str, Score]

    @classmethod
    def of(cls, one: pd.DataFrame, other: pd.DataFrame) -> Features:
        scores: dict[str, Score] = {}
        numeric = []
        for column in dict.fromkeys([*one.columns, *other.columns]):
            both = pd.concat([x[column] for x in (one, other) if column in x])
            if _is_text(both):
                seen = both.dropna().astype(str).value_counts().index[:_TEXTS]
                scores |= {f"{column} says [{text}]": partial(_says, column, text) for text in seen}
                continue
            numeric.append(column)
            scores[f"{column} is there"] = partial(_there, column)
            scores[column] = partial(_value, column)
            scores[f"lowest bit of {column}"] = partial(_lowest_bit, column)
        raw = [c for c in numeric if c.partition(" ")[0] in _RAW] or numeric
        scores |= {f"{a} less {b}": partial(_apart, a, b) for a, b in islice(combinations(raw, 2), _PAIRS)}
        means = {c: fitted for c in raw if (fitted := _fitted(_column(one, c), _column(other, c)))}
        if means:
            scores["likelihood ratio of Laplace noise"] = partial(_laplace, means)
            scores["likelihood ratio of Gaussian noise"] = partial(_gaussian, means)
        return cls(scores)

    def told(self, one: pd.DataFrame, other: pd.DataFrame) -> Iterator[tuple[str, Floats, Floats]]:
        """(name, score of each answer of the one, of the other); of scores that say the same, the first."""
        seen: set[bytes] = set()
        for name, score in self.scores.items():
            a, b = score(one), score(other)
            said = a.tobytes() + b.tobytes()
            if said not in seen:
                seen.add(said)
                yield name, a, b


@dataclass(frozen=True, slots=True)
class _Fitted:
    """Median of one number with and without the household, and its mean deviation from them."""

    at: float
    near: float
    scale: float


def _fitted(a: Floats, b: Floats) -> _Fitted | None:
    """None where the number is not there on both sides or does not vary."""
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if not len(a) or not len(b):
        return None
    at, near = float(np.median(a)), float(np.median(b))
    scale = float(np.mean([np.mean(np.abs(a - at)), np.mean(np.abs(b - near))]))
    return _Fitted(at, near, scale) if scale > 0 else None


def _laplace(means: Mapping[str, _Fitted], answers: pd.DataFrame) -> Floats:
    total = np.zeros(len(answers))
    for column, f in means.items():
        x = _column(answers, column)
        total += np.nan_to_num((np.abs(x - f.near) - np.abs(x - f.at)) / f.scale)
    return total


def _gaussian(means: Mapping[str, _Fitted], answers: pd.DataFrame) -> Floats:
    total = np.zeros(len(answers))
    for column, f in means.items():
        total += np.nan_to_num((f.at - f.near) * _column(answers, column) / f.scale**2)
    return total


def _is_text(column: pd.Series[Any]) -> bool:
    return not pd.api.types.is_numeric_dtype(column) and any(isinstance(v, str) for v in column)


def _column(answers: pd.DataFrame, column: str) -> Floats:
    if column not in answers:
        return np.full(len(answers), np.nan)
    out: Floats = pd.to_numeric(answers[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return out


def _finite(x: Floats) -> Floats:
    return np.nan_to_num(x, nan=_ABSENT, posinf=_FAR, neginf=-_FAR)


def _value(column: str, answers: pd.DataFrame) -> Floats:
    return _finite(_column(answers, column))


def _apart(one: str, other: str, answers: pd.DataFrame) -> Floats:
    return _finite(_column(answers, one) - _column(answers, other))


def _there(column: str, answers: pd.DataFrame) -> Floats:
    there: Floats = np.isfinite(_column(answers, column)).astype(float)
    return there


def _says(column: str, text: str, answers: pd.DataFrame) -> Floats:
    if column not in answers:
        return np.zeros(len(answers))
    says: Floats = (answers[column].astype(str) == text).to_numpy().astype(float)
    return says


def _lowest_bit(column: str, answers: pd.DataFrame) -> Floats:
    """Exponent of the lowest bit that is set; 2000 for zero, -2000 where there is no number."""
    x = _column(answers, column)
    mantissa, exponent = np.frexp(np.nan_to_num(x, posinf=0.0, neginf=0.0))
    whole = np.abs(mantissa * 2.0**53).astype(np.int64)
    lowest = np.log2(np.maximum(whole & -whole, 1).astype(float)) + exponent - 53
    return np.where(np.isnan(x), -2000.0, np.where(whole == 0, 2000.0, lowest))
