"""A bounded look at one column: how many values, how many distinct, and at most 1,500 of them, rare forms included."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.keys import normalise
from anonymization.pii.folding import ascii_digits

LIMIT = 1_500
#: Values of each length that are looked at in any case: one identifier among thousands of codes has its own length.
_OF_EACH_LENGTH = 24
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_POINT_ZERO = re.compile(r"[+-]?\d+\.0+")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][+-]?\d{1,3})?")
Type = Literal["empty", "boolean", "whole number", "number", "date", "text"]


@dataclass(frozen=True, slots=True)
class Sample:
    """What is looked at of a column. It holds data values: it never leaves the process.

    Args:
        name, type: the column; numbers and dates that stand as text are of the type that they are.
        stored: "text" where numbers or dates stand as text, "as is" otherwise.
        rows, present, distinct: counts over the whole column (distinct counts the values present).
        texts: up to LIMIT distinct values as text (ASCII digits), the rare lengths among them.
        forms: each sampled value's form: digits as 9, letters as a.
        numbers: the sampled values as numbers, shape (v,), NaN where they are none; empty for text.
        most: how often the commonest value stands, as a share of the values present.
        full: the whole column, for the few rules that compare columns.
    """

    name: str
    type: Type
    stored: str
    rows: int
    present: int
    distinct: int
    texts: tuple[str, ...] = field(repr=False)
    forms: tuple[str, ...] = field(repr=False)
    numbers: npt.NDArray[np.float64] = field(repr=False)
    most: float
    full: pd.Series = field(repr=False)

    @property
    def distinct_share(self) -> float:
        return self.distinct / self.present if self.present else 0.0

    def form_counts(self) -> Counter[str]:
        return Counter(self.forms)


def look_at(name: str, column: pd.Series) -> Sample:
    """The bounded look at a column; its index is ignored."""
    whole = column.reset_index(drop=True)
    if isinstance(whole.dtype, pd.CategoricalDtype):
        whole = whole.astype(object)
    present = whole.dropna()
    counts = _counts(present)
    texts = [t for t in (_text(v) for v in _chosen(list(counts.index))) if t]
    empty = [v for v in counts.index if isinstance(v, str) and not v.strip()]
    there, distinct = len(present) - int(sum(counts[v] for v in empty)), len(counts) - len(empty)
    forms = tuple(_LETTER.sub("a", _DIGIT.sub("9", text)) for text in texts)
    type_, stored, numbers = _type(whole, texts)
    most = float(counts.iloc[0]) / there if there and len(counts) else 0.0
    return Sample(
        name, type_, stored, len(whole), there, distinct, tuple(texts), forms, numbers, min(most, 1.0), whole
    )


def _counts(present: pd.Series) -> pd.Series:
    try:
        return present.value_counts()
    except TypeError:  # lists, dictionaries
        return present.astype(str).value_counts()


def _chosen(distinct: list[object]) -> list[object]:
    """At most LIMIT of the distinct values: some of each length, the rest evenly spread."""
    if len(distinct) <= LIMIT:
        return distinct
    lengths = np.fromiter((len(str(v)) for v in distinct), dtype=np.int64, count=len(distinct))
    order = np.argsort(lengths, kind="stable")
    _, starts, sizes = np.unique(lengths[order], return_index=True, return_counts=True)
    each = max(1, min(_OF_EACH_LENGTH, LIMIT // 3 // len(starts)))
    picked = {
        int(order[start + i])
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
        for i in np.unique(np.linspace(0, size - 1, min(each, size)).astype(int)).tolist()
    }
    rest = np.setdiff1d(np.arange(len(distinct)), np.fromiter(picked, dtype=np.int64))
    spread = np.linspace(0, len(rest) - 1, max(0, LIMIT - len(picked))).astype(int)
    return [distinct[i] for i in sorted(picked | set(rest[spread].tolist()))]


def _text(value: object) -> str | None:
    """A value as text: 7.0 is 7, a spreadsheet's quote goes, digits of any script are ASCII."""
    if isinstance(value, datetime | date | pd.Timestamp):
        return str(value)[:10] if str(value)[10:] in ("", " 00:00:00") else str(value)
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    text = normalise(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
    if text is None:
        return None
    text = ascii_digits(text).strip("'\" \u200b\ufeff")
    text = text.removeprefix('="').strip('"')
    return (text.partition(".")[0] if _POINT_ZERO.fullmatch(text) else text) or None


def _type(whole: pd.Series, texts: list[str]) -> tuple[Type, str, npt.NDArray[np.float64]]:
    none = np.empty(0)
    if not texts:
        return "empty", "as is", none
    if pd.api.types.is_bool_dtype(whole) or {t.lower() for t in texts} <= {"true", "false"}:
        return "boolean", "as is", none
    if pd.api.types.is_datetime64_any_dtype(whole):
        return "date", "as is", none
    number = pd.api.types.is_numeric_dtype(whole)
    fits = [_NUMBER.fullmatch(t) is not None for t in texts]
    if number or sum(fits) >= 0.95 * len(texts):
        numbers = np.array([_as_number(t) if ok else np.nan for t, ok in zip(texts, fits, strict=True)])
        known = numbers[~np.isnan(numbers)]
        # A few imputed halves do not make ages a measure.
        whole_share = float((known == np.round(known)).mean()) if len(known) else 0.0
        kind: Type = (
            "whole number" if whole_share >= 0.6 and (whole_share == 1 or known.max() <= 200) else "number"
        )
        return kind, "as is" if number else "text", numbers
    if isinstance(whole.dropna().iloc[0], date):
        return "date", "as is", none
    return "text", "as is", none


def _as_number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return float("nan")
