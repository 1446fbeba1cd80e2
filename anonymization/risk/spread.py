"""How the values of a sensitive variable are spread over the classes: what l-diversity and t-closeness look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anonymization.risk.classes import Floats, Ints, Missing, group, meetings


@dataclass(frozen=True, slots=True)
class Spread:
    """The known values that each class holds, sorted by class and, in it, by value code. No entry where it has none.

    Args:
        place: which class, shape (entries,). value: which value. count: records of the class with that value.
        of_record: the class of each record, shape (records,).
        records: how many records have the class's own key, shape (classes,).
        overall: how many records of the whole table have each value, shape (values,).
    """

    place: Ints
    value: Ints
    count: Floats
    of_record: Ints
    records: Floats
    overall: Floats

    @property
    def classes(self) -> int:
        return len(self.records)

    def per_class(self, weights: Floats) -> Floats:
        """Sums of one number for each entry, shape (classes,)."""
        return np.bincount(self.place, weights=weights, minlength=self.classes).astype(np.float64)

    def known(self) -> Floats:
        """Records of each class (under the wildcard reading: records compatible with it) whose value is known."""
        return self.per_class(self.count)

    def distinct(self) -> Ints:
        """Distinct known values of each class."""
        return np.bincount(self.place, minlength=self.classes).astype(np.int64)

    def starts(self) -> Ints:
        """Where the entries of each class begin."""
        return np.cumsum(self.distinct()) - self.distinct()


def spread(codes: Ints, values: Ints, *, missing: Missing, weights: Floats | None = None) -> Spread:
    """Counts the known values of each class.

    Args:
        codes: coded key variables, -1 where missing, shape (records, keys).
        values: codes of the sensitive variable, 0.. and -1 where missing, shape (records,).
        missing: "category": a missing key is a value of its own and classes do not overlap; "wildcard": a class is
            all records compatible with its key, so a record can belong to several.
        weights: how many records each row stands for (a tally's counts); one when None.
    """
    number, first = group(codes)
    weights = np.ones(len(codes)) if weights is None else weights
    records = np.bincount(number, weights=weights, minlength=len(first)).astype(np.float64)
    known = values >= 0
    key, value, count = _summed(number[known], values[known], weights[known])
    overall = np.bincount(values[known], weights=weights[known]).astype(np.float64)
    distinct = codes[first]
    if missing == "wildcard" and (distinct < 0).any():
        key, value, count = _overlapping(distinct, key, value, count)
    return Spread(key, value, count, number, records, overall)


def _summed(place: Ints, value: Ints, count: Floats) -> tuple[Ints, Ints, Floats]:
    """Entries with equal place and value as one, sorted by both."""
    both = np.empty((len(place), 2), dtype=np.int64, order="F")
    both[:, 0], both[:, 1] = place, value
    number, first = group(both)
    if len(place) == 0:
        return place, value, count
    total = np.bincount(number, weights=count, minlength=len(first)).astype(np.float64)
    place, value = place[first], value[first]
    order = np.lexsort((value, place))
    return place[order], value[order], total[order]


def _overlapping(distinct: Ints, key: Ints, value: Ints, count: Floats) -> tuple[Ints, Ints, Floats]:
    """For each distinct key the values of all keys that it is compatible with."""
    places, values, counts = [], [], []
    for rows, others, number, size in meetings(distinct, distinct):
        alike = np.full(len(distinct), -1, dtype=np.int64)
        alike[others] = number[len(rows) :]
        here = alike[key]
        theirs = here >= 0
        place, held, total = _summed(here[theirs], value[theirs], count[theirs])
        times = np.bincount(place, minlength=size)
        start = np.cumsum(times) - times
        mine = number[: len(rows)]
        many = times[mine]
        ends = np.cumsum(many)
        step = np.arange(int(ends[-1])) - np.repeat(ends - many, many)
        taken = np.repeat(start[mine], many) + step
        places.append(np.repeat(rows, many))
        values.append(held[taken])
        counts.append(total[taken])
    return _summed(np.concatenate(places), np.concatenate(values), np.concatenate(counts))
