"""Two plans that OpenDP 0.16 accepts at a loss that they exceed; both are reported upstream and open.

- opendp/opendp#2945: a margin's `max_length` bounds the rows of a group, and is used as the most by which a group can
  change; when all of its rows change, twice as many do.
- opendp/opendp#2949: rows are truncated per value of a column, the column is then redefined, and the truncation is
  still believed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import opendp.prelude as dp
import polars as pl

dp.enable_features("contrib")


@dataclass(frozen=True)
class Plan:
    """A measurement, two neighbouring tables, and how far apart OpenDP is told that they are."""

    measurement: object
    one: pl.LazyFrame
    other: pl.LazyFrame
    apart: int
    column: str

    @property
    def claimed(self) -> float:
        """What the measurement's own map says: epsilon, or rho."""
        return float(self.measurement.map(self.apart))

    def draw(self, table: pl.LazyFrame) -> float:
        return float(self.measurement(table).collect()[self.column].item())


def margin_taken_as_a_sensitivity() -> Plan:
    """A sum of three payments within ±10, all three changed: three rows out, three in."""
    schema = {"region": pl.String, "pay": pl.Int32}
    one = pl.LazyFrame({"region": ["a"] * 3, "pay": [10] * 3}, schema=schema)
    other = pl.LazyFrame({"region": ["a"] * 3, "pay": [-10] * 3}, schema=schema)
    asked = pl.LazyFrame(schema=schema).group_by("region").agg(pl.col("pay").dp.sum((-10, 10), scale=30.0))
    columns = [
        dp.series_domain("region", dp.atom_domain(T=str)),
        dp.series_domain("pay", dp.atom_domain(T="i32")),
    ]
    domain = dp.with_margin(
        dp.lazyframe_domain(columns),
        dp.polars.Margin(by=["region"], max_length=3, max_groups=1, invariant="keys"),
    )
    made = dp.m.make_private_lazyframe(domain, dp.symmetric_distance(), dp.max_divergence(), asked)
    return Plan(made, one, other, 6, "pay")


def column_redefined_after_truncation() -> Plan:
    """One row in each of a hundred groups, which are then made one; noise for one row in each group (zCDP)."""
    groups = 100
    one = pl.LazyFrame({"id": [0] * groups + [1] * groups, "group": list(range(groups)) * 2})
    other = pl.LazyFrame({"id": [1] * groups, "group": list(range(groups))})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        counted = dp.len(scale=groups**0.5 / 0.2)
    asked = (
        pl.LazyFrame(schema={"id": pl.Int64, "group": pl.Int64})
        .filter(pl.int_range(pl.len()).over("id", "group") < 1)
        .filter(pl.struct("group").rank("dense").over("id") < groups + 1)
        .with_columns(group=pl.lit(0, dtype=pl.Int64))
        .group_by("group")
        .agg(counted)
    )
    columns = [
        dp.series_domain("id", dp.atom_domain(T="i64")),
        dp.series_domain("group", dp.atom_domain(T="i64")),
    ]
    made = dp.m.make_private_lazyframe(
        dp.lazyframe_domain(columns),
        dp.symmetric_id_distance(identifier=pl.col("id")),
        dp.zero_concentrated_divergence(),
        pl.LazyFrame({"group": [0]}).join(asked, on="group", how="left"),
    )
    return Plan(made, one, other, 1, "len")
