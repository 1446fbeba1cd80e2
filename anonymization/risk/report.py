"""One risk report: the same measurements before and after, as a plain dict without data values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.risk.attackers import Attack, journalist, marketer, prosecutor
from anonymization.risk.classes import Floats, Ints, Missing, key_codes, weights_of
from anonymization.risk.closeness import equal_distance, is_ordered, ordered_distance, sensitive_codes
from anonymization.risk.diversity import effective_values, heaviest_to_rest
from anonymization.risk.individual import household_risk, individual_risk
from anonymization.risk.spread import Spread, spread
from anonymization.risk.suda import dis_suda, suda
from anonymization.risk.tally import Tally, tally
from anonymization.risk.uniques import log_linear_risk, population_uniques
from anonymization.risk.units import profile_codes, unit_numbers


@dataclass(frozen=True, slots=True)
class RiskSettings:
    """What to measure.

    Args:
        keys: the key variables.
        k: the class size that is required.
        weight: sampling weight; "" where the extract is the population.
        household: column that names the household, "" where unknown.
        per_household: count households with their whole key profile instead of rows (tables with several rows
            each); a household's weight is the mean of its rows'.
        sensitive: variables whose l-diversity is measured.
        missing: how a missing key counts.
        violations: the class sizes for which violating records are counted.
        thresholds: risks above which the share of records is given, for each attacker.
        form: the individual risk's form, see `individual_risk`.
        suda: the largest minimal sample unique searched for; 0 leaves SUDA out.
        sampling_fraction: the fraction that DIS-SUDA reckons with.
        diversity_depth: l of the recursive (c, l)-diversity whose least c is given.
        closeness: whether t-closeness is measured on the sensitive variables.
        household_classes: whether households are counted in each class: five rows that look alike may be one family.
    """

    keys: tuple[str, ...]
    k: int
    weight: str = ""
    household: str = ""
    per_household: bool = False
    sensitive: tuple[str, ...] = ()
    missing: Missing = "wildcard"
    violations: tuple[int, ...] = (2, 3, 5, 10)
    thresholds: tuple[float, ...] = ()
    form: Literal["approximate", "exact"] = "approximate"
    suda: int = 0
    sampling_fraction: float = 0.01
    diversity_depth: int = 2
    closeness: bool = False
    household_classes: bool = False


def risk_report(
    table: pd.DataFrame, settings: RiskSettings, population: pd.DataFrame | None = None
) -> dict[str, object]:
    """Counts and probabilities of `table`; probabilities in [0, 1], expectations in records.

    Args:
        table: the records.
        settings: what to measure.
        population: a register of everybody with the same keys, for the journalist and the marketer; without one they
            reckon with the weights.

    Raises:
        Unusable: weights that are missing or negative, rows without a household, keys that cannot be compared.
    """
    keys = [k for k in settings.keys if k in table.columns]
    codes, weights, households = _counted(table, keys, settings)
    found, number = tally(codes, weights)
    people = (
        _people(table, population, keys, settings, number, len(found.count))
        if population is not None
        else None
    )
    report = key_report(found, settings, keys, people)
    classes = found.sizes(settings.missing)
    risk = individual_risk(classes, settings.form)
    together = household_risk(risk[number], households)
    report |= {
        "settings": asdict(settings) | {"keys": keys},
        "household_global_risk": float(together.mean()) if len(together) else 0.0,
        "household_expected_reidentifications": float(together.sum()),
        "households": int(households.max(initial=-1)) + 1 if settings.household else None,
    }
    if settings.household_classes and settings.household:
        held = spread(codes, households, missing=settings.missing)
        report["violations_by_households"] = {
            str(k): int(held.records[held.distinct() < k].sum()) for k in settings.violations
        }
    shown = [name for name in settings.sensitive if name in table]
    spreads = {name: _spread_report(table, keys, name, settings) for name in shown}
    report["diversity"] = {name: diversity for name, (diversity, _) in spreads.items()}
    if settings.closeness:
        report["closeness"] = {name: far for name, (_, far) in spreads.items()}
    return report


def key_report(
    found: Tally, settings: RiskSettings, keys: Sequence[str], people: Floats | None = None
) -> dict[str, object]:
    """Everything of the report that follows from distinct keys alone, so also from merged partial tallies.

    Args:
        found: distinct keys with counts and weights.
        settings: what to measure. keys: names of the keys, in the order of the codes.
        people: records of a population register that match each distinct key.
    """
    count = found.count
    classes = found.sizes(settings.missing)
    risk = individual_risk(classes, settings.form)
    n = found.records
    uniques = population_uniques(found, classes)
    model = log_linear_risk(found, classes)

    def records(where: npt.NDArray[np.bool_]) -> int:
        return int(count[where].sum())

    report: dict[str, object] = {
        "counted": "households" if settings.per_household else "rows",
        "records": n,
        "classes": len(count),
        "represented": float(found.weight.sum()),
        "smallest_class": int(classes.fk.min(initial=n)),
        "below_k": records(classes.fk < settings.k),
        "below_k_missing_as_category": records(count < settings.k),
        "sample_uniques": records(classes.fk == 1),
        "population_uniques": {
            "in_file": uniques.in_file,
            "in_population_pitman": uniques.in_population,
            "in_file_log_linear": model[0],
        },
        "violations": {str(k): records(classes.fk < k) for k in settings.violations},
        "highest_individual_risk": float(risk.max(initial=0.0)),
        "global_risk": float((risk * count).sum() / n) if n else 0.0,
        "expected_reidentifications": float((risk * count).sum()),
        "expected_reidentifications_of_uniques_log_linear": model[1],
        "attackers": {
            "prosecutor": _attack(prosecutor(classes, count, settings.thresholds)),
            "journalist": _attack(journalist(classes, count, settings.thresholds, people)),
            "marketer": {"average": marketer(classes, count, people)},
        },
        "missing_cells": {key: records(found.codes[:, j] < 0) for j, key in enumerate(keys)},
    }
    if settings.suda:
        report["suda"] = suda_report(found, classes.fk, settings, keys)
    return report


def suda_report(found: Tally, fk: Ints, settings: RiskSettings, keys: Sequence[str]) -> dict[str, object]:
    """SUDA2 of distinct keys: how many records have each score, in both conventions, and which keys are to blame."""
    result = suda(found, missing=settings.missing, largest=min(settings.suda, len(keys)) or None)
    parts = int(result.takes_part.sum())
    out: dict[str, object] = {"largest": result.largest}
    for name, convention in (("scores", "product"), ("scores_supersets", "supersets")):
        scores = result.scores("product" if convention == "product" else "supersets")
        chances = dis_suda(scores, found.count, fk, fraction=settings.sampling_fraction)
        values, places = np.unique(scores.round(9), return_inverse=True)
        held = np.bincount(places, weights=found.count, minlength=len(values))
        out[name] = {f"{value:.9g}": int(many) for value, many in zip(values, held, strict=True)}
        out["dis_suda" if convention == "product" else "dis_suda_supersets"] = {
            "highest": float(chances.max(initial=0.0)),
            "mean_of_scored": float(chances[scores > 0].mean()) if (scores > 0).any() else 0.0,
        }
    sizes = np.bincount(result.smallest, weights=found.count, minlength=result.largest + 1)
    out["smallest_unique_set"] = {str(s): int(sizes[s]) for s in range(1, result.largest + 1)}
    out["share_of_sets_naming_key"] = {
        key: float(result.takes_part[j] / max(result.found.sum(), 1)) if parts else 0.0
        for j, key in enumerate(keys)
    }
    return out


def _counted(table: pd.DataFrame, keys: list[str], settings: RiskSettings) -> tuple[Ints, Floats, Ints]:
    """Codes, weights and household numbers of what is counted: rows, or households with their key profiles."""
    weights = weights_of(table, settings.weight)
    if settings.per_household and settings.household:
        codes, unit = profile_codes(table, keys, settings.household)
        many = np.bincount(unit, minlength=len(codes))
        mean = np.bincount(unit, weights=weights, minlength=len(codes)) / np.maximum(many, 1)
        return codes, mean, np.arange(len(codes))
    households = unit_numbers(table, settings.household) if settings.household else np.arange(len(table))
    return key_codes(table, keys), weights, households


def _people(
    table: pd.DataFrame,
    population: pd.DataFrame,
    keys: list[str],
    settings: RiskSettings,
    number: Ints,
    distinct: int,
) -> Floats:
    """How many of the population's records match each distinct key of the table (coded together)."""
    both = pd.concat([table[keys], population[keys]], ignore_index=True)
    codes = key_codes(both, keys)
    first = np.empty(distinct, dtype=np.int64)
    first[number[::-1]] = np.arange(len(number) - 1, -1, -1)
    everybody, _ = tally(codes[len(table) :], np.ones(len(population)))
    asked = Tally(codes[first], np.ones(distinct), np.ones(distinct))
    return asked.found_in(everybody, settings.missing)


