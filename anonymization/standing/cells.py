"""A released table as an array, and the places in it that figures are published for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from anonymization.errors import AnonymizationError

from .combining import Noisy
from .indicators import ALL
from .layout import Axis, Layout

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Place:
    """Where and who a figure is about.

    Args:
        area, group, band: codes, ALL where not told apart; `name` gives the three.
        areas: (areas,) which rows of the array; profiles: (profiles,) which columns.
        bands: (profiles,) the same with every band.
    """

    area: str
    group: str
    band: str
    areas: Mask
    profiles: Mask
    bands: Mask

    @property
    def name(self) -> tuple[str, str, str]:
        return self.area, self.group, self.band


@dataclass(frozen=True, slots=True)
class Cells:
    """A released table.

    Args:
        raw: (areas, profiles, patterns): one cell for each area, profile and way of being in programmes; as
            released, before anything was kept inside its range.
        patterns: (patterns, programmes) which programmes each way is.
        scale: of the noise of one cell; tick: its step; both in the cells' unit.
    """

    layout: Layout
    raw: npt.NDArray[np.float64]
    patterns: Mask
    scale: float
    tick: float = 1.0

    @classmethod
    def read(cls, layout: Layout, released: pd.DataFrame, *, tick: float = 1.0) -> Cells:
        """From a released frame whose keys are text, its rows in any order.

        Raises:
            AnonymizationError: when a cell is missing, comes twice, or has noise of another scale.
        """
        import numpy as np  # noqa: PLC0415 - keeps the package light

        keys = {name: [str(key) for key in listed] for name, listed in layout.keys.items()}
        place = [{key: i for i, key in enumerate(listed)} for listed in keys.values()]
        raw = np.full([len(listed) for listed in keys.values()], np.nan)
        noise = released["noise_scale"].to_numpy(dtype=np.float64)
        if len(released) != raw.size or not (noise == noise[0]).all():
            raise AnonymizationError("The released table does not have the cells that its list says.")
        try:
            at = [
                [where[str(key)] for key in released[name]] for name, where in zip(keys, place, strict=True)
            ]
        except KeyError:
            raise AnonymizationError("The released table has a cell that its list does not say.") from None
        raw[tuple(at)] = released["value_raw"].to_numpy(dtype=np.float64)
        if np.isnan(raw).any():
            raise AnonymizationError("The released table lacks a cell that its list says.")
        return cls.of(layout, raw, float(noise[0]), tick)

    @classmethod
    def of(cls, layout: Layout, raw: npt.NDArray[np.float64], scale: float, tick: float = 1.0) -> Cells:
        """From an array with one axis for each column of the layout's keys, in their order."""
        import numpy as np  # noqa: PLC0415 - keeps the package light

        areas, profiles = max(len(layout.areas), 1), max(len(layout.profiles), 1)
        many = len(layout.programmes)
        patterns = np.asarray(list(product((False, True), repeat=many)), dtype=np.bool_)
        shaped = raw.reshape(areas, profiles, 2**many)
        return cls(layout, shaped, patterns.reshape(2**many, many), scale, tick)

    def sum(self, place: Place, patterns: Mask | None = None, profiles: Mask | None = None) -> Noisy:
        """Everything at a place added up, of some ways of being in programmes.

        Args:
            profiles: others than the place's.
        """
        import numpy as np  # noqa: PLC0415 - keeps the package light

        ways = np.ones(len(self.patterns), dtype=np.bool_) if patterns is None else patterns
        part = self.raw[np.ix_(place.areas, place.profiles if profiles is None else profiles, ways)]
        return Noisy(float(part.sum()), int(part.size), self.scale, self.tick)

    def of_keys(self, axis: Axis, keys: frozenset[str]) -> Mask:
        """(profiles,) those with one of the keys on that axis; who is not stated is never among them."""
        import numpy as np  # noqa: PLC0415 - keeps the package light

        wanted = [key in keys for key in axis.keys]
        sizes = [len(a.keys) for a in self.layout.axes]
        shape = [1] * len(sizes)
        shape[self.layout.axes.index(axis)] = len(axis.keys)
        mask = np.broadcast_to(np.asarray(wanted).reshape(shape), sizes)
        return np.append(mask.ravel(), False)

    def places(self) -> Iterator[Place]:
        """Every area, group and band, and all of each; where something is not stated is no place of its own."""
        import numpy as np  # noqa: PLC0415 - keeps the package light

        layout = self.layout
        every_area = np.ones(self.raw.shape[0], dtype=np.bool_)
        every_profile = np.ones(self.raw.shape[1], dtype=np.bool_)
        areas = [(ALL, every_area)]
        if layout.area:
            rows = np.eye(len(layout.areas), dtype=np.bool_)
            areas += [(key, rows[i]) for i, key in enumerate(layout.area.keys)]
        groups = [(ALL, every_profile)]
        groups += [
            (f"{axis.column}={key}", self.of_keys(axis, frozenset({key})))
            for axis in layout.groups
            for key in axis.keys
        ]
        bands = [(ALL, every_profile)]
        if layout.band:
            bands += [(key, self.of_keys(layout.band, frozenset({key}))) for key in layout.band.keys]
        for (area, here), (group, who), (band, well) in product(areas, groups, bands):
            yield Place(area, group, band, here, who & well, who)
