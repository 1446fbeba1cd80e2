"""What protection does to the estimate that a discontinuity design would give at an eligibility cut-off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from evaluation import Discontinuity, EvaluationError, discontinuity

from .coding import ordered
from .sides import compared


@dataclass(frozen=True, slots=True)
class CutoffQuestion:
    """A discontinuity design.

    Args:
        outcome: column of the outcome; running: column of the score; cutoff: where eligibility begins or ends.
        eligible: which side the programme serves.
        cluster: column of clusters for the error, "" for none.
        bandwidth: half-width of the window; 0 for that of Imbens and Kalyanaraman on the original, which is then used
            on both sides, so that the change is that of the data and not of the window.
    """

    outcome: str
    running: str
    cutoff: float = 0.0
    eligible: Literal["below", "above"] = "below"
    cluster: str = ""
    bandwidth: float = 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.outcome, self.running, *((self.cluster,) if self.cluster else ()))


def compare_cutoff(
    original: pd.DataFrame, protected: pd.DataFrame, question: CutoffQuestion
) -> dict[str, Any]:
    """The effect on both sides with errors, and the rows used; where it cannot be estimated `why` says so."""
    before = _estimate(original, question, question.bandwidth)
    width = before.bandwidth if isinstance(before, Discontinuity) else question.bandwidth
    after = _estimate(protected, question, width)
    if isinstance(before, str) or isinstance(after, str):
        why = [f"{s}: {x}" for s, x in (("original", before), ("protected", after)) if isinstance(x, str)]
        return {"why": " ".join(why), "metrics": {}}
    return {
        "why": "",
        "bandwidth": width,
        "rows": {"original": before.effect.n, "protected": after.effect.n},
        "metrics": {"effect_at_cutoff": compared(before.effect, after.effect)},
    }


def _estimate(df: pd.DataFrame, question: CutoffQuestion, bandwidth: float) -> Discontinuity | str:
    absent = [c for c in question.columns if c not in df.columns]
    if absent:
        return f"The column {absent[0]} is not in the table."
    rows = df.dropna(subset=list(question.columns))
    if not len(rows):
        return "No row has all the values that are needed."
    work = pd.DataFrame(index=range(len(rows)))
    for word, name in (("outcome", question.outcome), ("running", question.running)):
        values = ordered(rows[name])
        if values is None:
            return f"The column {name} no longer holds numbers or yes and no."
        work[word] = values
    if question.cluster:
        work["cluster"] = rows[question.cluster].to_numpy()
    try:
        return discontinuity(
            work,
            outcome="outcome",
            running="running",
            cutoff=question.cutoff,
            eligible=question.eligible,
            bandwidth=bandwidth or None,
            cluster="cluster" if question.cluster else None,
        )
    except EvaluationError as error:
        return str(error)
