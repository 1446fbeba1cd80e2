"""The public ways in which households are told apart, and the columns of a table that say so.

Codes come from the data dictionary and edges from the steward's list, never from the data. Groups and bands are
one column together, the *profile*: whoever lacks one of them stands in one cell for that ("not stated"), so
every household is in exactly one cell and the table has few empty ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

from anonymization.dp.values import canonical, numbers, texts
from anonymization.errors import AnonymizationError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

#: The key of households that lack what a column tells apart.
NOT_STATED = "not stated"
_BETWEEN = " / "


@dataclass(frozen=True, slots=True)
class Axis:
    """One way in which households are told apart.

    Args:
        column: of the extract.
        title: for people.
        labels: public code to what it means; of a band, one label for each.
        edges: PUBLIC edges, rising, of a band; empty where the column holds codes. A band holds its upper edge
            (a cut-off holds who is at it), the first its lower edge too; values outside count in the outer
            bands.
        minus: a column that is taken off `column` first, for a distance to a cut-off.
    """

    column: str
    title: str
    labels: Mapping[str, str]
    edges: tuple[float, ...] = ()
    minus: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.labels)

    @property
    def name(self) -> str:
        """Of the column in a released table; edges are part of it, so that other edges are another column."""
        base = f"{self.column}_minus_{self.minus}" if self.minus else self.column
        return "_".join([base, *(canonical(e) or "" for e in self.edges)])

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the extract that are read."""
        return (self.column, self.minus) if self.minus else (self.column,)

    def places(self, df: pd.DataFrame) -> npt.NDArray[np.int64]:
        """(rows,) position of each row's key, -1 where it is missing or not a public one."""
        import numpy as np  # noqa: PLC0415 - keeps the package light

        if not self.edges:
            place = {canonical(key): i for i, key in enumerate(self.keys)}
            return np.fromiter((place.get(v, -1) for v in texts(df[self.column])), np.int64, len(df))
        value = numbers(df[self.column])
        if self.minus:
            # 42.1 - 42 and 0.1 are to be one number.
            value = np.round(value - numbers(df[self.minus]), 9)
        found = np.searchsorted(np.asarray(self.edges[1:-1]), value, side="left").astype(np.int64)
        return np.where(np.isnan(value), -1, found)


def band(
    column: str, title: str, edges: Sequence[float], *, minus: str = "", labels: Sequence[str] = ()
) -> Axis:
    """An axis of bands between public edges.

    Raises:
        AnonymizationError: for edges that do not rise, or labels that are not one a band.
    """
    pairs = list(pairwise(edges))
    if len(edges) < 3 or not all(a < b for a, b in pairs):
        raise AnonymizationError(f"The edges of {column} must be at least three numbers, each larger.")
    keys = [f"{canonical(a)} to {canonical(b)}" for a, b in pairs]
    if labels and (len(labels) != len(keys) or len(set(labels)) != len(labels)):
        raise AnonymizationError(f"Give each of the {len(keys)} bands of {column} a label of its own.")
    return Axis(column, title, dict(zip(keys, labels or keys, strict=True)), tuple(map(float, edges)), minus)


@dataclass(frozen=True, slots=True)
class Poor:
    """Who a programme is meant for: keys of one axis. `title` says so to people."""

    axis: str
    keys: frozenset[str]
    title: str


@dataclass(frozen=True, slots=True)
class Layout:
    """What the cells of a released table stand for.

    Args:
        unit_id: the column that names the household.
        area: where; groups: who, each shown on its own; band: how well off. Any may be absent.
        programmes: column of true and false to the programme's name; overlapping. A household without an
            entry counts as not in it.
        poor: who the programmes are meant for.
    """

    unit_id: str
    area: Axis | None = None
    groups: tuple[Axis, ...] = ()
    band: Axis | None = None
    programmes: Mapping[str, str] = field(default_factory=dict)
    poor: Poor | None = None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Those of the profile."""
        return (*self.groups, *([self.band] if self.band else []))

    @property
    def profile(self) -> str:
        """Name of the profile's column; empty where nobody is told apart by one."""
        return "_by_".join(axis.name for axis in self.axes)

    @property
    def profiles(self) -> tuple[str, ...]:
        """Its keys, the last for who is not stated."""
        if not self.axes:
            return ()
        return (*(_BETWEEN.join(keys) for keys in product(*(a.keys for a in self.axes))), NOT_STATED)

    @property
    def areas(self) -> tuple[str, ...]:
        return (*self.area.keys, NOT_STATED) if self.area else ()

    @property
    def keys(self) -> dict[str, tuple[str | bool, ...]]:
        """Every column of the released table to its public keys; the cells are all combinations."""
        keys: dict[str, tuple[str | bool, ...]] = {}
        if self.area:
            keys[self.area.name] = self.areas
        if self.axes:
            keys[self.profile] = self.profiles
        return keys | dict.fromkeys(self.programmes, (False, True))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the extract that is read."""
        axes = ([self.area] if self.area else []) + list(self.axes)
        read = [self.unit_id, *(c for axis in axes for c in axis.columns), *self.programmes]
        return tuple(dict.fromkeys(read))

    def prepared(self, df: pd.DataFrame) -> pd.DataFrame:
        """(rows, columns) the household's id and the columns of `keys`, for `df`'s rows in their order.

        Raises:
            AnonymizationError: for a column that is not there.
        """
        import numpy as np  # noqa: PLC0415 - keeps the package light
        import pandas as pd  # noqa: PLC0415 - as above

        missing = [c for c in self.columns if c not in df.columns]
        if missing:
            raise AnonymizationError(f"The extract has no column {', '.join(missing)}.")
        out: dict[str, Any] = {self.unit_id: df[self.unit_id].to_numpy()}
        if self.area:
            out[self.area.name] = np.asarray(self.areas, dtype=object)[self.area.places(df)]
        if self.axes:
            whole, stated = np.zeros(len(df), dtype=np.int64), np.ones(len(df), dtype=np.bool_)
            for axis in self.axes:
                places = axis.places(df)
                whole = whole * len(axis.keys) + places
                stated &= places >= 0
            out[self.profile] = np.asarray(self.profiles, dtype=object)[np.where(stated, whole, -1)]
        for programme in self.programmes:
            out[programme] = np.fromiter((v == "1" for v in texts(df[programme])), np.bool_, len(df))
        return pd.DataFrame(out)
