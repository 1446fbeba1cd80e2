"""Choosing what to look at: on one half of the answers; the other half, unseen, then measures it once.

Because the event is fixed before the measuring half is looked at, its bound holds at the stated confidence however
many events were tried, with no correction for their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from .bounds import Audit, Claim, Floats, bound, least
from .features import Features

#: Shares of the pooled answers at which an event may begin; both tails, where pure epsilon shows.
_CUTS = np.concatenate([np.linspace(0.02, 0.98, 65), [0.001, 0.002, 0.005, 0.01, 0.99, 0.995, 0.998, 0.999]])


@dataclass(frozen=True, slots=True)
class _Event:
    """`score >= cut` (or `<=`), seen more often in the first registry (or in the second)."""

    promise: float
    score: str
    cut: float
    above: bool
    swapped: bool
    claim: Claim

    def __str__(self) -> str:
        return f"{self.score} {'>=' if self.above else '<='} {self.cut:.6g}"


def audit(
    one: Callable[[], float],
    other: Callable[[], float],
    *,
    runs: int,
    confidence: float = 0.999,
    delta: float = 0.0,
) -> Audit:
    """Draw one number from each of two neighbouring data sets, `runs` times, and bound epsilon from below.

    Args:
        one, other: each call draws one answer and returns one number of it.
        runs: answers from each; half choose the event, half measure it.
        confidence: of the bound.
        delta: of the claim that is to be refuted.
    """
    a, b = (pd.DataFrame({"answer": [draw() for _ in range(runs)]}) for draw in (one, other))
    return audit_answers(a, b, claims=[Claim(0.0, delta)], confidence=confidence)


def audit_answers(
    one: pd.DataFrame, other: pd.DataFrame, *, claims: Sequence[Claim], confidence: float
) -> Audit:
    """Bound epsilon from below by what two neighbouring registries answered.

    Args:
        one, other: one row for each answer, drawn independently; a column for each thing that an answer shows
            (number or text, missing where it was not shown).
        claims: what is to be refuted; where there are several, the choosing half also picks which to measure.
        confidence: of the bound, for this audit alone.

    Returns:
        The bound at the claim that was picked.

    Source: event search, Ding et al. 2018; direction by likelihood ratio, Neyman and Pearson 1933; bound,
    `bounds.least`.
    """
    n, m = len(one) // 2, len(other) // 2
    chosen_on = one.iloc[:n], other.iloc[:m]
    features = Features.of(*chosen_on)
    scores = list(features.told(*chosen_on))
    chosen = max(
        (e for claim in claims for e in _events(scores, n, m, confidence, claim)),
        key=lambda e: e.promise - e.claim.epsilon,
        default=None,
    )
    runs = min(len(one), len(other))
    if chosen is None:
        return Audit(0.0, claims[0], runs, confidence, "nothing that differs was seen")
    a, b = (features.scores[chosen.score](half) for half in (one.iloc[n:], other.iloc[m:]))
    hits = [int(np.sum(x >= chosen.cut if chosen.above else x <= chosen.cut)) for x in (a, b)]
    seen = [(hits[0], len(a)), (hits[1], len(b))]
    often, seldom = reversed(seen) if chosen.swapped else seen
    found = bound(often, seldom, confidence, chosen.claim.delta)
    return Audit(found, chosen.claim, runs, confidence, str(chosen), often, seldom)


def _events(
    scores: Iterable[tuple[str, Floats, Floats]], n: int, m: int, confidence: float, claim: Claim
) -> Iterator[_Event]:
    """The best event of each score, with the bound that it would give on the choosing half."""
    for name, a, b in scores:
        both = np.concatenate([a, b])
        values = np.unique(both)
        if len(values) < 2:
            continue
        cuts = values if len(values) <= 60 else np.unique(np.quantile(both, _CUTS, method="nearest"))
        ordered = np.sort(a), np.sort(b)
        best: _Event | None = None
        for above, swapped in product((True, False), (False, True)):
            side: Literal["left", "right"] = "left" if above else "right"
            hits = [np.searchsorted(x, cuts, side=side) for x in ordered]
            hits = [size - h if above else h for size, h in zip((n, m), hits, strict=True)]
            often, seldom = (hits[1], hits[0]) if swapped else (hits[0], hits[1])
            sizes = (m, n) if swapped else (n, m)
            bounds = least(often, seldom, *sizes, confidence, claim.delta)
            at = int(np.argmax(bounds))
            found = _Event(float(bounds[at]), name, float(cuts[at]), above, swapped, claim)
            best = found if best is None or found.promise > best.promise else best
        if best is not None and np.isfinite(best.promise):
            yield replace(best)
