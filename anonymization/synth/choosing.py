"""The method as a measured choice: every candidate learns the same rows, and the policy's own bounds say which is best.

Order: who fails a demand of privacy is out; then whoever is held for the fewest reasons of fitness for use; then the
one whose figures lie deepest inside the bounds of fitness; then the smallest total variation over pairs of columns.
What is chosen is the table that was measured, never a second draw.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from anonymization.errors import AnonymizationError, RecipeProblem
from anonymization.pipeline import Candidate

from .methods import METHODS, synthesizer
from .protocol import UNWATCHED, Bounds, Cancelled, SynthesisError, SynthesisPlan, Watch
from .synthesis import held_out, held_out_alone, synthesise


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a measured table stands against a policy.

    Args:
        refused: what it fails of privacy, one sentence each; one is enough to be out.
        held: what it fails of fitness for use, one sentence each.
        fitness: the worst of its fitness figures as a part of the bound on it: 1 stands at the bound, less is better.
        pairs: mean total variation over pairs of columns.
    """

    refused: tuple[str, ...]
    held: tuple[str, ...]
    fitness: float
    pairs: float

    @property
    def place(self) -> tuple[int, int, float, float]:
        """Orders verdicts, the best first. With any refusal the number of refusals comes before all else."""
        return (len(self.refused), len(self.held), round(self.fitness, 2), self.pairs)


#: Weighs a table by its evidence; the thresholds are the policy's.
Judge = Callable[[Candidate], Verdict]


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate method.

    Args:
        method: its name.
        planned: what it said it would take; None where it could not be planned.
        why: a sentence about why it gave no table, "" where it gave one.
        verdict, evidence: of the table.
        seconds: of wall time, learning, drawing and measuring.
    """

    method: str
    planned: Bounds | None
    why: str = ""
    verdict: Verdict | None = None
    evidence: Mapping[str, Any] | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The best candidate and what was measured about all.

    Args:
        candidate: the chosen table; its evidence holds `choice`, with every candidate's own evidence.
        plan: the decisions with the method that was chosen.
        tried: all methods, in the order in which they were tried.
        says: why this one, in words.
    """

    candidate: Candidate
    plan: SynthesisPlan
    tried: tuple[Tried, ...]
    says: str


def choose(
    df: pd.DataFrame,
    plan: SynthesisPlan,
    methods: Sequence[str],
    seed: int,
    judge: Judge,
    *,
    seconds: float,
    megabytes: int,
    watch: Watch = UNWATCHED,
) -> Choice:
    """The best of some methods on one table, by measurement.

    Every method learns the same rows and is measured against the same hold-out. A differentially private method spends
    its loss here: the caller charges `methods.synthesizer(plan of that method).loss` first, once. Which method came out
    best was decided on real rows, so a choice that a private method wins is told only to those who may see evidence.

    Args:
        df, plan, seed: as for `synthesise`; the plan's method is left aside.
        methods: names of `METHODS`, none twice.
        judge: weighs each table; the policy's thresholds come in by it.
        seconds, megabytes: bounds for all of it. A method whose own plan does not fit into what is left is not tried,
            and a network is ended there.
        watch: told of each method, asked whether to go on.

    Raises:
        RecipeProblem: for a method that does not exist or is named twice.
        Cancelled: when it was called off.
        SynthesisError: when no method gave a table.
    """
    unknown = [m for m in methods if m not in METHODS]
    if unknown or not methods or len(set(methods)) < len(methods):
        raise RecipeProblem(
            [f"Name the methods to choose from, each once, out of {', '.join(METHODS)}; correct the recipe."]
        )
    held = held_out_alone(df, plan, seed) if "mst" in methods else held_out(df, plan, seed)
    began, tried = time.monotonic(), list[Tried]()
    best: tuple[Verdict, Candidate, SynthesisPlan] | None = None
    for at, method in enumerate(methods):
        watch.step(at, len(methods), "methods")
        left = seconds - (time.monotonic() - began)
        chosen = replace(
            plan,
            method=method,
            max_seconds=max(min(plan.max_seconds, left), 1.0),
            max_megabytes=max(min(plan.max_megabytes, megabytes), 1_000),
        )
        try:
            planned, candidate, took = _made(df, chosen, seed, held, watch, (left, megabytes))
        except Cancelled:
            raise
        except _NotTried as error:
            tried.append(Tried(method, error.planned, error.sentence))
            continue
        except AnonymizationError as error:
            tried.append(Tried(method, None, error.sentence))
            continue
        verdict = judge(candidate)
        tried.append(Tried(method, planned, "", verdict, candidate.evidence, took))
        if best is None or verdict.place < best[0].place:
            best = (verdict, candidate, chosen)
    if best is None:
        said = " ".join(f"{t.method}: {t.why}" for t in tried)
        raise SynthesisError(f"No method gave a table. {said}")
    says = _says(tried, best[2].method, best[0])
    evidence = {**best[1].evidence, "choice": _told(tried, best[2].method, says, seconds, megabytes)}
    return Choice(replace(best[1], evidence=evidence), best[2], tuple(tried), says)


