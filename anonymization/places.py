"""Coarser places: rounding to a grid, displacement in a ring, and how many dwellings a place could stand for.

Spatial k of a displaced dwelling: how many other dwellings lie at least as near to the displaced point as the true one
does (Allshouse et al., Geomasking sensitive health data, 2010; Hampton et al., Mapping health data: improved privacy
protection with donut method geomasking, 2010). Distances are on a sphere, in kilometres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
EARTH_KM = 6371.0088
KM_PER_DEGREE = EARTH_KM * np.pi / 180
#: Spatial k is counted up to here; beyond, more is not told apart.
COUNTED = 64


def grid_cells(latitude: Floats, longitude: Floats, km: float) -> tuple[Floats, Floats]:
    """The centres of the cells of about `km` by `km` in which points lie, degrees, shape (n,) each.

    The width of a cell in degrees depends on its row alone, so one cell has one centre.
    """
    step = km / KM_PER_DEGREE
    rows = np.floor(latitude / step)
    middle = np.clip((rows + 0.5) * step, -90, 90)
    width = step / np.maximum(np.cos(np.radians(middle)), 1e-3)
    return middle, (np.floor(longitude / width) + 0.5) * width


def moved(latitude: Floats, longitude: Floats, km: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """Points `km` away in the direction `angle` (radians from north), shape (n,) each, on the sphere."""
    lat, lon, far = np.radians(latitude), np.radians(longitude), km / EARTH_KM
    to_lat = np.arcsin(np.sin(lat) * np.cos(far) + np.cos(lat) * np.sin(far) * np.cos(angle))
    to_lon = lon + np.arctan2(
        np.sin(angle) * np.sin(far) * np.cos(lat), np.cos(far) - np.sin(lat) * np.sin(to_lat)
    )
    return np.degrees(to_lat), (np.degrees(to_lon) + 540) % 360 - 180


@dataclass(frozen=True, slots=True)
class Dwellings:
    """Where households live, to about ten metres: one row a distinct position and area, and how many live there.

    Args:
        frame: columns lat, lon (degrees), area (text, "" where none is given), count.
    """

    frame: pd.DataFrame

    @classmethod
    def of(cls, latitude: Floats, longitude: Floats, area: npt.NDArray[np.object_]) -> Dwellings:
        """From one point a household."""
        at = pd.DataFrame({"lat": latitude.round(4), "lon": longitude.round(4), "area": area})
        return cls(at.groupby(["lat", "lon", "area"], sort=True).size().rename("count").reset_index())

    @classmethod
    def together(cls, parts: list[Dwellings]) -> Dwellings:
        frame = pd.concat([p.frame for p in parts], ignore_index=True)
        return cls(frame.groupby(["lat", "lon", "area"], sort=True)["count"].sum().reset_index())

    @property
    def households(self) -> int:
        return int(self.frame["count"].sum())

    def around(self, latitude: Floats, longitude: Floats, km: Floats) -> tuple[Ints, npt.NDArray[np.object_]]:
        """For each point: how many other dwellings lie within `km` (up to COUNTED), and the nearest one's area."""
        from scipy.spatial import cKDTree  # noqa: PLC0415 - scipy is loaded late

        tree = cKDTree(_on_sphere(self.frame["lat"].to_numpy(), self.frame["lon"].to_numpy()))
        weights, areas = self.frame["count"].to_numpy(), self.frame["area"].to_numpy(dtype=object)
        most = min(COUNTED + 1, len(self.frame))
        near, nearest = np.zeros(len(latitude), dtype=np.int64), np.empty(len(latitude), dtype=object)
        for start in range(0, len(latitude), 20_000):
            part = slice(start, start + 20_000)
            away, which = tree.query(_on_sphere(latitude[part], longitude[part]), k=most)
            away, which = away.reshape(-1, most), which.reshape(-1, most)
            # Positions are known to ten metres; the dwelling itself must not fall out of its own circle by rounding.
            inside = 2 * EARTH_KM * np.arcsin(np.minimum(away / 2, 1)) <= km[part, None] + 0.01
            near[part] = np.minimum((weights[which] * inside).sum(axis=1) - 1, COUNTED)
            nearest[part] = areas[which[:, 0]]
        return near, nearest


def _on_sphere(latitude: Floats, longitude: Floats) -> Floats:
    """Points on the unit sphere, shape (n, 3)."""
    lat, lon = np.radians(latitude), np.radians(longitude)
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
