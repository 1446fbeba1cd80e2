"""Attribute inference: what is secret about a unit, read off the released units that look like it.

Giomi et al. (2023), section 4.3: the attacker knows some columns of a target, finds the nearest released unit and
takes its secret for the target's. Among units that tie one is taken at random, so the score is the share that is right.
"""

from __future__ import annotations

import numpy as np

from anonymization.attacks.intervals import Floats
from anonymization.attacks.profiles import Bools, Profiles, Side
from anonymization.attacks.settings import AttackSettings
from anonymization.risk.classes import Ints


def guessed(
    profiles: Profiles, targets: Side, start: int, mask: Bools, secrets: Ints, settings: AttackSettings
) -> dict[int, Floats]:
    """For each secret column's position, the share of the tied units that show the target's value.

    Args:
        targets: the units attacked; start: the number of the one that the mask's first row is about.
        mask: which released units tie as nearest, shape (some targets, released units).
    """
    rows, shown = np.nonzero(mask)
    tied = mask.sum(axis=1)
    return {
        int(j): np.bincount(
            rows,
            weights=_right(profiles, targets, rows + start, shown, int(j), settings),
            minlength=len(tied),
        )
        / tied
        for j in secrets
    }


def blindly(profiles: Profiles, targets: Side, j: int, settings: AttackSettings) -> Floats:
    """The share of all released units whose secret is the target's."""
    released = profiles.released
    if profiles.numeric[j]:
        values = np.sort(released.numbers[:, j][~np.isnan(released.numbers[:, j])])
        true = targets.numbers[:, j]
        room = settings.tolerance * np.abs(true)
        inside = np.searchsorted(values, true + room, side="right") - np.searchsorted(values, true - room)
        return np.where(np.isnan(true), 0.0, inside) / max(1, len(released))
    times = np.bincount(released.codes[:, j] + 1, minlength=int(targets.codes[:, j].max(initial=-1)) + 2)
    return np.where(targets.codes[:, j] < 0, 0.0, times[targets.codes[:, j] + 1] / max(1, len(released)))


def _right(
    profiles: Profiles, targets: Side, rows: Ints, shown: Ints, j: int, settings: AttackSettings
) -> Bools:
    """Whether the released unit's value of column `j` is the target's; a missing value on either side is not."""
    if profiles.numeric[j]:
        true, guess = targets.numbers[rows, j], profiles.released.numbers[shown, j]
        return np.asarray(np.abs(guess - true) <= settings.tolerance * np.abs(true), dtype=bool)
    true_codes, guessed = targets.codes[rows, j], profiles.released.codes[shown, j]
    return np.asarray((true_codes == guessed) & (true_codes >= 0), dtype=bool)