def _attack(attack: Attack) -> dict[str, object]:
    out = asdict(attack)
    out["above"] = {f"{t:g}": share for t, share in attack.above.items()}
    return out


def _spread_report(
    table: pd.DataFrame, keys: list[str], name: str, settings: RiskSettings
) -> tuple[dict[str, float | None], dict[str, object] | None]:
    found = spread(key_codes(table, keys), sensitive_codes(table[name]), missing=settings.missing)
    return spread_report(found, settings, ordered=is_ordered(table[name]))


def spread_report(
    found: Spread, settings: RiskSettings, *, ordered: bool
) -> tuple[dict[str, float | None], dict[str, object] | None]:
    """l-diversity, and t-closeness if wanted, of one sensitive variable. Infinite is None: no c is enough.

    Args:
        found: of records, or of merged tallies with their counts as weights.
        settings: what to measure. ordered: whether the variable has an order of its own.
    """
    distinct, effective = found.distinct(), effective_values(found)
    n = max(found.records.sum(), 1.0)
    ratio = float(heaviest_to_rest(found, settings.diversity_depth).max(initial=0.0))
    diversity = {
        "lowest": float(distinct.min(initial=0 if not len(distinct) else len(found.overall))),
        "mean": float((distinct * found.records).sum() / n),
        "one_value": int(found.records[distinct <= 1].sum()),
        "entropy_lowest": float(effective.min(initial=np.inf if len(effective) else 0.0)),
        "entropy_mean": float((effective * found.records).sum() / n),
        "recursive_depth": float(settings.diversity_depth),
        "recursive_least_c": ratio if np.isfinite(ratio) else None,
    }
    if not settings.closeness:
        return diversity, None
    far = ordered_distance(found) if ordered else equal_distance(found)
    known = ~np.isnan(far)
    closeness: dict[str, object] = {
        "distance": "ordered" if ordered else "equal",
        "highest": float(far[known].max(initial=0.0)),
        "mean": float((far[known] * found.records[known]).sum() / max(found.records[known].sum(), 1.0)),
        "records_without_a_known_value": int(found.records[~known].sum()),
    }
    return diversity, closeness
