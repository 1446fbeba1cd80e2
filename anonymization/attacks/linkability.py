"""Linkability: two parts of what is known about a unit, brought together through the release.

Giomi et al. (2023), section 4.2: the attacker finds the released unit nearest to each part, and links the parts when
it is the same one. Among units that tie the attacker takes one at random, so the score is the chance of that.
"""

from __future__ import annotations

import numpy as np

from anonymization.attacks.intervals import Floats, Scores
from anonymization.attacks.profiles import Bools, Profiles
from anonymization.attacks.settings import AttackSettings
from anonymization.risk.classes import Ints


def linked(one: Bools, other: Bools) -> Floats:
    """The chance that both picks fall on the same released unit, shape (targets,).

    Args:
        one, other: which released units tie as nearest to the two parts, shape (targets, released units).
    """
    both = (one & other).sum(axis=1)
    return np.asarray(both / (one.sum(axis=1) * other.sum(axis=1)), dtype=np.float64)


def row_order(profiles: Profiles, settings: AttackSettings, rng: np.random.Generator) -> Scores:
    """Links by place alone: the released unit in the same place of the table, tried on what both sides show.

    The control is a released unit in another place. Meant for a release with as many units as the original.
    """
    released, true = profiles.released, profiles.members
    n = len(released)
    if n != len(true) or n < 2:
        nothing = np.zeros(min(n, settings.attacks))
        return Scores(nothing, nothing, nothing, paired=True, guesses=0)
    rows = rng.permutation(n)[: settings.attacks]
    elsewhere = (rows + rng.integers(1, n, len(rows))) % n
    somewhere = rng.integers(0, n, len(rows))
    exact = ~profiles.blurred

    def alike(shown: Ints) -> Floats:
        cells = released.codes[shown][:, exact]
        same = (cells < 0) | (cells == true.codes[rows][:, exact])
        return np.asarray(same.all(axis=1), dtype=np.float64)

    return Scores(alike(rows), alike(elsewhere), alike(somewhere), paired=True, guesses=len(rows))
