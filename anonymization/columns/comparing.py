"""A new extract against what was confirmed: which columns are new or look different, so that somebody looks again."""

from __future__ import annotations

from dataclasses import dataclass

from anonymization.columns.classifying import ORDER
from anonymization.columns.proposal import Classification, Column

#: Detectors of counts say nothing new when a table grows.
_COUNTS = frozenset(
    {
        "category",
        "measure",
        "small number",
        "repeated",
        "running",
        "unique",
        "code",
        "long number",
        "constant",
    }
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A new extract's classification, with what was confirmed before carried over where nothing changed.

    Args:
        classification: undecided where a column is new or changed; new, changed, gone: names of columns.
    """

    classification: Classification
    new: tuple[str, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]


def compare(fresh: Classification, confirmed: Classification, tolerance: float = 0.2) -> Comparison:
    """What is new.

    Args:
        fresh: the proposal for the new extract; confirmed: what stands.
        tolerance: by how much a share (missing, found by a detector, distinct) may move.
    """
    columns: list[Column] = []
    new: list[str] = []
    changed: list[str] = []
    for now in fresh.columns:
        old = confirmed.column(now.name)
        if old is None:
            new.append(now.name)
            columns.append(now.model_copy(update={"news": "This column was not there before."}))
            continue
        news = _news(now, old, tolerance)
        if news or not old.confirmed:
            changed.append(now.name)
            kept = {
                "decided": old.decided,
                "why": old.why,
                "news": " ".join(news) or "It was never confirmed.",
            }
            columns.append(now.model_copy(update=kept))
        else:
            columns.append(old)
    gone = tuple(c.name for c in confirmed.columns if fresh.column(c.name) is None)
    both = fresh.model_copy(
        update={
            "columns": tuple(columns),
            "dataset": confirmed.dataset,
            "unit": confirmed.unit,
            "household": confirmed.household,
        }
    )
    return Comparison(both, tuple(new), tuple(changed), gone)


def _news(now: Column, old: Column, tolerance: float) -> list[str]:
    """One sentence for each difference that could change a decision."""
    out: list[str] = []
    a, b = old.profile, now.profile
    if a.type != b.type and "empty" not in (a.type, b.type):
        out.append(f"It held {a.type}, now it holds {b.type}.")
    if "empty" in (a.type, b.type) and a.type != b.type:
        out.append(
            "It had no values before, now it has some." if a.type == "empty" else "It has no values any more."
        )
    if _danger(now) < _danger(old):
        out.append(
            f"It looks riskier than before: like {now.proposed.role.value.replace('_', ' ')}. {now.reason}"
        )
    for name, share in b.detectors.items():
        was = a.detectors.get(name, 0.0)
        if name not in _COUNTS and (was == 0.0 or abs(share - was) > tolerance):
            out.append(
                f"The detector {name!r} finds something in {share:.1%} of its values, {was:.1%} before."
            )
    for what, one, two in (
        ("missing", a.missing, b.missing),
        ("different", a.distinct_share, b.distinct_share),
    ):
        if abs(one - two) > tolerance:
            out.append(f"The share of {what} values went from {one:.0%} to {two:.0%}.")
    return out


def _danger(column: Column) -> int:
    return ORDER.index(column.proposed.role)
