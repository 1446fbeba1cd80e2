"""Risk over partitions: distinct keys with counts add up, and what single records need is looked up once more.

Class sizes are those of the whole table, never of a partition. The figures are those of `risk.report.risk_report`
of the whole table, to 12 digits (sums are taken in another order).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.errors import BrokenIntent
from anonymization.risk.classes import Floats, key_codes, weights_of
from anonymization.risk.closeness import is_ordered, sensitive_codes
from anonymization.risk.individual import household_risk, individual_risk
from anonymization.risk.report import RiskSettings, key_report, spread_report
from anonymization.risk.spread import spread
from anonymization.risk.tally import COUNT, Tally, merge_tallies, tally_table
from anonymization.risk.units import unit_numbers

_VALUE = "\0value"
_WEIGHT = "\0weight"
_TOGETHER = 6  # tallies that are merged at once


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
class Risks:
    """The risk of each distinct key, to look records up in. Args: hashes: of the keys, rising; risk: shape (keys,)."""

    hashes: npt.NDArray[np.uint64]
    risk: Floats


@dataclass(frozen=True, slots=True)
class Measured:
    """All partitions together. Args: shared: whether households have several records, which must be looked up."""

    report: dict[str, Any]
    risks: Risks
    shared: bool


class _Sum:
    """Tallies added up as they come, so that memory holds what is distinct and not what was handed in."""

    def __init__(self, keys: list[str]) -> None:
        self._keys, self._waiting = keys, list[pd.DataFrame]()

    def add(self, tally: pd.DataFrame) -> None:
        self._waiting.append(tally)
        if len(self._waiting) == _TOGETHER:
            self._waiting = [self.total()]

    def total(self) -> pd.DataFrame:
        return merge_tallies(self._waiting, self._keys)


def measure(scans: Iterable[RiskScan], settings: RiskSettings) -> Measured:
    """Everything that follows from counts; of households only where each has one record."""
    keys = list(settings.keys)
    tallies, pairs = _Sum(keys), {name: _Sum([*keys, _VALUE]) for name in settings.sensitive}
    households, shared, ordered = 0, False, dict.fromkeys(settings.sensitive, True)
    homes: list[pd.DataFrame] = []
    for scan_ in scans:
        tallies.add(scan_.tally)
        for name, total in pairs.items():
            total.add(scan_.pairs[name])
            ordered[name] = ordered[name] and scan_.ordered[name]
        if scan_.homes is not None:  # no household stands in two partitions: their numbers are set apart
            homes.append(scan_.homes.assign(**{_VALUE: scan_.homes[_VALUE] + households}))
        households += scan_.households
        shared = shared or scan_.shared
    merged = tallies.total()
    found = Tally.of_table(merged, keys)
    report = key_report(found, settings, keys)
    risk = individual_risk(found.sizes(settings.missing), settings.form)
    report |= {
        "settings": asdict(settings) | {"keys": keys},
        "household_global_risk": report["global_risk"],
        "household_expected_reidentifications": report["expected_reidentifications"],
        "households": households if settings.household else None,
        "diversity": {},
    }
    spreads = {name: _spread(pairs[name].total(), settings, ordered=ordered[name]) for name in pairs}
    report["diversity"] = {name: diversity for name, (diversity, _) in spreads.items()}
    if settings.household_classes and settings.household:
        report["violations_by_households"] = _by_households(homes, settings) or report["violations"]
    if settings.closeness:
        report["closeness"] = {name: far for name, (_, far) in spreads.items()}
    hashes = _hashes(merged, keys)
    order = np.argsort(hashes)
    return Measured(report, Risks(hashes[order], risk[order]), shared and not settings.per_household)


def _spread(pairs: pd.DataFrame, settings: RiskSettings, *, ordered: bool) -> Any:
    keys = list(settings.keys)
    found = spread(
        key_codes(pairs, keys),
        sensitive_codes(pairs[_VALUE]),
        missing=settings.missing,
        weights=pairs[COUNT].to_numpy(dtype=np.float64),
    )
    return spread_report(found, settings, ordered=ordered)


def _by_households(homes: Sequence[pd.DataFrame], settings: RiskSettings) -> dict[str, int]:
    """Records whose class holds too few households; nothing where households are what is counted.

    Args:
        homes: distinct keys with the households that show them, each household numbered once.
    """
    keys = list(settings.keys)
    if not homes:
        return {}
    pairs = pd.concat(homes, ignore_index=True)
    count = pairs[COUNT].to_numpy(dtype=np.float64)
    found = spread(
        key_codes(pairs, keys),
        pairs[_VALUE].to_numpy(dtype=np.int64),
        missing=settings.missing,
        weights=count,
    )
    return {str(k): int(found.records[found.distinct() < k].sum()) for k in settings.violations}


def together(table: pd.DataFrame, risks: Risks, settings: RiskSettings) -> Together:
    """The second look at one partition: each record's risk by its key, then its household's.

    Raises:
        BrokenIntent: a record has a key that nobody counted: a defect of ours.
    """
    hashes = _hashes(table, settings.keys)
    places = np.minimum(np.searchsorted(risks.hashes, hashes), max(0, len(risks.hashes) - 1))
    if (risks.hashes[places] != hashes).any():
        raise BrokenIntent("A record has a key that was not counted. This is a defect; nothing was released.")
    found = household_risk(risks.risk[places], unit_numbers(table, settings.household))
    return Together(math.fsum(found), len(found))


def _hashes(table: pd.DataFrame, keys: Sequence[str]) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each record's key, the same whatever dtype holds it: 5, 5.0 and Int64's 5 are one value."""
    out = np.zeros(len(table), dtype=np.uint64)
    for key in keys:
        codes, distinct = pd.factorize(table[key], use_na_sentinel=True)
        each = np.array([_hash(v) for v in distinct.tolist()] + [1], dtype=np.uint64)
        # The mixing step of a 64-bit multiplicative hash; -1, missing, takes the last place.
        out = (out ^ each[codes]) * np.uint64(0x9E3779B97F4A7C15)
        out ^= out >> np.uint64(29)
    return out


def _hash(value: object) -> int:
    number = isinstance(value, int | float | np.number)
    text = repr(float(value)) if number else f"{type(value).__name__}:{value}"  # type: ignore[arg-type]
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )


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
