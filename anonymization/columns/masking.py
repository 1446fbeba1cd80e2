"""Values as a steward may glance at them on their own terminal: the first letter of each word, nothing more."""

from __future__ import annotations

import re

import pandas as pd

from anonymization.columns.sampling import look_at

_RUN = re.compile(r"[^\W\d_]+|\d+")


def mask(value: str) -> str:
    """Njoroge K. 0712 -> N****** * 0***; a word of up to three letters or digits goes altogether."""
    return _RUN.sub(lambda m: (m[0][0] if len(m[0]) > 3 else "*") + "*" * (len(m[0]) - 1), value[:40])


def masked_samples(column: pd.Series, many: int = 3) -> tuple[str, ...]:
    """A few masked values, spread over the distinct ones. For a terminal; never for a file, a log or evidence."""
    values = look_at("", column).texts
    step = max(1, len(values) // many) if many else 1
    return tuple(mask(v) for v in values[::step][:many])
