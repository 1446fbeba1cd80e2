"""Reading one cell of a table without looking at any other.

What a value means must not depend on its neighbours: pandas' own comparisons and factorisation let one household's
odd value change the type, and so the cell, of everybody else's, which no noise would cover.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

#: What a key or a filter value can be.
Key = str | int | float | bool

#: Beyond any public bound that is accepted; keeps infinity out of household totals.
_HUGE = 1e15

_WORDS = {"true": "1", "false": "0"}


def canonical(value: Any) -> str | None:
    """The text that a value is compared by, None where it is missing.

    `True`, `1`, `1.0` and `"true"` are one value; `"01"` is another.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _WORDS.get(value.lower(), value)
    if hasattr(value, "isoformat"):
        text = str(value.isoformat())
        return None if text == "NaT" else text.removesuffix("T00:00:00")
    try:
        real = float(value)
    except (TypeError, ValueError, OverflowError):
        return None  # pd.NA, lists, bytes
    if math.isnan(real):
        return None
    return str(int(real)) if real.is_integer() else repr(real)


def number(value: Any) -> float | None:
    """The number that a value is, None where it is none; never infinite."""
    try:
        real = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(real) else min(max(real, -_HUGE), _HUGE)


def texts(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """`canonical` of every value, None where missing."""
    out = np.empty(len(column), dtype=object)
    out[:] = [canonical(v) for v in column.tolist()]
    return out


def numbers(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """`number` of every value, NaN where missing."""
    read = (math.nan if (n := number(v)) is None else n for v in column.tolist())
    return np.fromiter(read, dtype=np.float64, count=len(column))


def codes(read: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
    """Texts numbered in the order of their first places: the number of each, and the texts.

    By Python's own equality: numpy's texts drop a NUL at the end and pandas' stop at the first, which would bring two
    households together.
    """
    given = read.tolist()
    place = {text: i for i, text in enumerate(dict.fromkeys(given))}
    names = np.empty(len(place), dtype=object)
    names[:] = list(place)
    return np.fromiter(map(place.__getitem__, given), dtype=np.int64, count=len(given)), names


def hashes(read: npt.NDArray[np.object_]) -> npt.NDArray[np.uint64]:
    """A fixed hash of each text, the same in every process; for shuffles that owe nothing to the order of a table."""
    from pandas.util import hash_array  # noqa: PLC0415 - keeps `import anonymization.dp` light

    try:
        return hash_array(read, categorize=False)
    except UnicodeEncodeError:
        # Half a letter, as no text should hold: it must not raise, which would tell that it is there.
        as_bytes = np.empty(len(read), dtype=object)
        as_bytes[:] = [t if t is None else t.encode("utf-8", "surrogatepass") for t in read]
        return hash_array(as_bytes, categorize=False)
