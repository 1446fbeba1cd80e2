"""Risk over partitions: distinct keys with counts add up, and what single records need is looked up once more.

Class sizes are those of the whole table, never of a partition. The figures are those of `risk.report.risk_report`
of the whole table, to 12 digits (sums are taken in another order).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from anonymization.risk.classes import group, key_codes, weights_of
from anonymization.risk.closeness import is_ordered, sensitive_codes
from anonymization.risk.individual import household_risk, individual_risk
from anonymization.risk.report import RiskSettings, key_report, spread_report
from anonymization.risk.spread import spread
from anonymization.risk.tally import COUNT, Tally, merge_tallies, tally_table
from anonymization.risk.units import unit_numbers

_VALUE = "\0value"
_WEIGHT = "\0weight"


@dataclass(frozen=True, slots=True)
class RiskScan:
    """What one partition says.

    Args:
        tally: its distinct keys (of rows, or of households' profiles).
        pairs: for each sensitive variable, distinct keys with its values.
        ordered: whether that variable has an order.
        households: how many there are; shared: whether any has more than one row.
        homes: distinct keys with the households that hold them, numbered in the partition; None unless asked for.
    """

    tally: pd.DataFrame
    pairs: Mapping[str, pd.DataFrame]
    ordered: Mapping[str, bool]
    households: int
    shared: bool
    homes: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Together:
    """The risks of one partition's households, summed over its records."""

    total: float
    records: int


def columns_of(settings: RiskSettings) -> tuple[str, ...]:
    """The columns that measuring reads."""
    names = (*settings.keys, *settings.sensitive, settings.weight, settings.household)
    return tuple(dict.fromkeys(n for n in names if n))


def scan(table: pd.DataFrame, settings: RiskSettings) -> RiskScan:
    """Of one partition; its index does not matter."""
    keys = list(settings.keys)
    table = table.reset_index(drop=True)
    units = unit_numbers(table, settings.household) if settings.household else np.arange(len(table))
    households = int(units.max(initial=-1)) + 1
    if settings.per_household and settings.household:
        found = tally_table(_profiles(table, keys, units, households, settings), keys, _WEIGHT)
    else:
        found = tally_table(table, keys, settings.weight)
    pairs, ordered = {}, {}
    for name in settings.sensitive:
        pairs[name] = tally_table(table[keys].assign(**{_VALUE: table[name]}), [*keys, _VALUE])
        ordered[name] = is_ordered(table[name])
    homes = None
    if settings.household_classes and settings.household and not settings.per_household:
        homes = tally_table(table[keys].assign(**{_VALUE: units}), [*keys, _VALUE])
    return RiskScan(found, pairs, ordered, households, households < len(table), homes)


def _profiles(
    table: pd.DataFrame, keys: list[str], units: Any, households: int, settings: RiskSettings
) -> pd.DataFrame:
    """One row for each household: for each key the set of its values as one text (see risk.units.profile_codes)."""
    out = {}
    for key in keys:
        shown = pd.DataFrame({"unit": units, "value": table[key]}).dropna().drop_duplicates()
        texts = shown["value"].map(repr)
        single = ~shown["unit"].duplicated(keep=False)
        column = np.full(households, None, dtype=object)
        column[shown["unit"][single]] = texts[single]
        several = texts[~single].groupby(shown["unit"][~single]).agg(lambda t: "\x1f".join(sorted(t)))
        column[several.index] = several
        out[key] = column
    many = np.bincount(units, minlength=households)
    weights = np.bincount(units, weights=weights_of(table, settings.weight), minlength=households)
    return pd.DataFrame({**out, _WEIGHT: weights / np.maximum(many, 1)})


@dataclass(frozen=True, slots=True)
class Measured:
    """All partitions together. Args: risks: distinct keys with their risk, to look records up in."""

    report: dict[str, Any]
    risks: pd.DataFrame
    shared: bool


def measure(scans: Sequence[RiskScan], settings: RiskSettings) -> Measured:
    """Everything that follows from counts; of households only where each has one record."""
    keys = list(settings.keys)
    merged = merge_tallies([s.tally for s in scans], keys)
    found = Tally.of_table(merged, keys)
    report = key_report(found, settings, keys)
    risk = individual_risk(found.sizes(settings.missing), settings.form)
    report |= {
        "settings": asdict(settings) | {"keys": keys},
        "household_global_risk": report["global_risk"],
        "household_expected_reidentifications": report["expected_reidentifications"],
        "households": sum(s.households for s in scans) if settings.household else None,
        "diversity": {},
    }
    spreads = {name: _spread(scans, name, settings) for name in settings.sensitive}
    report["diversity"] = {name: diversity for name, (diversity, _) in spreads.items()}
    if settings.household_classes and settings.household:
        report["violations_by_households"] = _by_households(scans, settings) or report["violations"]
    if settings.closeness:
        report["closeness"] = {name: far for name, (_, far) in spreads.items()}
    shared = any(s.shared for s in scans) and not settings.per_household
    return Measured(report, merged[keys].assign(risk=risk), shared)


def _spread(scans: Sequence[RiskScan], name: str, settings: RiskSettings) -> Any:
    keys = list(settings.keys)
    pairs = merge_tallies([s.pairs[name] for s in scans], [*keys, _VALUE])
    found = spread(
        key_codes(pairs, keys),
        sensitive_codes(pairs[_VALUE]),
        missing=settings.missing,
        weights=pairs[COUNT].to_numpy(dtype=np.float64),
    )
    return spread_report(found, settings, ordered=all(s.ordered[name] for s in scans))


def _by_households(scans: Sequence[RiskScan], settings: RiskSettings) -> dict[str, int]:
    """Records whose class holds too few households; nothing where households are what is counted.

    No household stands in two partitions, so their numbers only have to be set apart.
    """
    keys = list(settings.keys)
    parts = [s.homes for s in scans if s.homes is not None]
    if not parts:
        return {}
    before = np.cumsum([0, *(s.households for s in scans)])
    apart = [h.assign(**{_VALUE: h[_VALUE] + b}) for h, b in zip(parts, before.tolist(), strict=False)]
    pairs = pd.concat(apart, ignore_index=True)
    count = pairs[COUNT].to_numpy(dtype=np.float64)
    found = spread(
        key_codes(pairs, keys),
        pairs[_VALUE].to_numpy(dtype=np.int64),
        missing=settings.missing,
        weights=count,
    )
    return {str(k): int(found.records[found.distinct() < k].sum()) for k in settings.violations}


def together(table: pd.DataFrame, risks: pd.DataFrame, settings: RiskSettings) -> Together:
    """The second look at one partition: each record's risk by its key, then its household's."""
    keys = list(settings.keys)
    known = len(risks)
    number, _ = group(key_codes(pd.concat([risks[keys], table[keys]], ignore_index=True), keys))
    risk = np.zeros(int(number.max(initial=-1)) + 1)
    risk[number[:known]] = risks["risk"].to_numpy()
    found = household_risk(risk[number[known:]], unit_numbers(table, settings.household))
    return Together(math.fsum(found), len(found))


def report_of(measured: Measured, looks: Sequence[Together]) -> dict[str, Any]:
    """The whole report, floats to 12 digits."""
    report = dict(measured.report)
    if measured.shared:
        total, records = math.fsum(t.total for t in looks), sum(t.records for t in looks)
        report["household_expected_reidentifications"] = total
        report["household_global_risk"] = total / records if records else 0.0
    rounded: dict[str, Any] = _rounded(report)
    return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value
