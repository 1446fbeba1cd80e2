"""Whether an analysis of one table says what it says of another: overlap of confidence intervals, sign, significance.

Sources: Karr, Kohnen, Oganian, Reiter and Sanil (2006), A framework for evaluating the utility of data altered to
protect confidentiality (the overlap); Snoke, Raab, Nowok, Dibben and Slavkovic (2018), General and specific
utility measures for synthetic data (the standardised difference).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evaluation.errors import EvaluationError
from evaluation.survey import Estimate


@dataclass(frozen=True, slots=True)
class Agreement:
    """One coefficient on two tables.

    Args:
        overlap: of the two intervals, 0 to 1; 0 where they do not meet or the second cannot be told.
        standardised: difference of the estimates in standard errors of the first; NaN where one cannot be told.
        same_sign: whether both point the same way.
        significant: whether the first interval leaves zero out.
        kept: whether sign and significance are those of the first: where the first leaves zero out, the second does
            too, on the same side; where it does not, the second does not either.
        reversed: whether both leave zero out, on different sides.
    """

    overlap: float
    standardised: float
    same_sign: bool
    significant: bool
    kept: bool
    reversed: bool


def interval_overlap(first: tuple[float, float], second: tuple[float, float]) -> float:
    """The mean of the shares of each interval that the other covers.

    0.5 (o / |first| + o / |second|), with o the length of what they share; 1 where they are the same, 0 where they do
    not meet. Two estimates from independent samples of equal size agree to about 0.71 on average.

    Raises:
        EvaluationError: when an interval is not finite, or ends before it begins.
    """
    for low, high in (first, second):
        if not (math.isfinite(low) and math.isfinite(high)) or high < low:
            raise EvaluationError("Give two finite intervals, each as its lower and its upper end.")
    shared = min(first[1], second[1]) - max(first[0], second[0])
    if shared < 0:
        return 0.0
    widths = [high - low for low, high in (first, second)]
    if min(widths) == 0:  # a point: it lies in the other, or the two are one
        return 1.0 if max(widths) == 0 else 0.5
    return 0.5 * (shared / widths[0] + shared / widths[1])


def agreement(first: Estimate, second: Estimate) -> Agreement:
    """How far the second estimate says what the first says; the first must have a finite interval.

    Raises:
        EvaluationError: when the first has none.
    """
    if not (math.isfinite(first.ci_low) and math.isfinite(first.ci_high)):
        raise EvaluationError("The first estimate has no interval, so nothing can be compared with it.")
    counts = first.ci_low > 0 or first.ci_high < 0
    if not (math.isfinite(second.ci_low) and math.isfinite(second.ci_high)):
        return Agreement(0.0, math.nan, same_sign=False, significant=counts, kept=False, reversed=False)
    same = (first.estimate > 0) == (second.estimate > 0)
    also = second.ci_low > 0 or second.ci_high < 0
    return Agreement(
        interval_overlap((first.ci_low, first.ci_high), (second.ci_low, second.ci_high)),
        (second.estimate - first.estimate) / first.se if first.se > 0 else math.nan,
        same_sign=same,
        significant=counts,
        kept=(counts == also) and (same or not counts),
        reversed=counts and also and not same,
    )
