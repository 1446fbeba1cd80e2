"""Three attackers: what each knows, and how often each is right.

Sources: El Emam and Arbuckle (2013), Anonymizing Health Data; El Emam (2013), Guide to the De-Identification of
Personal Health Information, chapters 16-17; Prasser, Kohlmayer and Kuhn (2016) for ARX's names of the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anonymization.risk.classes import Classes, Floats


@dataclass(frozen=True, slots=True)
class Attack:
    """How far one attacker gets.

    Args:
        highest: the risk of the record most at risk. average: the mean over records, which is also the share of the
            file that would be named correctly if every record were tried.
        above: for each threshold asked for, the share of records whose risk is higher.
        lowest: the risk of the record least at risk.
    """

    highest: float
    average: float
    lowest: float
    above: dict[float, float]


def prosecutor(classes: Classes, count: Floats, thresholds: Sequence[float] = ()) -> Attack:
    """Knows that the person is in the file: each record's risk is 1/f_k.

    Args:
        classes: f_k and F_k of distinct keys (or of records, then with counts of 1).
        count: records that hold each.
        thresholds: risks above which the share of records is wanted.
    """
    return _attack(1 / np.maximum(classes.fk, 1), count, thresholds)


def journalist(
    classes: Classes, count: Floats, thresholds: Sequence[float] = (), population: Floats | None = None
) -> Attack:
    """Does not know who is in the file, but has a register of everybody: each record's risk is 1/F_k.

    Args:
        classes, count, thresholds: as for the prosecutor.
        population: people in the register who match each key; the weights' estimate F_k when None. Never taken for
            fewer than f_k, since the file is drawn from the population.
    """
    everybody = classes.Fk if population is None else population
    return _attack(1 / np.maximum(np.maximum(everybody, classes.fk), 1), count, thresholds)


def marketer(classes: Classes, count: Floats, population: Floats | None = None) -> float:
    """Wants to name as many records as possible: the expected share of records named correctly.

    With a register (or weights) this is the mean of 1/F_k, else the number of classes over the number of records
    (Dankar and El Emam 2010).
    """
    return journalist(classes, count, (), population).average


def _attack(risk: Floats, count: Floats, thresholds: Sequence[float]) -> Attack:
    n = float(count.sum())
    if n == 0:
        return Attack(0.0, 0.0, 0.0, dict.fromkeys(thresholds, 0.0))
    above = {t: float(count[risk > t].sum() / n) for t in thresholds}
    return Attack(float(risk.max()), float((risk * count).sum() / n), float(risk.min()), above)
