"""A steward's decisions: checked against what was proposed, stamped with who and when, refused while one is open."""

from __future__ import annotations

from datetime import date

from anonymization.columns.proposal import Choice, Classification, ClassificationProblem, Column

_WHY = 10  # characters of a reason that somebody else can follow


def accept(column: Column) -> Column:
    """The column as it was proposed."""
    return column.model_copy(update={"decided": column.proposed, "confirmed": True, "why": ""})


def change(column: Column, to: Choice, why: str) -> Column:
    """The column as a steward decides it instead.

    Raises:
        ClassificationProblem: the reason is missing.
    """
    if len(why.strip()) < _WHY:
        raise ClassificationProblem([_no_reason(column.name)])
    return column.model_copy(update={"decided": to, "confirmed": True, "why": why.strip()})


def confirmed_by(
    edited: Classification,
    fresh: Classification,
    *,
    by: str,
    on: date,
    before: Classification | None = None,
) -> Classification:
    """The classification with every decision stamped.

    Args:
        edited: what came back from the steward; fresh: the proposal for the same table, made again just now.
        by, on: who answers for it. A column that stands as it was confirmed `before` keeps the stamp it had.

    Raises:
        ClassificationProblem: a column is open or missing, a change has no reason, or a proposal was edited.
    """
    problems: list[str] = []
    out: list[Column] = []
    for now in fresh.columns:
        column = edited.column(now.name)
        if column is None:
            problems.append(f"Column {now.name} is not in the classification. Classify the table again.")
            continue
        old = before.column(now.name) if before else None
        if old is not None and old.confirmed and not now.news and _same(column, old):
            out.append(old)
            continue
        problems += _problems(column, now)
        stamp = {"by": by, "on": on.isoformat(), "news": "", "profile": now.profile}
        out.append(column.model_copy(update=stamp))
    problems += [
        f"Column {c.name} is decided but not in the table. Take it out of the classification."
        for c in edited.columns
        if fresh.column(c.name) is None
    ]
    if problems:
        raise ClassificationProblem(problems)
    return edited.model_copy(update={"columns": tuple(out), "rows": fresh.rows})


def _same(column: Column, old: Column) -> bool:
    return (column.decided, column.why, column.by, column.on) == (old.decided, old.why, old.by, old.on)


def _problems(column: Column, now: Column) -> list[str]:
    if column.proposed != now.proposed:
        again = "Change `decided`, not `proposed`, or classify the table again."
        return [f"Column {column.name}: what was proposed is not what this table gives. {again}"]
    if not column.confirmed:
        return [f"Column {column.name} is not decided yet. Set confirmed: true once you have looked at it."]
    if column.changed and len(column.why.strip()) < _WHY:
        return [_no_reason(column.name)]
    return []


def _no_reason(name: str) -> str:
    return f"Column {name} is decided differently from the proposal. Say why, in a sentence."
