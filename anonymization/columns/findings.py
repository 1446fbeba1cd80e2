"""What the values of a column give away by themselves, whatever it is called: one finding for each thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a column's values look like.

    Args:
        kind: of kinds.yaml, or "category", "measure", "constant" where the values alone cannot say more.
        confidence: 0 to 1; below 0.6 the column's name can overrule it.
        says: the evidence as the middle of a sentence, without a data value.
        share: the share of sampled distinct values of which it holds.
        detector: what found it, as counted in the profile.
    """

    kind: str
    confidence: float
    says: str
    share: float = 1.0
    detector: str = ""


def percent(share: float) -> str:
    """A share in words that do not claim all of it when it is not."""
    if share >= 1:
        return "all"
    return (
        "more than 99 %"
        if share > 0.99
        else "fewer than 1 %"
        if share < 0.01
        else f"{share:.0%}".replace("%", " %")
    )
