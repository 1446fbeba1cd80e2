"""SUDA2: records that are unique already on few of their keys, which is what makes a record special.

Sources: Elliot, Manning and Ford (2002), A computational algorithm for handling the special uniques problem;
Manning, Haglin and Keane (2008), A recursive search algorithm for statistical disclosure assessment (SUDA2);
Elliot and Manning (2003) for DIS-SUDA; the IHSN SDC practice guide for its worked example.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb, prod
from typing import Literal

import numpy as np

from anonymization.errors import Unusable
from anonymization.risk.classes import Floats, Ints, Missing, group, matches
from anonymization.risk.tally import Tally

#: "product": sum over minimal sample uniques of prod_{i=size..M} (keys - i), as in the guide and in Elliot et al.
#: (sdcMicro's original_scores = TRUE). "supersets": sum of (2^(keys - size) - 1) / C(keys, size), the share of larger
#: sets that are unique because of it (sdcMicro's original_scores = FALSE).
Convention = Literal["product", "supersets"]


@dataclass(frozen=True, slots=True)
class Suda:
    """What was found, for each distinct key of the tally that was searched.

    Args:
        found: minimal sample uniques by size, shape (distinct keys, largest); column s - 1 counts those of s keys.
        takes_part: how many of them name each key variable, shape (key variables,).
        keys: how many key variables there are; largest: the largest size that was searched.
    """

    found: Ints
    takes_part: Ints
    keys: int
    largest: int

    def scores(self, convention: Convention = "product") -> Floats:
        """SUDA score of each distinct key, 0 where it has no minimal sample unique."""
        worth = np.zeros(self.largest)
        for size in range(1, self.largest + 1):
            if convention == "product":
                worth[size - 1] = prod(
                    self.keys - i for i in range(size, min(self.largest, self.keys - 1) + 1)
                )
            else:
                worth[size - 1] = (2 ** (self.keys - size) - 1) / comb(self.keys, size)
        return self.found @ worth

    @property
    def smallest(self) -> Ints:
        """Size of the smallest minimal sample unique of each distinct key, 0 where there is none."""
        some = self.found > 0
        return np.where(some.any(axis=1), some.argmax(axis=1) + 1, 0).astype(np.int64)


def suda(tally: Tally, *, missing: Missing, largest: int | None = None) -> Suda:
    """All minimal sample uniques of at most `largest` keys.

    A set of keys is a minimal sample unique of a record when nobody else shares its values and somebody shares those
    of every smaller part of it. A record that is not unique on all its keys has none. The search walks the lattice
    of key sets downwards from the full set, each set counted from the smallest one above it, and needs no recursion.

    Args:
        tally: distinct keys (see `anonymization.risk.tally`).
        missing: "category" takes a missing value for a value of its own (sdcMicro's suda2 does, by its code for
            missing); "wildcard" lets it stand for any value, so that a missing key never makes a record unique.
        largest: the largest size searched, M; all sizes when None. The work grows with the number of sets of at
            most M keys (of all sets, while these are few).

    Raises:
        Unusable: largest is not between 1 and the number of keys; more than 20 keys.
    """
    n, keys = tally.codes.shape
    most = keys if largest is None else largest
    if not 1 <= most <= keys:
        raise Unusable(f"SUDA looks at 1 to {keys} keys at a time, not {most}. Correct the largest size.")
    if keys > 20:
        raise Unusable(
            f"SUDA was asked for {keys} keys, which is more than 20. Leave out keys that nobody knows."
        )
    found = np.zeros((n, most), dtype=np.int64)
    takes_part = np.zeros(keys, dtype=np.int64)
    unique_on = _uniques(tally, most, missing)
    for size in range(1, most + 1):
        for chosen in combinations(range(keys), size):
            alone = unique_on[chosen]
            if size > 1 and len(alone):
                covered = np.zeros(n, dtype=bool)
                for part in combinations(chosen, size - 1):
                    covered[unique_on[part]] = True
                alone = alone[~covered[alone]]
            found[alone, size - 1] += 1
            takes_part[list(chosen)] += len(alone)
    return Suda(found, takes_part, keys, most)


def _uniques(tally: Tally, most: int, missing: Missing) -> dict[tuple[int, ...], Ints]:
    """For each set of at most `most` keys: the distinct keys that one record alone has there.

    `level` holds, for each set of the size at hand, its distinct rows, their counts, and one example each.
    """
    n, keys = tally.codes.shape
    out: dict[tuple[int, ...], Ints] = {}
    everything = tuple(range(keys))
    level = {everything: (tally.codes, tally.count, np.arange(n))}
    sizes = list(range(keys, -1, -1))
    if 2**keys > 4 * sum(comb(keys, s) for s in range(1, most + 1)):
        sizes = [keys, *range(min(most, keys - 1), -1, -1)]  # so many sets lie between that none pays its way
    for size, next_size in pairwise(sizes):
        for chosen, (codes, count, example) in level.items():
            if size <= most:
                reached = count
                if missing == "wildcard" and (codes < 0).any():
                    reached = matches(codes, codes, [count])[0]
                out[chosen] = example[np.rint(reached) == 1]
        below = {}
        for chosen in combinations(everything, next_size) if next_size else ():
            parent = min((p for p in level if set(chosen) <= set(p)), key=lambda p: len(level[p][1]))
            codes, count, example = level[parent]
            kept = codes[:, [parent.index(j) for j in chosen]]
            number, first = group(kept)
            total = np.bincount(number, weights=count, minlength=len(first)).astype(np.float64)
            below[chosen] = (np.asfortranarray(kept[first]), total, example[first])
        level = below
    return out


def dis_suda(scores: Floats, counts: Floats, fk: Ints, *, fraction: float, exponent: float = 1.2) -> Floats:
    """DIS-SUDA: the chance that a unique match is right, spread over records by their SUDA scores; same shape.

    The file's own risk is that of data intrusion simulation (Skinner and Elliot 2002), odds U pi / (P (1 - pi)) with
    U sample uniques, P records in pairs and sampling fraction pi. Record i has the odds
    (pi / (1 - pi)) s_i^a sum_j s_j^-a / P over the scored records j: the harmonic mean of the odds is the file's. The
    exponent a = 1.2 is the one with which both published sets of figures of the guide's example come out.

    Args:
        scores: SUDA scores. counts, fk: records that hold each key, and class sizes. fraction: pi, above 0, at most 1.
        exponent: how much more a high score weighs.

    Raises:
        Unusable: fraction is not above 0 and at most 1.
    """
    if not 0 < fraction <= 1:
        raise Unusable("DIS-SUDA needs a sampling fraction above 0 and at most 1. Correct the fraction.")
    scored = scores > 0
    pairs = float(counts[fk == 2].sum())
    out = np.zeros(len(scores))
    if not scored.any():
        return out
    power = scores[scored] ** -exponent
    inverse_odds = pairs * (1 - fraction) / fraction * power / power.sum()
    out[scored] = 1 / (1 + inverse_odds)
    return out
