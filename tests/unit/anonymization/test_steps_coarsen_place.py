"""Coarser places: no true coordinate stays, each place could stand for k others, and the radius follows the crowd."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from anonymization.errors import RecipeProblem, Unusable
from anonymization.keys import KeyRing
from anonymization.pipeline import run
from anonymization.places import Dwellings, grid_cells, moved
from anonymization.recipe import load_recipe
from anonymization.schema import Schema
from anonymization.steps import Context
from anonymization.steps.coarsen_place import CoarsenPlace

CONTEXT = Context(KeyRing(b"a master key of the tests"), "scope", date(2026, 6, 30))
RING = CoarsenPlace("lat", "lon", "ring", 5, unit="hh", min_km=0.5, max_km=2, limit_km=60)


def haversine(a_lat, a_lon, b_lat, b_lon):
    """Kilometres, written again for the tests."""
    a_lat, a_lon, b_lat, b_lon = map(np.radians, (a_lat, a_lon, b_lat, b_lon))
    h = np.sin((b_lat - a_lat) / 2) ** 2 + np.cos(a_lat) * np.cos(b_lat) * np.sin((b_lon - a_lon) / 2) ** 2
    return 2 * 6371.0088 * np.arcsin(np.sqrt(h))


def dwellings(n: int = 500, rows_each: int = 1) -> pd.DataFrame:
    """A town, villages and scattered farms, in two areas that a meridian parts."""
    rng = np.random.default_rng(11)
    where = rng.choice(3, n, p=[0.5, 0.4, 0.1])
    middle = np.array([[-1.28, 36.82], [-1.10, 36.55], [-1.2, 36.7]])[where]
    spread = np.array([0.02, 0.05, 0.25])[where]
    at = middle + rng.normal(size=(n, 2)) * spread[:, None]
    table = pd.DataFrame({"hh": np.arange(n), "lat": at[:, 0], "lon": at[:, 1]})
    table["area"] = np.where(table["lon"] < 36.7, "west", "east")
    return table.loc[table.index.repeat(rows_each)].reset_index(drop=True)


def spatial_k(true: pd.DataFrame, out: pd.DataFrame) -> np.ndarray:
    """By brute force: other dwellings at least as near to the new point as the true one."""
    lat, lon = true["lat"].round(4).to_numpy(), true["lon"].round(4).to_numpy()
    counts = []
    for i in range(len(out)):
        far = haversine(true["lat"].iloc[i], true["lon"].iloc[i], out["lat"].iloc[i], out["lon"].iloc[i])
        counts.append(
            int((haversine(lat, lon, out["lat"].iloc[i], out["lon"].iloc[i]) <= far + 0.03).sum()) - 1
        )
    return np.array(counts)


def test_every_displaced_dwelling_could_be_k_others_and_none_stays_near():
    table = dwellings()
    out, evidence = RING.apply(table, CONTEXT)
    assert spatial_k(table, out).min() >= 5
    far = haversine(table["lat"], table["lon"], out["lat"], out["lon"])
    assert far.min() > 0.48  # 0.5 km, and coordinates are given to four decimals
    assert evidence["spatial_k"]["min"] >= 5
    assert evidence["km"]["max"] > 2  # farms needed a wider ring
    assert evidence["km"]["median"] < 2
    assert abs(evidence["km"]["median"] - np.median(far)) < 0.05


def test_a_fixed_radius_would_leave_farms_recognisable_and_is_refused():
    with pytest.raises(Unusable, match=r"households have no place within 2 km that could stand for 5 others"):
        CoarsenPlace("lat", "lon", "ring", 5, unit="hh", min_km=0.5, max_km=2, limit_km=2).apply(
            dwellings(), CONTEXT
        )


def test_a_displaced_dwelling_stays_in_its_area():
    table = dwellings()
    step = CoarsenPlace("lat", "lon", "ring", 5, unit="hh", area="area", min_km=0.5, max_km=3, limit_km=80)
    out, _ = step.apply(table, CONTEXT)
    nearest = [
        table["area"].iloc[int(np.argmin(haversine(table["lat"], table["lon"], la, lo)))]
        for la, lo in zip(out["lat"], out["lon"], strict=True)
    ]
    assert (pd.Series(nearest) == table["area"]).mean() > 0.995  # rounding moves a point by up to 8 m
    free, _ = RING.apply(table, CONTEXT)
    assert not free["lat"].equals(out["lat"])


def test_one_household_has_one_displacement_however_often_and_in_whatever_part_it_is_drawn():
    table = dwellings(rows_each=2)
    out, _ = RING.apply(table, CONTEXT)
    assert out.groupby("hh")[["lat", "lon"]].nunique().eq(1).all().all()
    again, _ = RING.apply(table, CONTEXT)
    pd.testing.assert_frame_equal(out, again)
    whole = RING.decide([RING.scan(table.iloc[:400], CONTEXT), RING.scan(table.iloc[400:], CONTEXT)], CONTEXT)
    parts = [RING.carry_out(part, whole, CONTEXT)[0] for part in (table.iloc[:400], table.iloc[400:])]
    pd.testing.assert_frame_equal(pd.concat(parts), out)
    elsewhere, _ = RING.apply(table, Context(CONTEXT.keys, "another", CONTEXT.reference_date))
    assert (elsewhere["lat"] != out["lat"]).mean() > 0.98


def test_directions_and_distances_fill_the_ring_evenly():
    n = 4_000
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"hh": range(n), "lat": rng.normal(0, 0.003, n), "lon": rng.normal(0, 0.003, n)})
    out, _ = CoarsenPlace("lat", "lon", "ring", 1, unit="hh", min_km=1, max_km=3, limit_km=3).apply(
        table, CONTEXT
    )
    far = haversine(table["lat"], table["lon"], out["lat"], out["lon"])
    # Uniform over the surface: half of the points beyond sqrt((1 + 9) / 2) km.
    assert abs((far > np.sqrt(5)).mean() - 0.5) < 0.05
    north, east = out["lat"] > table["lat"], out["lon"] > table["lon"]
    assert abs(north.mean() - 0.5) < 0.05
    assert abs(east.mean() - 0.5) < 0.05


@pytest.mark.parametrize("lat", [0.0, -1.3, 41.0, -60.0, 80.0])
def test_moving_goes_as_far_as_it_says(lat):
    angle = np.linspace(0, 2 * np.pi, 25)
    km = np.linspace(0.1, 400, 25)
    la, lo = moved(np.full(25, lat), np.full(25, 179.9), km, angle)
    assert np.allclose(haversine(lat, 179.9, la, lo), km, rtol=1e-6)
    assert (np.abs(lo) <= 180).all()


def test_a_grid_gives_one_centre_a_cell_and_cells_are_as_large_as_they_say():
    rng = np.random.default_rng(3)
    lat, lon = rng.uniform(-60, 60, 5_000), rng.uniform(-180, 180, 5_000)
    to_lat, to_lon = grid_cells(lat, lon, 25)
    assert haversine(lat, lon, to_lat, to_lon).max() <= 25 * np.sqrt(2) / 2 * 1.05
    again = grid_cells(to_lat, to_lon, 25)
    assert np.allclose(again[0], to_lat)
    assert np.allclose(again[1], to_lon)


def test_a_grid_refuses_or_blanks_the_cells_where_few_live():
    table = dwellings()
    with pytest.raises(Unusable, match="fewer than 5 others"):
        CoarsenPlace("lat", "lon", "grid", 5, km=5).apply(table, CONTEXT)
    out, evidence = CoarsenPlace("lat", "lon", "grid", 5, km=5, sparse="blank").apply(table, CONTEXT)
    assert out.dropna().groupby(["lat", "lon"]).size().min() >= 6
    assert evidence["blanked"] == int(out["lat"].isna().sum()) > 0
    assert evidence["spatial_k"]["min"] >= 5


def test_a_centroid_is_the_one_of_the_area():
    table = dwellings()
    step = CoarsenPlace(
        "lat", "lon", "centroid", 5, area="area", centroids={"west": (-1.1, 36.5), "east": (-1.3, 36.8)}
    )
    out, _ = step.apply(table, CONTEXT)
    assert set(zip(out["area"], out["lat"], out["lon"], strict=True)) == {
        ("west", -1.1, 36.5),
        ("east", -1.3, 36.8),
    }
    with pytest.raises(Unusable, match="1 areas have no centroid"):
        CoarsenPlace("lat", "lon", "centroid", 5, area="area", centroids={"west": (0, 0)}).apply(
            table, CONTEXT
        )


def test_missing_and_impossible_coordinates_become_missing_and_are_counted():
    table = dwellings().astype({"lat": object})
    table.loc[0, "lat"] = None
    table.loc[1, "lat"] = 91.0
    table.loc[2, "lat"] = "unreadable"
    out, evidence = RING.apply(table, CONTEXT)
    assert out["lat"].isna().tolist()[:4] == [True, True, True, False]
    assert evidence["unreadable"] == 3
    assert evidence["households"] == len(table) - 3
    assert len(RING.apply(table.iloc[:0], CONTEXT)[0]) == 0


def test_an_index_with_repeated_labels_gives_nobody_anothers_place():
    table = dwellings(rows_each=2)
    plain, _ = RING.apply(table, CONTEXT)
    odd, _ = RING.apply(table.set_axis([1] * len(table)), CONTEXT)
    assert odd["lat"].tolist() == plain["lat"].tolist()


def test_settings_that_protect_nothing_are_refused():
    schema = Schema.infer(dwellings(), {})
    for step, said in (
        (CoarsenPlace("lat", "lon", "ring", 5, min_km=0, max_km=2, limit_km=9), "min_km above 0"),
        (CoarsenPlace("lat", "lon", "grid", 5), "needs km"),
        (CoarsenPlace("lat", "lon", "grid", 0, km=3), "k must be"),
        (CoarsenPlace("lat", "lon", "centroid", 5), "needs area"),
        (CoarsenPlace("area", "lon", "grid", 5, km=3), "not a number"),
    ):
        with pytest.raises(RecipeProblem, match=said):
            step.plan(schema)
    assert "60 km" in RING.plan(schema).says


def test_counting_neighbours_agrees_with_brute_force():
    table = dwellings(300)
    homes = Dwellings.of(
        table["lat"].to_numpy(), table["lon"].to_numpy(), table["area"].to_numpy(dtype=object)
    )
    rng = np.random.default_rng(9)
    lat, lon, km = rng.uniform(-1.4, -1.0, 50), rng.uniform(36.4, 36.9, 50), rng.uniform(0, 3, 50)
    near, _ = homes.around(lat, lon, km)
    lats, lons = table["lat"].round(4).to_numpy(), table["lon"].round(4).to_numpy()
    brute = [
        int((haversine(lats, lons, a, o) <= r + 0.01).sum()) - 1 for a, o, r in zip(lat, lon, km, strict=True)
    ]
    assert near.tolist() == np.minimum(brute, 64).tolist()


RECIPE = """
name: places
version: 1
dataset: places
unit: household
tier: scientific use
columns:
  hh: {role: direct, treatment: pseudonymise}
  lat: {role: quasi, treatment: coarsen_place}
  lon: {role: quasi, treatment: coarsen_place}
  area: {role: quasi, treatment: suppress}
  seen: {role: quasi, treatment: shift_dates}
