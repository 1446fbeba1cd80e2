"""t-closeness: how far the sensitive values of a class are from those of the whole table.

Source: Li, Li and Venkatasubramanian (2007), t-Closeness: privacy beyond k-anonymity and l-diversity. The distance
is the earth mover's: between ordered values (each step of the m values costs 1/(m-1)), between values that are all
equally far apart (half the sum of absolute differences), or over a hierarchy. Only known values count. What a class
is follows `missing`, as for l-diversity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from anonymization.errors import Unusable
from anonymization.risk.classes import Floats, Ints, Missing, column_codes, key_codes
from anonymization.risk.spread import Spread, spread

Distance = Literal["ordered", "equal"]
_CELLS = 4_000_000  # classes times values that are held at a time


def closeness(
    table: pd.DataFrame,
    keys: Sequence[str],
    sensitive: str,
    *,
    missing: Missing,
    distance: Distance | Sequence[Sequence[object]] | None = None,
) -> Floats:
    """For each record the distance of its class from the table, in [0, 1]; the table is t-close with its maximum.

    Args:
        table, keys, sensitive: as for l-diversity.
        missing: how a missing key counts.
        distance: "ordered" or "equal"; None takes "ordered" for numbers and dates, "equal" for everything else. A
            hierarchy is given as one row for each value, from the value itself up to the root, all equally long.

    Returns:
        Shape (records,); NaN where no sensitive value of the class is known.

    Raises:
        Unusable: a value is absent from the hierarchy, or its rows are not equally long.
    """
    values = table[sensitive]
    codes = sensitive_codes(values)
    found = spread(key_codes(table, keys), codes, missing=missing)
    if distance is None:
        distance = "ordered" if is_ordered(values) else "equal"
    if distance == "ordered":
        far = ordered_distance(found)
    elif distance == "equal":
        far = equal_distance(found)
    else:
        far = hierarchical_distance(found, _levels(values, codes, distance))
    return far[found.of_record]


def is_ordered(values: pd.Series) -> bool:
    """Whether a column has an order of its own: numbers, dates, ordered categories; not truth values or text."""
    kind = values.dtype
    if isinstance(kind, pd.CategoricalDtype):
        return bool(kind.ordered)
    number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    return bool(
        number or pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind)
    )


def sensitive_codes(values: pd.Series) -> Ints:
    """Codes of a sensitive variable that follow its order where it has one; -1 where missing; shape (records,)."""
    if not is_ordered(values):
        return column_codes(values)
    if isinstance(values.dtype, pd.CategoricalDtype):
        used = np.unique(codes := values.cat.codes.to_numpy(dtype=np.int64))
        used = used[used >= 0]
        return np.where(codes >= 0, np.searchsorted(used, codes), -1).astype(np.int64)
    return pd.factorize(values, sort=True, use_na_sentinel=True)[0].astype(np.int64)


def equal_distance(found: Spread) -> Floats:
    """Half the sum of absolute differences, of each class; NaN where it holds no known value. Shape (classes,)."""
    whole = found.overall / max(found.overall.sum(), 1.0)
    mine = found.count / found.known()[found.place]
    theirs = whole[found.value]
    absent = 1 - found.per_class(theirs)
    far = (found.per_class(np.abs(mine - theirs)) + absent) / 2
    return np.where(found.distinct() > 0, np.clip(far, 0.0, 1.0), np.nan)


def ordered_distance(found: Spread) -> Floats:
    """Sum of absolute differences of the cumulated shares over m - 1, of each class; NaN where it holds none.

    Between two values that a class holds its cumulated share stands still while the table's rises, so the sum over
    that stretch follows from prefix sums and the place where the two cross: no class is ever laid out over all m.
    """
    m = len(found.overall)
    if m < 2:
        return np.where(found.distinct() > 0, 0.0, np.nan)
    whole = np.cumsum(found.overall / found.overall.sum())
    prefix = np.concatenate([[0.0], np.cumsum(whole)])  # prefix[i] = whole[0] + .. + whole[i - 1]
    starts, some = found.starts(), found.distinct() > 0
    run = np.concatenate(
        [[0.0], np.cumsum(found.count)]
    )  # counts, so that nothing is lost however many classes
    # The class's cumulated share from each of its values on:
    level = (run[1:] - run[starts][found.place]) / found.known()[found.place]
    last = np.append(found.place[1:] != found.place[:-1], True)
    end = np.where(last, m, np.append(found.value[1:], m))
    total = _stretch(prefix, whole, level, found.value, end)
    # Ahead of its first value a class has share 0.
    lead = np.zeros(found.classes)
    lead[some] = prefix[found.value[starts[some]]]
    far = (found.per_class(total) + lead) / (m - 1)
    return np.where(some, np.clip(far, 0.0, 1.0), np.nan)


def hierarchical_distance(found: Spread, levels: Sequence[Ints]) -> Floats:
    """Earth mover's distance where moving mass costs the height at which two values meet, over the tree's height.

    Args:
        found: the classes. levels: for each level above the values, the group of each value, shape (values,); the
            last one is the root.
    """
    m, height = len(found.overall), len(levels)
    whole = found.overall / max(found.overall.sum(), 1.0)
    out = np.full(found.classes, np.nan)
    known, starts, many = found.known(), found.starts(), found.distinct()
    step = max(1, _CELLS // max(m, 1))
    for low in range(0, found.classes, step):
        high = min(low + step, found.classes)
        here = slice(int(starts[low]), int(starts[high - 1] + many[high - 1]))
        extra = np.zeros((high - low, m))
        extra[found.place[here] - low, found.value[here]] = found.count[here] / known[found.place[here]]
        extra -= whole
        cost = np.zeros(high - low)
        group = np.arange(m)
        for number, level in enumerate(levels, start=1):
            # What is over in a child and short in its sibling moves at this height; the rest moves further up.
            parent = np.zeros(int(group.max()) + 1, dtype=np.int64)
            parent[group] = level
            groups = int(level.max()) + 1
            over, short = np.zeros((high - low, groups)), np.zeros((high - low, groups))
            for child, above in enumerate(parent):
                over[:, above] += np.maximum(extra[:, child], 0)
                short[:, above] += np.maximum(-extra[:, child], 0)
            cost += number / height * np.minimum(over, short).sum(axis=1)
            extra, group = over - short, level
        out[low:high] = np.where(many[low:high] > 0, np.clip(cost, 0.0, 1.0), np.nan)
    return out


def _stretch(prefix: Floats, whole: Floats, level: Floats, start: Ints, end: Ints) -> Floats:
    """The sum of |level - whole[i]| for i in start..end-1, entry by entry."""
    cross = np.clip(np.searchsorted(whole, level), start, end)
    below = level * (cross - start) - (prefix[cross] - prefix[start])
    above = (prefix[end] - prefix[cross]) - level * (end - cross)
    return below + above


def _levels(values: pd.Series, codes: Ints, hierarchy: Sequence[Sequence[object]]) -> list[Ints]:
    rows = {str(row[0]): [str(v) for v in row] for row in hierarchy}
    lengths = {len(row) for row in rows.values()}
    if len(lengths) != 1 or lengths == {1}:
        raise Unusable(
            "The hierarchy must have rows of one length, from the value up to the root. Correct it."
        )
    first = pd.Series(np.arange(len(codes))).groupby(codes).first()
    names = [str(values.iloc[first[c]]) for c in range(int(codes.max(initial=-1)) + 1)]
    absent = sum(name not in rows for name in names)
    if absent:
        raise Unusable(f"{absent} values of {values.name} are not in the hierarchy. Add a row for each.")
    height = lengths.pop()
    # A group is named by its whole path, so that two branches may use one word.
    paths = [[" / ".join(rows[n][i:]) for n in names] for i in range(1, height)]
    if len(set(paths[-1])) > 1:
        raise Unusable("The rows of the hierarchy end in different roots. End them all in the same one.")
    return [pd.factorize(np.array(level, dtype=object))[0].astype(np.int64) for level in paths]
