"""Singling out: predicates drawn up from the release that are true of exactly one unit of the original.

Giomi et al. (2023), section 4.1, after Cohen and Nissim (2020) and the Article 29 Working Party's opinion 05/2014. A
predicate is only tried where it isolates one unit of the release; a suppressed cell gives no condition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from anonymization.attacks.intervals import Floats, Scores
from anonymization.attacks.profiles import Bools, Profiles, Side
from anonymization.attacks.settings import AttackSettings
from anonymization.risk.classes import Ints


@dataclass(frozen=True, slots=True)
class Predicate:
    """One condition for each column: equal to a code (sign 0), or a number at least (1) or at most (-1) a value."""

    places: tuple[int, ...]
    codes: tuple[int, ...]
    numbers: tuple[float, ...]
    signs: tuple[int, ...]

    def among(self, side: Side) -> Bools:
        """Which units it is true of, shape (units,); a missing value satisfies nothing."""
        true = np.ones(len(side), dtype=bool)
        for j, code, number, sign in zip(self.places, self.codes, self.numbers, self.signs, strict=True):
            if sign == 0:
                true &= side.codes[:, j] == code
            else:
                true &= side.numbers[:, j] * sign >= number * sign
        return true


def one_value(profiles: Profiles, places: Ints, settings: AttackSettings, rng: np.random.Generator) -> Scores:
    """Predicates on a single column: a value that occurs once, the largest, the smallest."""
    released = profiles.released
    found: list[Predicate] = []
    for j in places.tolist():
        codes = released.codes[:, j]
        times = np.bincount(codes[codes >= 0]) if (codes >= 0).any() else np.zeros(0, dtype=np.int64)
        lone = np.flatnonzero(times[codes] == 1) if len(times) else np.zeros(0, dtype=np.int64)
        lone = lone[codes[lone] >= 0]
        if not profiles.blurred[j]:
            found += [Predicate((j,), (int(codes[i]),), (0.0,), (0,)) for i in lone.tolist()]
        numbers = released.numbers[:, j]
        if profiles.numeric[j] and not np.isnan(numbers).all():
            ends = ((float(np.nanmin(numbers)), -1), (float(np.nanmax(numbers)), 1))
            found += [
                Predicate((j,), (-1,), (end,), (sign,)) for end, sign in ends if (numbers == end).sum() == 1
            ]
    order = rng.permutation(len(found))[: settings.attacks]
    return _scored(profiles, [found[i] for i in order.tolist()], settings, rng)


def some_columns(
    profiles: Profiles, places: Ints, settings: AttackSettings, rng: np.random.Generator, *, beyond: bool
) -> Scores:
    """Predicates that combine a few columns, chosen at random, of a released unit chosen at random.

    Args:
        beyond: numbers give inequalities away from the median, as Giomi et al. have it for synthetic values; otherwise
            they must be equal, as in a transformed copy of real rows.
    """
    width = min(settings.columns, len(places))
    wanted = settings.attacks * settings.draws
    rows = rng.integers(0, len(profiles.released), wanted)
    ranked = np.argsort(rng.random((wanted, len(places))), axis=1)[:, :width] if width else None
    drawn = (
        () if ranked is None else zip(rows.tolist(), np.sort(places[ranked], axis=1).tolist(), strict=True)
    )
    middles = _medians(profiles)
    made = (_predicate(profiles, i, chosen, middles, beyond=beyond) for i, chosen in drawn)
    return _scored(profiles, _isolating(profiles, made, settings.attacks), settings, rng)


def every_column(
    profiles: Profiles, places: Ints, settings: AttackSettings, rng: np.random.Generator, *, beyond: bool
) -> Scores:
    """Predicates that combine all the columns that an attacker may know, of one released unit after another."""
    rows = rng.permutation(len(profiles.released))[: settings.attacks * settings.draws]
    middles = _medians(profiles)
    chosen = places.tolist()
    made = (_predicate(profiles, i, chosen, middles, beyond=beyond) for i in rows.tolist())
    return _scored(profiles, _isolating(profiles, made, settings.attacks), settings, rng)


def _medians(profiles: Profiles) -> Floats:
    known = profiles.released.numbers
    out = np.zeros(known.shape[1])
    for j in np.flatnonzero(profiles.numeric):
        out[j] = np.nanmedian(known[:, j]) if not np.isnan(known[:, j]).all() else 0.0
    return out


def _predicate(profiles: Profiles, i: int, chosen: list[int], middles: Floats, *, beyond: bool) -> Predicate:
    """The conditions that released unit `i` shows in the columns chosen."""
    codes, numbers = profiles.released.codes[i], profiles.released.numbers[i]
    kept = [j for j in chosen if codes[j] >= 0 and (profiles.numeric[j] or not profiles.blurred[j])]
    far = [bool(profiles.numeric[j]) and (beyond or bool(profiles.blurred[j])) for j in kept]
    return Predicate(
        tuple(kept),
        tuple(int(codes[j]) for j in kept),
        tuple(float(numbers[j]) for j in kept),
        tuple((1 if numbers[j] > middles[j] else -1) if f else 0 for j, f in zip(kept, far, strict=True)),
    )


def _isolating(profiles: Profiles, made: Iterator[Predicate], wanted: int) -> list[Predicate]:
    """The first distinct predicates that are true of exactly one released unit."""
    found: dict[Predicate, None] = {}
    for predicate in made:
        if predicate not in found and predicate.places and predicate.among(profiles.released).sum() == 1:
            found[predicate] = None
            if len(found) == wanted:
                break
    return list(found)


def _scored(
    profiles: Profiles, predicates: list[Predicate], settings: AttackSettings, rng: np.random.Generator
) -> Scores:
    """A guess that could not be made, for want of a predicate, is a guess that failed."""
    trials = max(len(predicates), min(settings.attacks, len(profiles.released)))
    attack, control, baseline = np.zeros(trials), np.zeros(trials), np.zeros(trials)
    counts = np.array([int(p.among(profiles.controls).sum()) for p in predicates], dtype=np.int64)
    attack[: len(predicates)] = [p.among(profiles.members).sum() == 1 for p in predicates]
    control[: len(predicates)] = (counts == 1) * _resized(profiles, counts)
    blind = _shuffled(profiles, predicates, rng)
    baseline[: len(predicates)] = [p.among(profiles.members).sum() == 1 for p in blind]
    return Scores(attack, control, baseline, paired=True, guesses=len(predicates))


def _shuffled(profiles: Profiles, predicates: list[Predicate], rng: np.random.Generator) -> list[Predicate]:
    """The same columns, each value from another released unit: somebody who combines values blindly."""
    released = profiles.released
    out = []
    for p in predicates:
        rows = rng.integers(0, len(released), len(p.places))
        pairs = [
            (j, int(released.codes[i, j]), float(released.numbers[i, j]), sign)
            for i, j, sign in zip(rows.tolist(), p.places, p.signs, strict=True)
        ]
        known = [pair for pair in pairs if pair[1] >= 0]
        columns = tuple(zip(*known, strict=True)) if known else ((), (), (), ())
        out.append(Predicate(*columns))
    return out


def _resized(profiles: Profiles, counts: Ints) -> float:
    """What a hold-out's successes count for when it is smaller than the table (Giomi et al., section 4.1).

    The chance of isolating one of n units with a predicate of weight w is n w (1 - w)^(n-1); with weights spread evenly
    up to some w, w follows from how successes thin out in halves of the hold-out. Never above 1, so that a correction
    cannot lower the risk reported.
    """
    n, m = len(profiles.members), len(profiles.controls)
    whole = float((counts == 1).sum())
    if n == m or m < 4 or whole == 0:
        return 1.0
    half = counts / 2 * 0.5 ** np.maximum(counts - 1, 0)
    seen = float(half.sum()) / whole
    weights = np.geomspace(1e-9, 1.0, 2_000)
    ratios = _chance(m / 2, weights) / _chance(m, weights)
    w = float(weights[np.argmin(np.abs(ratios - seen))])
    return float(min(1.0, _chance(n, w) / _chance(m, w)))


def _chance(size: float, weight: Floats | float) -> Floats | float:
    """The chance of isolating one of `size` units, over weights spread evenly from 0 to `weight`."""
    return (1 - (size * weight + 1) * (1 - weight) ** size) / (size + 1)