steps:
  - shift_dates: {columns: [seen], unit: hh, max_days: 90}
  - coarsen_place: {latitude: lat, longitude: lon, method: ring, k: 5, unit: hh, area: area, min_km: 0.5, max_km: 3, limit_km: 80}
  - pseudonymise: {columns: [hh], domain: household}
  - suppress: {keys: [area], k: 5}
  - shuffle: {}
risk: {keys: [area], k: 5}
"""


def test_a_recipe_gives_the_same_places_and_dates_over_any_partitions():
    table = dwellings()
    table["seen"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(table)) % 900, unit="D")
    recipe, day = load_recipe(RECIPE), CONTEXT.reference_date
    one, many = (
        run(recipe, table, CONTEXT.keys, scope="scope", reference_date=day, partitions=n, processes=1)
        for n in (1, 3)
    )
    assert one.digest == many.digest
    told = {s["kind"]: s["evidence"] for s in many.evidence["steps"]}
    alone = {s["kind"]: s["evidence"] for s in one.evidence["steps"]}
    for key in ("households", "households_by_spatial_k", "compared_with", "k"):
        assert told["coarsen_place"][key] == alone["coarsen_place"][key]
    assert sum(told["coarsen_place"]["households_by_spatial_k"].values()) == len(table)
    assert told["shift_dates"]["units"] == len(table)
    assert told["shift_dates"]["max_days"] == 90
