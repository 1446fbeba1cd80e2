"""Rules that protect the use of a release: what an evaluator needs, said in the recipe and held to in the plan.

A poverty line or an eligibility cut-off must divide the same households after protection as before; a score, the flag
that follows from it and the cut-off are one fact in three columns; and records that are dropped because they are rare
are poorer than those that stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol, runtime_checkable

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from anonymization.steps.base import Intent, Step, listed

#: Steps that take whole values away and put none in their place.
_BLANKING = frozenset({"drop", "suppress"})
#: Steps that may coarsen a score, each held to its cut-offs by `crossing`.
_COARSENING = frozenset({"generalise", "generalise_to_k", "microaggregate", "round", "topcode", "tail_mean"})


def _several(value: object) -> object:
    return (value,) if isinstance(value, int | float) and not isinstance(value, bool) else value


Cutoffs = Annotated[tuple[float, ...], BeforeValidator(_several), Field(min_length=1)]


class Protect(BaseModel):
    """What must survive.

    Args:
        cutoffs: column to the values that part it (a poverty line, an eligibility cut-off): no step may move a value
            from one side to the other, or mix the two. A value at a cut-off is above it.
        together: groups of columns that are one fact, the running variable first: score, flag, cut-off. They are kept
            or dropped together; the score is never noised or swapped, the others are never changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoffs: dict[str, Cutoffs] = Field(default_factory=dict)
    together: tuple[Annotated[tuple[str, ...], Field(min_length=2)], ...] = ()


@runtime_checkable
class KeepsSides(Protocol):
    """A step that can say whether it keeps to cut-offs; `protected` holds those of the columns that it changes."""

    def crossing(self, protected: Mapping[str, tuple[float, ...]]) -> list[str]: ...


def broken(protect: Protect, columns: Sequence[str], work: Sequence[tuple[Step, Intent]]) -> list[str]:
    """One sentence for each rule that the steps would break; empty when the use is safe.

    Args:
        columns: those of the extract.
        work: the recipe's steps with what they said they would do, in order.
    """
    known = set(columns)
    named = dict.fromkeys([*protect.cutoffs, *(n for group in protect.together for n in group)])
    problems = [
        f"protect names {n}, which the extract does not have. Correct the name."
        for n in named
        if n not in known
    ]
    for step, intent in work:
        problems += _cutoffs(protect, step, intent)
        for group in protect.together:
            problems += _tied(protect, group, intent)
    for group in protect.together:
        problems += _parted(group, [intent for _, intent in work])
    if protect.cutoffs or protect.together:
        problems += _dropped([intent for _, intent in work])
    return list(dict.fromkeys(problems))


def _cutoffs(protect: Protect, step: Step, intent: Intent) -> list[str]:
    touched = {n: c for n, c in protect.cutoffs.items() if n in intent.changes}
    if not touched or intent.kind in _BLANKING:
        return []
    if isinstance(step, KeepsSides):
        return step.crossing(touched)
    return [
        f"{intent.kind} changes {n}, whose cut-offs are protected, and cannot promise to keep to them. Leave it exact."
        for n in touched
    ]


def _tied(protect: Protect, group: tuple[str, ...], intent: Intent) -> list[str]:
    touched = [n for n in group if n in intent.changes]
    if not touched or intent.kind in _BLANKING:
        return []
    score, rest = group[0], group[1:]
    if intent.kind == "record_swap" and len(touched) == len(group):
        return []
    out = [
        f"{intent.kind} changes {n}, which belongs to {score}: {listed(group)} are one fact. Leave it as it is."
        for n in touched
        if n in rest
    ]
    if score not in touched:
        return out
    if intent.kind not in _COARSENING:
        return [
            *out,
            (
                f"{intent.kind} changes {score}, a running variable: noise or swaps there shrink every estimate at "
                "its cut-off. Leave it exact."
            ),
        ]
    if score not in protect.cutoffs:
        out.append(f"{intent.kind} coarsens {score} without its cut-off. Name it under protect, cutoffs.")
    return out


def _parted(group: tuple[str, ...], intents: Sequence[Intent]) -> list[str]:
    gone = [n for n in group if any(n in i.drops for i in intents)]
    left = [n for n in group if n not in gone]
    if not gone or not left:
        return []
    return [
        f"{listed(gone)} would be dropped and {listed(left)} kept: they are one fact. Drop all of them or none."
    ]


def _dropped(intents: Sequence[Intent]) -> list[str]:
    """Steps that remove records other than by chance, with no re-weighting after them."""
    return [
        f"{intent.kind} drops records, and rare ones are not like the others. Suppress values instead, or put reweight "
        "after it."
        for i, intent in enumerate(intents)
        if intent.rows == "fewer"
        and intent.kind != "sample"
        and not any(later.kind == "reweight" for later in intents[i + 1 :])
    ]
