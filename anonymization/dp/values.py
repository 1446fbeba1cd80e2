"""Reading one cell of a table without looking at any other.

What a value means must not depend on its neighbours: pandas' own comparisons and factorisation let one household's
odd value change the type, and so the cell, of everybody else's, which no noise would cover.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
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
#: Every way to write them, so that a column is read without looking at the letters of each value.
SPELT: dict[Any, str | None] = {
    "".join(letters): code
    for word, code in _WORDS.items()
    for letters in product(*((c, c.upper()) for c in word))
}
#: Kinds of values that are equal only where they mean the same, so that each distinct one is read once. Not times: two
#: of them are equal in different zones, and read differently.
_PLAIN = frozenset({str, int, float, bool, type(None)})
_AS_THEY_ARE = frozenset({str, type(None)})
#: Whole numbers of 64 bits are compared by every digit; a float holds 16 of them.
_LONG = 2**64
#: So many texts are hashed at once: bounds what hashing takes on top of them.
_CHUNK = 1_000_000

Texts = npt.NDArray[np.object_]
Ints = npt.NDArray[np.int64]

#: What `placed` says of a value that has no place, and of a missing one.
ELSEWHERE, MISSING = -1, -2


def canonical(value: Any) -> str | None:
    """The text that a value is compared by, None where it is missing.

    `True`, `1`, `1.0` and `"true"` are one value; `"01"` is another.
    """
    if value is None or isinstance(value, str):
        return SPELT.get(value, value)
    if isinstance(value, int | np.integer) and abs(int(value)) < _LONG:
        return str(int(value))  # whole: two long household numbers are not one
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


def _distinct(column: pd.Series[Any]) -> tuple[Ints, list[Any]] | None:
    """Place of each value of a column of numbers or categories among its distinct ones; -1 where missing."""
    import pandas as pd  # noqa: PLC0415 - keeps `import anonymization.dp` light

    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64), column.cat.categories.tolist()
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufb":
        code, seen = pd.factorize(column.to_numpy())
        return code.astype(np.int64), seen.tolist()
    return None


def _given(column: pd.Series[Any]) -> list[Any]:
    """Values of a column, None for what its own type calls missing."""
    if isinstance(column.dtype, np.dtype):
        return column.tolist()
    given: list[Any] = column.array.to_numpy(dtype=object, na_value=None).tolist()
    return given


def filled(values: list[Any]) -> Texts:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def texts(column: pd.Series[Any]) -> Texts:
    """`canonical` of every value, None where missing."""
    known = _distinct(column)
    if known is not None:
        return filled([*map(canonical, known[1]), None])[known[0]]
    given = _given(column)
    kinds = set(map(type, given))
    if not kinds <= _PLAIN:
        return filled([canonical(v) for v in given])
    out = filled(list(map(SPELT.get, given, given)))
    if not kinds <= _AS_THEY_ARE:
        for i in [i for i, v in enumerate(given) if type(v) not in _AS_THEY_ARE]:
            out[i] = canonical(given[i])
    return out


def placed(column: pd.Series[Any], place: Mapping[str, int]) -> Ints:
    """Place of the text of every value; `ELSEWHERE` where it has none, `MISSING` where the value is missing.

    The same as looking up `texts`, each distinct value once.
    """

    def of(value: Any) -> int:
        text = canonical(value)
        return MISSING if text is None else place.get(text, ELSEWHERE)

    known = _distinct(column)
    if known is not None:
        found: Ints = np.array([*map(of, known[1]), MISSING], dtype=np.int64)[known[0]]
        return found
    given = _given(column)
    if not set(map(type, given)) <= _PLAIN:
        return np.fromiter(map(of, given), dtype=np.int64, count=len(given))
    each = {value: of(value) for value in set(given)}
    return np.fromiter(map(each.__getitem__, given), dtype=np.int64, count=len(given))


def numbers(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """`number` of every value, NaN where missing."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufb":
        plain: npt.NDArray[np.float64] = np.clip(column.to_numpy().astype(np.float64), -_HUGE, _HUGE)
        return plain
    read = (math.nan if (n := number(v)) is None else n for v in _given(column))
    return np.fromiter(read, dtype=np.float64, count=len(column))


def codes(read: Texts) -> tuple[Ints, Texts]:
    """Texts numbered in the order of their first places: the number of each, and the texts.

    By Python's own equality: numpy's texts drop a NUL at the end and pandas' stop at the first, which would bring two
    households together.
    """
    given = read.tolist()
    place = {text: i for i, text in enumerate(dict.fromkeys(given))}
    return np.fromiter(map(place.__getitem__, given), dtype=np.int64, count=len(given)), filled(list(place))


def hashes(read: Texts) -> npt.NDArray[np.uint64]:
    """A fixed hash of each text, the same in every process; for shuffles that owe nothing to the order of a table."""
    parts = [_hashed(read[i : i + _CHUNK]) for i in range(0, len(read), _CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)


def _hashed(read: Texts) -> npt.NDArray[np.uint64]:
    from pandas.util import hash_array  # noqa: PLC0415 - as above

    try:
        return hash_array(read, categorize=False)
    except UnicodeEncodeError:
        # Half a letter, as no text should hold: it must not raise, which would tell that it is there.
        as_bytes = [t if t is None else t.encode("utf-8", "surrogatepass") for t in read]
        return hash_array(filled(as_bytes), categorize=False)
