"""The risk that one record, or one household, is re-identified."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from anonymization.risk.classes import Classes, Floats

Form = Literal["approximate", "exact"]


def individual_risk(classes: Classes, form: Form = "approximate") -> Floats:
    """Benedetti-Franconi risk of each record (or distinct key), in [0, 1], same shape as `classes`.

    The risk is the mean of 1/F given f when F - f is negative binomial (Benedetti and Franconi 1998; Franconi and
    Polettini 2004). With p = f_k / F_k:

    - "exact": (p / f) 2F1(1, 1; f + 1; 1 - p), which is Polettini's p^f / f 2F1(f, f; f + 1; 1 - p) after Euler's
      transformation and does not overflow;
    - "approximate", as sdcMicro computes it and as published figures are: the same for f = 1, p/(1-p) ln(1/p), and
      f = 2, q - q^2 ln(1/p) with q = p/(1-p); p / (f - (1-p)) for f >= 3 (above the exact form, by at most 4.1 %).

    Where the weights say that the sample is the population (F_k <= f_k) the risk is 1/f_k.
    """
    fk = classes.fk.astype(np.float64)
    census = classes.Fk <= fk
    rest = np.where(
        census, 0.5, 1 - fk / np.where(census, 1.0, classes.Fk)
    )  # 1 - p; a stand-in where replaced
    if form == "exact":
        risk = (1 - rest) / np.maximum(fk, 1) * _hypergeometric(fk, rest)
    else:
        p = 1 - rest
        q = p / rest
        log = -np.log1p(-rest)
        # Where p is nearly 1, q - q^2 ln(1/p) is a small difference of huge numbers; its series is not.
        two = np.where(rest < 1e-4, p - p * p * (0.5 + rest / 3 + rest * rest / 4), q - q * q * log)
        risk = np.where(fk == 1, q * log, np.where(fk == 2, two, p / np.maximum(fk - rest, 0.5)))
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


def _hypergeometric(f: Floats, z: Floats) -> Floats:
    """2F1(1, 1; f + 1; z) for f >= 1, 0 <= z < 1. The library's own loses itself at large f, the series does not."""
    from scipy.special import hyp2f1  # noqa: PLC0415  # heavy, and only the exact form needs it

    term = np.ones_like(f)
    series = np.ones_like(f)
    for j in range(1, 41):  # the terms are z^j / binomial(f + j, j): below 1e-16 at the end where f >= 20
        term = term * z * j / (f + j)
        series += term
    few = f < 20
    return np.asarray(np.where(few, hyp2f1(1.0, 1.0, np.where(few, f, 1.0) + 1, z), series), dtype=np.float64)
