"""Coarsens coordinates: to the cells of a grid, to the middle of an area, or by a secret displacement in a ring.

Fixed radii fail where few people live: of 4,000 dwellings displaced by 0.5 to 2 km, one in twenty had no other dwelling
as near to the new point as the true one. So the ring widens, dwelling by dwelling, until `k` others are as near, and
the step refuses when `limit_km` does not suffice. A dwelling has one displacement for each scope: drawn anew for
each delivery, displacements would average out. Practice of the Demographic and Health Surveys (Burgert et al., 2013):
inside the second administrative level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.draws import uniforms, unit_numbers_of
from anonymization.errors import RecipeProblem, Unusable
from anonymization.places import COUNTED, Dwellings, Floats, Ints, grid_cells, moved
from anonymization.risk.units import unit_numbers
from anonymization.schema import FieldType, Schema
from anonymization.steps.base import Context, Intent, StepEvidence, in_one_piece, intent

#: Draws for one ring before it widens, draws for the widest one, and by how much a ring widens.
_TRIES, _LAST_TRIES, _WIDER = 6, 48, 1.5


@dataclass(frozen=True, slots=True)
class CoarsenPlace:
    """Coarsens one pair of coordinates.

    Args:
        latitude, longitude: their columns, in degrees.
        method: grid (km), centroid (centroids, area) or ring (min_km, max_km, limit_km).
        k: for how many other households a place must be able to stand.
        unit: the household's column, as it stands at this point; "" when each row is a household.
        area: the column of the administrative area; a ring keeps inside it (the nearest dwelling is of that area).
        km: the size of a cell.
        centroids: area code to (latitude, longitude).
        min_km, max_km: the ring; limit_km: how far it may widen.
        sparse: grid and centroid: whether places with fewer than k others are refused or blanked.
    """

    kind: ClassVar[str] = "coarsen_place"
    latitude: str
    longitude: str
    method: Literal["grid", "centroid", "ring"]
    k: int
    unit: str = ""
    area: str = ""
    km: float = 0.0
    centroids: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    min_km: float = 0.0
    max_km: float = 0.0
    limit_km: float = 0.0
    sparse: Literal["refuse", "blank"] = "refuse"

    def plan(self, schema: Schema) -> Intent:
        problems = []
        if not 1 <= self.k <= COUNTED:
            problems.append(f"coarsen_place: k must be 1 to {COUNTED}.")
        if self.method == "grid" and not self.km > 0:
            problems.append("coarsen_place: a grid needs km, the size of a cell.")
        if self.method == "centroid" and not (self.centroids and self.area):
            problems.append("coarsen_place: centroid needs area and the centroids of all areas.")
        if self.method == "ring" and not 0 < self.min_km < self.max_km <= self.limit_km:
            problems.append(
                "coarsen_place: a ring needs min_km above 0, max_km above it, and limit_km no smaller than max_km."
            )
        problems += [
            f"coarsen_place: {name} is not a number of degrees."
            for name in (self.latitude, self.longitude)
            if schema.must(name, self.kind).type is not FieldType.NUMBER
        ]
        if problems:
            raise RecipeProblem(problems)
        how = {
            "grid": f"to cells of {self.km:g} km",
            "centroid": f"to the middle of its {self.area}",
            "ring": f"by {self.min_km:g} to {self.max_km:g} km, up to {self.limit_km:g} km where few people live",
        }[self.method]
        says = f"Moves {self.latitude} and {self.longitude} {how}; each place stands for at least {self.k} others."
        reads = tuple(name for name in (self.unit, self.area) if name)
        return intent(
            self,
            schema,
            dict.fromkeys((self.latitude, self.longitude), FieldType.NUMBER),
            says,
            also_reads=reads,
        )

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]:
        return in_one_piece(self, table, context)

    def scan(self, table: pd.DataFrame, context: Context) -> Dwellings:  # noqa: ARG002
        homes, *_ = self._homes(table)
        return Dwellings.of(
            homes["lat"].to_numpy(), homes["lon"].to_numpy(), homes["area"].to_numpy(dtype=object)
        )

    def decide(self, scans: Sequence[Dwellings], context: Context) -> Dwellings:  # noqa: ARG002
        return Dwellings.together(list(scans))

    def carry_out(
        self, table: pd.DataFrame, decision: Dwellings, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]:
        homes, home_of, unreadable = self._homes(table)
        if self.method == "ring":
            lat, lon, near, far = self._ring(homes, decision, context)
            more: StepEvidence = {"km": _spread(far)}
        else:
            lat, lon, near = self._cells(homes, decision)
            low = near < self.k
            if low.any() and self.sparse == "refuse":
                raise Unusable(
                    f"{int(low.sum())} households would stand at a place with fewer than {self.k} others. Choose "
                    "coarser places, a smaller k, or sparse: blank."
                )
            lat, lon = np.where(low, np.nan, lat), np.where(low, np.nan, lon)
            more = {"blanked": int(low.sum())}
            near = near[~low]
        out = table.copy(deep=False)
        there = home_of >= 0
        for name, values in ((self.latitude, lat.round(4)), (self.longitude, lon.round(4))):
            new = np.full(len(table), np.nan)
            new[there] = values[home_of[there]]
            out[name] = new
        return out, {
            "global": {
                "method": self.method,
                "k": self.k,
                "inside": (self.area or "anywhere") if self.method == "ring" else "",
                "compared_with": decision.households,
                "counted_up_to": COUNTED,
                "key_version": context.keys.version,
            },
            "households": len(homes),
            "unreadable": unreadable,
            "spatial_k": _spread(near),
            # Adds up over partitions, so that every quantile of the whole can be had.
            "households_by_spatial_k": {
                str(k): int(n) for k, n in zip(*np.unique(near, return_counts=True), strict=True)
            },
            **more,
        }

    def _homes(self, table: pd.DataFrame) -> tuple[pd.DataFrame, Ints, int]:
        """One row for each household (columns lat, lon, area, id), each row's household (-1: no place), unreadable.

        A household of several rows has the place of its first readable one.
        """
        lat = pd.to_numeric(table[self.latitude], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        lon = pd.to_numeric(table[self.longitude], errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        good = (np.abs(lat) <= 90) & (np.abs(lon) <= 180)
        given = (table[self.latitude].notna() | table[self.longitude].notna()).to_numpy()
        units = unit_numbers(table, self.unit) if self.unit else np.arange(len(table))
        if self.area:
            area = table[self.area].astype("string").fillna("").to_numpy(dtype=object)
        else:
            area = np.full(len(table), "", dtype=object)
        rows = np.flatnonzero(good)
        first = pd.DataFrame({"unit": units[rows], "row": rows}).drop_duplicates("unit")
        at = first["row"].to_numpy()
        homes = pd.DataFrame({"lat": lat[at], "lon": lon[at], "area": area[at]})
        homes["id"] = table[self.unit].to_numpy()[at] if self.unit else ""
        of_unit = np.full(int(units.max(initial=-1)) + 1, -1, dtype=np.int64)
        of_unit[first["unit"].to_numpy()] = np.arange(len(homes))
        return homes, of_unit[units] if len(units) else units.astype(np.int64), int((given & ~good).sum())

    def _cells(self, homes: pd.DataFrame, all_of_them: Dwellings) -> tuple[Floats, Floats, Ints]:
        """The place of each household, and how many other households share it."""
        everybody = all_of_them.frame
        if self.method == "grid":
            # Of the rounded position, as the others are counted, so that a household is in the cell it counts in.
            lat, lon = grid_cells(homes["lat"].round(4).to_numpy(), homes["lon"].round(4).to_numpy(), self.km)
            theirs = grid_cells(everybody["lat"].to_numpy(), everybody["lon"].to_numpy(), self.km)
        else:
            unknown = sorted(set(everybody["area"]) - set(self.centroids))
            if unknown:
                raise Unusable(
                    f"{len(unknown)} areas have no centroid in the recipe. Add them to coarsen_place."
                )
            lat, lon = self._middles(homes["area"])
            theirs = self._middles(everybody["area"])
        counts = pd.Series(everybody["count"].to_numpy(), index=pd.MultiIndex.from_arrays(theirs))
        sizes = counts.groupby(level=[0, 1]).sum()
        near = sizes.reindex(pd.MultiIndex.from_arrays([lat, lon])).to_numpy(dtype=np.int64) - 1
        return lat, lon, near

    def _middles(self, areas: pd.Series) -> tuple[Floats, Floats]:
        points = np.array([self.centroids[a] for a in areas], dtype=np.float64).reshape(-1, 2)
        return points[:, 0], points[:, 1]

    def _ring(
        self, homes: pd.DataFrame, all_of_them: Dwellings, context: Context
    ) -> tuple[Floats, Floats, Ints, Floats]:
        """Displaced points, how many other dwellings are as near to each, and how far each went (km)."""
        lat, lon = homes["lat"].to_numpy(dtype=np.float64), homes["lon"].to_numpy(dtype=np.float64)
        area, n = homes["area"].to_numpy(dtype=object), len(homes)
        to_lat, to_lon, far = lat.copy(), lon.copy(), np.zeros(n)
        near, todo = np.zeros(n, dtype=np.int64), np.arange(n)
        numbers, ring, stream = self._numbers(homes, context), self.max_km, 0
        while len(todo):
            for _ in range(_TRIES if ring < self.limit_km else _LAST_TRIES):
                draw = self._draw(numbers[todo], stream, context)
                stream += 1
                # Uniform over the ring's surface, not over its radius: no crowding near the true place.
                km = np.sqrt(draw[0] * (ring**2 - self.min_km**2) + self.min_km**2)
                la, lo = moved(lat[todo], lon[todo], km, 2 * np.pi * draw[1])
                count, nearest = all_of_them.around(la, lo, km)
                good = (count >= self.k) & ((nearest == area[todo]) if self.area else True)
                done = todo[good]
                to_lat[done], to_lon[done], far[done], near[done] = la[good], lo[good], km[good], count[good]
                todo = todo[~good]
            if len(todo) and ring >= self.limit_km:
                raise Unusable(
                    f"{len(todo)} households have no place within {self.limit_km:g} km that could stand for {self.k} "
                    f"others{' of their ' + self.area if self.area else ''}. Raise limit_km, lower k, or choose a grid."
                )
            ring = min(ring * _WIDER, self.limit_km)
        return to_lat, to_lon, near, far

    def _numbers(self, homes: pd.DataFrame, context: Context) -> Ints:
        """What a household's draws hang on: its id where there is one, else its place itself."""
        places = homes["lat"].astype(str) + "," + homes["lon"].astype(str)
        return unit_numbers_of(context.keys, context.scope, homes["id"] if self.unit else places)

    def _draw(self, numbers: Ints, stream: int, context: Context) -> tuple[Floats, Floats]:
        first, second = (
            uniforms(context.keys, context.scope, self.kind, numbers, 2 * stream + i) for i in (0, 1)
        )
        return first, second


def _spread(values: npt.NDArray[np.generic]) -> dict[str, object]:
    """Median, 5th percentile and ends of a measure; empty where there is nothing."""
    if not len(values):
        return {}
    low, middle, high = np.percentile(values.astype(np.float64), [5, 50, 95], method="lower")
    ends = {"min": float(values.min()), "max": float(values.max())}
    return {"p5": float(low), "median": float(middle), "p95": float(high), **ends}
