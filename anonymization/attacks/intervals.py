"""Rates of success and what they say about risk, each with an interval that holds for rare successes too.

Wilson (1927), score interval; Korn and Graubard (1998), its effective sample size where a target's score is a
probability and not a coin; Donner and Zou (2012), confidence limits of a ratio from those of its parts (MOVER).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: A score between 0 and 1 says more than a coin does; it is never believed to say more than four times as much.
_MOST_GAIN = 4.0


@dataclass(frozen=True, slots=True)
class Scores:
    """What came of one attack, target by target.

    Args:
        attack: probability that the attacker is right about each target that the table was made from, shape (n,).
        control: the same about targets that were held out, shape (m,).
        baseline: the same for somebody who guesses blindly, shape (n,).
        paired: whether `control` is about the same targets (or predicates) as `attack`, in the same order.
        guesses: how many guesses were made at all; an attacker who finds no predicate makes none and fails.
    """

    attack: Floats
    control: Floats
    baseline: Floats
    paired: bool
    guesses: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A mean of scores with its interval; without any score nothing is known, so the interval is all of [0, 1]."""

    value: float
    low: float
    high: float
    trials: int

    def to_dict(self) -> dict[str, object]:
        return {"rate": self.value, "interval": [self.low, self.high], "trials": self.trials}


def rate(scores: Floats, confidence: float) -> Rate:
    """The mean score, with Wilson's interval at the effective sample size."""
    n = len(scores)
    if n == 0:
        return Rate(0.0, 0.0, 1.0, 0)
    p = float(scores.mean())
    spread = float(scores.var(ddof=1)) if n > 1 else 0.0
    coin = p * (1 - p)
    gain = min(_MOST_GAIN, coin / spread) if spread > 0 else (_MOST_GAIN if 0 < p < 1 else 1.0)
    size = n * max(gain, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (p + z * z / (2 * size)) / (1 + z * z / size)
    half = z * float(np.sqrt(coin / size + z * z / (4 * size * size))) / (1 + z * z / size)
    return Rate(p, min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half)), n)


def risk(attack: Rate, control: Rate, correlation: float) -> Rate:
    """(attack - control) / (1 - control): what the table adds, of what there was to gain (Giomi et al. 2023).

    It is one less the ratio of failures, so its limits are those of a ratio of two proportions. A negative point
    is reported as 0, as there; limits lie in [0, 1].

    Args:
        correlation: of the two rates; 0 for independent targets.
    """
    if attack.trials == 0 or control.trials == 0:
        return Rate(0.0, 0.0, 1.0, min(attack.trials, control.trials))
    fails, control_fails = 1 - attack.value, 1 - control.value
    if control_fails <= 0:
        return Rate(0.0, 0.0, 0.0 if fails <= 0 else 1.0, attack.trials)
    low, high = _ratio(
        (fails, 1 - attack.high, 1 - attack.low),
        (control_fails, 1 - control.high, 1 - control.low),
        correlation,
    )
    value, least, most = (min(1.0, max(0.0, 1 - x)) for x in (fails / control_fails, high, low))
    return Rate(value, least, most, min(attack.trials, control.trials))


def _ratio(
    top: tuple[float, float, float], bottom: tuple[float, float, float], correlation: float
) -> tuple[float, float]:
    """MOVER limits of top / bottom, each given as (estimate, lower, upper)."""
    (a, a_low, a_high), (b, b_low, b_high) = top, bottom
    spare = 2 * b - b_high
    if spare <= 0:
        lower = 0.0
    else:
        middle = a * b - correlation * (a - a_low) * (b_high - b)
        inside = middle * middle - a_low * b_high * (2 * a - a_low) * spare
        lower = (middle - float(np.sqrt(max(inside, 0.0)))) / (b_high * spare)
    spare = 2 * b - b_low
    if b_low <= 0:
        return max(lower, 0.0), float("inf")
    middle = a * b - correlation * (a_high - a) * (b - b_low)
    inside = middle * middle - a_high * b_low * (2 * a - a_high) * spare
    return max(lower, 0.0), (middle + float(np.sqrt(max(inside, 0.0)))) / (b_low * spare)


def measured(scores: Scores, confidence: float) -> dict[str, object]:
    """Everything that evidence says about one attack: rates, risk, and whether it beat blind guessing."""
    attack, control = rate(scores.attack, confidence), rate(scores.control, confidence)
    baseline = rate(scores.baseline, confidence)
    together = 0.0
    if scores.paired and scores.attack.std() > 0 and scores.control.std() > 0:
        together = float(np.corrcoef(scores.attack, scores.control)[0, 1])
    found = risk(attack, control, together)
    return {
        "attack": attack.to_dict(),
        "control": control.to_dict(),
        "baseline": baseline.to_dict(),
        "guesses": scores.guesses,
        "risk": {"value": found.value, "interval": [found.low, found.high]},
        "better_than_guessing": attack.value > baseline.value,
    }


def upper(result: Mapping[str, object]) -> float:
    """The upper confidence bound of a measured attack's risk."""
    shown = result["risk"]
    return float(shown["interval"][1])  # type: ignore[index]