class _NotTried(AnonymizationError):
    """A method that does not fit into the bounds."""

    def __init__(self, sentence: str, planned: Bounds) -> None:
        super().__init__(sentence)
        self.planned = planned


def _made(
    df: pd.DataFrame, plan: SynthesisPlan, seed: int, held: Any, watch: Watch, most: tuple[float, float]
) -> tuple[Bounds, Candidate, float]:
    planned = synthesizer(plan).plan(plan.columns, int((~held).sum()))
    seconds, megabytes = most
    if seconds <= 1 or planned.seconds > seconds or planned.megabytes > megabytes:
        raise _NotTried(
            f"It may take {planned.seconds:,.0f} seconds and {planned.megabytes:,.0f} MB, and {max(seconds, 0):,.0f} "
            f"seconds and {megabytes:,} MB are left; allow more, or fewer methods.",
            planned,
        )
    began = time.monotonic()
    candidate = synthesise(df, plan, seed, watch, held)
    return planned, candidate, round(time.monotonic() - began, 2)


def _says(tried: Sequence[Tried], method: str, verdict: Verdict) -> str:
    measured = [t for t in tried if t.verdict is not None]
    out = [t.method for t in measured if t.verdict is not None and t.verdict.refused]
    if verdict.refused:
        return (
            f"No method passes the demands of privacy; {method} fails the fewest ({len(verdict.refused)}) and is held "
            "with its reasons."
        )
    parts = [f"{method} passes the demands of privacy"]
    parts.append(
        f"is held for {len(verdict.held)} of fitness" if verdict.held else "meets every demand of fitness"
    )
    rest = [t for t in measured if t.method != method and t.method not in out]
    why = [f"{', '.join(out)} out for privacy"] if out else []
    for other in rest:
        assert other.verdict is not None  # noqa: S101 - `measured` holds no other
        a, b = other.verdict.place, verdict.place
        step = next((i for i in range(1, 4) if a[i] != b[i]), 0)
        words = ("", "held for more", "nearer to the bounds of fitness", "farther in pairs of columns")[step]
        why.append(f"{other.method} {words or 'equal, and tried later'}")
    why += [f"{t.method} not measured" for t in tried if t.verdict is None]
    return f"{' and '.join(parts)}{'; ' if why else ''}{'; '.join(why)}."


def _told(tried: Sequence[Tried], method: str, says: str, seconds: float, megabytes: int) -> dict[str, Any]:
    """For the evidence pack: everything that was measured about every candidate."""
    return {
        "method": method,
        "says": says,
        "bounds": {"seconds": seconds, "megabytes": megabytes},
        "candidates": {
            t.method: {
                "why": t.why,
                "planned": {"seconds": t.planned.seconds, "megabytes": t.planned.megabytes}
                if t.planned
                else None,
                "seconds": t.seconds,
                "verdict": {
                    "refused": list(t.verdict.refused),
                    "held": list(t.verdict.held),
                    "fitness": t.verdict.fitness,
                    "pairs": t.verdict.pairs,
                }
                if t.verdict
                else None,
                "evidence": t.evidence if t.method != method else "this pack",
            }
            for t in tried
        },
    }
