"""The risk that one record, or one household, is re-identified."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anonymization.risk.classes import Classes, Floats


def individual_risk(classes: Classes) -> Floats:
    """Benedetti-Franconi risk of each record, in [0, 1], shape (records,).

    With p = f_k / F_k: f_k = 1 gives p/(1-p) ln(1/p); f_k = 2 gives q - q^2 ln(1/p) with q = p/(1-p);
    f_k >= 3 gives the usual approximation p / (f_k - (1-p)). Where the weights say that the sample is the
    population
    (F_k <= f_k) the risk is 1/f_k.
    """
    fk = classes.fk.astype(np.float64)
    census = classes.Fk <= fk
    p = np.where(census, 0.5, fk / np.where(census, 1.0, classes.Fk))  # 0.5 is a stand-in; replaced below
    q = p / (1 - p)
    log = np.log(1 / p)
    risk = np.where(fk == 1, q * log, np.where(fk == 2, q - q**2 * log, p / (fk - (1 - p))))
    return np.clip(np.where(census, 1 / np.maximum(fk, 1), risk), 0.0, 1.0)


def household_risk(risk: Floats, household: npt.NDArray[Any]) -> Floats:
    """The risk that at least one member of the record's household is re-identified: 1 - prod(1 - r).

    Args:
        risk: individual risks, shape (records,).
        household: number of each record's household, shape (records,); a negative number stands alone.
    """
    number = household.astype(np.int64)
    if len(number) == 0:
        return risk
    alone = number < 0
    number = np.where(alone, number.max(initial=-1) + 1 + np.arange(len(number)), number)
    with np.errstate(divide="ignore"):
        log = np.bincount(number, weights=np.log1p(-risk), minlength=int(number.max()) + 1)
    return -np.expm1(log[number])
