"""l-diversity: how many values of a sensitive variable a class leaves open, and how evenly.

Source: Machanavajjhala, Kifer, Gehrke and Venkitasubramaniam (2007), l-Diversity: privacy beyond k-anonymity.
Under the wildcard reading a record's class is every record that is compatible with it; under the category reading
a missing key is a value of its own. Missing sensitive values are not counted as a value. Weights do not enter: the
attacker reads the file.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from anonymization.risk.classes import Floats, Ints, Missing, column_codes, key_codes
from anonymization.risk.spread import Spread, spread


def distinct_diversity(table: pd.DataFrame, keys: Sequence[str], sensitive: str, *, missing: Missing) -> Ints:
    """For each record, how many distinct known values of `sensitive` its class holds. Shape (records,).

    A class in which every sensitive value is missing has diversity 0.
    """
    found = _found(table, keys, sensitive, missing)
    return found.distinct()[found.of_record]


def entropy_diversity(
    table: pd.DataFrame, keys: Sequence[str], sensitive: str, *, missing: Missing
) -> Floats:
    """For each record, exp(entropy) of its class: the l for which the class is just entropy l-diverse.

    Shape (records,); at least 1, or 0 where every sensitive value is missing.
    """
    found = _found(table, keys, sensitive, missing)
    return effective_values(found)[found.of_record]


def recursive_ratio(
    table: pd.DataFrame, keys: Sequence[str], sensitive: str, *, depth: int, missing: Missing
) -> Floats:
    """For each record r_1 / (r_l + ... + r_m), with l = `depth` and r_i the i-th largest count of its class.

    A class is recursively (c, l)-diverse exactly when this is below c. Infinite where fewer than l values are held.
    Shape (records,).
    """
    found = _found(table, keys, sensitive, missing)
    return heaviest_to_rest(found, depth)[found.of_record]


def effective_values(found: Spread) -> Floats:
    """exp(entropy) of each class, 0 where no value is known; shape (classes,)."""
    share = found.count / found.known()[found.place]
    entropy = np.maximum(found.per_class(-share * np.log(share)), 0.0)
    return np.where(found.distinct() > 0, np.exp(entropy), 0.0)


def heaviest_to_rest(found: Spread, depth: int) -> Floats:
    """As `recursive_ratio`, of each class; shape (classes,)."""
    order = np.lexsort((-found.count, found.place))
    counts, place = found.count[order], found.place[order]
    rank = np.arange(len(order)) - found.starts()[place]
    rest = np.bincount(place, weights=counts * (rank >= depth - 1), minlength=found.classes)
    top = np.bincount(place, weights=counts * (rank == 0), minlength=found.classes)
    return np.where(rest > 0, top / np.where(rest > 0, rest, 1.0), np.inf)


def _found(table: pd.DataFrame, keys: Sequence[str], sensitive: str, missing: Missing) -> Spread:
    return spread(key_codes(table, keys), column_codes(table[sensitive]), missing=missing)
