"""Distinct l-diversity: how many values of a sensitive variable a class leaves open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from anonymization.risk.classes import Ints, Missing, group, key_codes, patterns


def distinct_diversity(table: pd.DataFrame, keys: Sequence[str], sensitive: str, *, missing: Missing) -> Ints:
    """For each record, how many distinct known values of `sensitive` its class holds. Shape (records,).

    A class in which every sensitive value is missing has diversity 0.
    """
    codes = key_codes(table, keys)
    values = pd.factorize(table[sensitive].to_numpy(), use_na_sentinel=True)[0].astype(np.int64)
    if missing == "category":
        codes = codes + 1
    number, first = group(codes)
    distinct = codes[first]
    held = np.unique(np.column_stack([number, values])[values >= 0], axis=0)
    parts = []
    for rows, known in patterns(distinct):
        for others, other_known in patterns(distinct):
            shared = np.intersect1d(known, other_known, assume_unique=True)
            both = np.concatenate([distinct[np.ix_(rows, shared)], distinct[np.ix_(others, shared)]])
            alike, _ = group(both)
            mine = pd.DataFrame({"alike": alike[: len(rows)], "row": rows})
            place = np.full(len(distinct), -1, dtype=np.int64)
            place[others] = alike[len(rows) :]
            theirs = pd.DataFrame({"alike": place[held[:, 0]], "value": held[:, 1]}).drop_duplicates()
            parts.append(mine.merge(theirs[theirs["alike"] >= 0], on="alike")[["row", "value"]])
    pairs = pd.concat(parts).drop_duplicates()
    return np.bincount(pairs["row"].to_numpy(dtype=np.int64), minlength=len(distinct))[number].astype(
        np.int64
    )
