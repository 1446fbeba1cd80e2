"""Which rows of a table are one household's: exact, and without reading each id where its column lets us.

Ids are compared by what `canonical` says they are, by every character: numpy's texts drop a NUL at the end and pandas'
stop at the first, and a household that fell together with another would no longer be bounded by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .values import SPELT, Ints, Texts, codes, filled, hashes, texts

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@dataclass(frozen=True, slots=True)
class Units:
    """The column that names households.

    Args:
        ids: whole numbers, or texts (None where missing), of which `plain` ones may still spell true and false.
        plain: whether the ids are texts as they stand in the table.
    """

    ids: npt.NDArray[Any]
    plain: bool

    @classmethod
    def of(cls, column: pd.Series[Any]) -> Units:
        from pandas.api.types import infer_dtype  # noqa: PLC0415 - keeps `import anonymization.dp` light

        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
            return cls(column.to_numpy(), plain=False)
        if column.dtype == object:
            held = column.to_numpy()
            if infer_dtype(held, skipna=False) == "string":
                return cls(held, plain=True)
        return cls(texts(column), plain=False)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        from pandas import notna  # noqa: PLC0415 - as above

        return np.ones(len(self), dtype=np.bool_) if self.plain else notna(self.ids)

    def texts(self, rows: Ints) -> Texts:
        """The ids of some rows, as `canonical` reads them."""
        given = self.ids[rows].tolist()
        if self.ids.dtype != object:
            return filled([str(v) for v in given])
        return filled(list(map(SPELT.get, given, given)))

    def marks(self, rows: Ints) -> npt.NDArray[np.uint64]:
        """A fixed hash of the ids of some rows."""
        return hashes(self.texts(rows))

    def households(self, rows: Ints) -> Ints | None:
        """A number for each of some rows, the same for one household's; None where no two are of one household."""
        if not len(rows):
            return None
        ids = self.ids if len(rows) == len(self.ids) else self.ids[rows]
        if ids.dtype != object:
            order, follows = _runs(ids)
            return None if order is None else _numbered(order, follows)
        import polars as pl  # noqa: PLC0415 - as above
        import pyarrow as pa  # noqa: PLC0415 - as above

        try:
            named = pl.Series(pa.array(ids, type=pa.large_string()))
        except (UnicodeError, pa.ArrowException):
            return codes(self.texts(rows))[0]  # half a letter, which no text of theirs holds
        if self.plain and _spelt(named):
            return codes(self.texts(rows))[0]
        return _by_hash(named, self.texts, rows)


def _spelt(named: pl.Series) -> bool:
    """Whether any of the texts spells true or false."""
    short = named.filter(named.str.len_bytes().is_between(4, 5))
    return bool(len(short)) and not set(short.to_list()).isdisjoint(SPELT)


def _by_hash(named: pl.Series, in_full: Any, rows: Ints) -> Ints | None:
    # Equal texts have equal hashes, so that distinct hashes tell households apart; equal ones are compared in full.
    order, follows = _runs(named.hash().to_numpy())
    if order is None:
        return None
    sorted_ = named.gather(order)
    same = (sorted_.slice(1) == sorted_.slice(0, len(sorted_) - 1)).to_numpy()
    if bool((follows & ~same).any()):
        return codes(in_full(rows))[0]
    return _numbered(order, follows)


def _runs(ids: npt.NDArray[Any]) -> tuple[Ints | None, npt.NDArray[np.bool_]]:
    """An order in which equal ones stand together, and which equal the one before; no order where all are distinct."""
    ordered = np.sort(ids)
    follows = ordered[1:] == ordered[:-1]
    return (np.argsort(ids) if follows.any() else None), follows


def _numbered(order: Ints, follows: npt.NDArray[np.bool_]) -> Ints:
    out = np.empty(len(order), dtype=np.int64)
    out[order] = np.cumsum(np.r_[False, ~follows])
    return out
