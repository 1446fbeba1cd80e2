"""Asking both registries through the real release path, many times, and holding the claim to the answers.

Nothing is cached, patched or reused: every answer comes from `dp.answer`, plan and exact numbers included. What makes
tens of thousands of answers cheap is that one question about a crowd of worlds shows one answer for each of them
(`neighbours.crowd`). The same shape is then asked one by one, without a crowd, where a defect that needs the whole
answer shows (a seed for each request, bounds from the data, an error).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from anonymization import dp
from anonymization.dp.accountant import Loss
from anonymization.dp.aggregate import Grain
from anonymization.dp.queries import DpQuery, Measure

from .bounds import Audit
from .claims import claims
from .events import audit_answers
from .neighbours import WORLD, Pair, crowd, told_apart
from .shapes import Shape

#: One charge paid: everything that is shown for it.
Release = Callable[[DpQuery, pd.DataFrame], Any]

#: Cells that one question may have, below `dp.answer`'s own limit.
_MOST_CELLS = 9_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one shape.

    Args:
        name: of the shape.
        claimed: the loss that the ledger is charged.
        crowd: from many worlds in a question; none for a shape that cannot be asked so.
        alone: from one question at a time; none where none was asked.
        cpu_seconds: for both.
        errors: how many of all the answers were errors; an honest product gives none, and where it gives nothing else,
            nothing was audited.
    """

    name: str
    claimed: Loss
    crowd: Audit | None
    alone: Audit | None
    cpu_seconds: float
    errors: int = 0

    @property
    def refuted(self) -> bool:
        return any(found.refuted for found in (self.crowd, self.alone) if found is not None)


def audit_shape(
    shape: Shape,
    *,
    runs: int,
    alone: int,
    confidence: float,
    release: Release = dp.answer,
) -> Finding:
    """Audit one shape through the release path.

    Args:
        shape: from `shapes.SHAPES`.
        runs: answers from each registry, in crowds; 0 for none.
        alone: answers from each registry, one by one; 0 for none.
        confidence: of each of the two bounds.
        release: the path; another one only to show that the auditor catches it.
    """
    began = time.process_time()
    one = shape.pair()
    claimed = dp.cost(one.query)
    points = claims(claimed)

    errors = 0

    def tried(pair: Pair, times: int) -> Audit:
        nonlocal errors
        sides = [answers(pair, side, times, release) for side in (pair.with_it, pair.without)]
        errors += sum(int(side["error"].notna().sum()) for side in sides if "error" in side)
        return audit_answers(*sides, claims=points, confidence=confidence)

    crowded: Audit | None = None
    if runs:
        many = crowd(one, max(1, min(1_000, runs, _MOST_CELLS // max(_cells(one.query), 1))))
        crowded = tried(many, math.ceil(runs / many.worlds))
    by_one = tried(one, alone) if alone else None
    return Finding(shape.name, claimed, crowded, by_one, time.process_time() - began, errors)


def confidence_of(shapes: int, false_alarm: float = 1e-6) -> float:
    """Confidence of each bound, so that honest shapes are accused with that probability at most, all together."""
    return 1 - false_alarm / (2 * shapes)


def _cells(query: DpQuery) -> int:
    """Numbers that one world's answer is made of."""
    return len(query.cells) * (2 if query.between else 1)


def answers(asked: Pair, table: pd.DataFrame, times: int, release: Release) -> pd.DataFrame:
    """What `times` releases show: a row for each answer of each world, a column for each thing shown.

    An error is an answer like any other, told apart by its kind and its words.
    """
    shown = []
    for _ in range(times):
        try:
            made = release(asked.query, table)
        except Exception as error:  # noqa: BLE001 - whatever it is, an attacker sees it
            shown.append(pd.DataFrame({"error": [f"{type(error).__name__}: {error}"] * asked.worlds}))
        else:
            frames = made if isinstance(made, list) else [made]
            shown.append(
                _side_by_side([_wide(asked, f if isinstance(f, pd.DataFrame) else f.frame) for f in frames])
            )
    return pd.concat(shown, ignore_index=True)


def _side_by_side(frames: list[pd.DataFrame]) -> pd.DataFrame:
    if len(frames) == 1:
        return frames[0]
    return pd.concat([f.add_suffix(f" #{i}") for i, f in enumerate(frames)], axis=1)


def _wide(asked: Pair, frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each world, and for each cell and column of the answer one column."""
    query = asked.query
    keys = [c for c in (*query.dimensions, *query.unknown_keys) if c != WORLD]
    frame = _with_what_noise_was_added_to(query, frame)
    shown = [c for c in frame.columns if c not in (WORLD, *keys)]
    frame, run = told_apart(query, frame)
    cell = _labels(frame, keys)
    out: dict[str, Any] = {}
    for name in dict.fromkeys(cell):
        here = [label == name for label in cell]
        part = frame.loc[here, shown].set_axis(run[here], axis=0).reindex(range(asked.worlds))
        out |= {f"{c} [{name}]" if name else c: part[c].to_numpy() for c in shown}
    return pd.DataFrame(out, index=range(asked.worlds))


def _with_what_noise_was_added_to(query: DpQuery, frame: pd.DataFrame) -> pd.DataFrame:
    """What an attacker computes from an answer to come back to the numbers that were drawn."""
    if not {"value_raw", "n"} <= set(frame.columns):
        return frame
    if query.measure is Measure.MEAN:
        # The middle of the bounds is public.
        return frame.assign(total=(frame["value_raw"] - Grain.of(query).middle) * frame["n"])
    if query.measure is Measure.RATIO:
        return frame.assign(rest=frame["n"] - frame["numerator"])
    if query.measure is Measure.QUANTILE:
        return frame.assign(low=frame["ci_low"], high=frame["ci_high"])  # choices of their own
    return frame


def _labels(frame: pd.DataFrame, keys: list[str]) -> list[str]:
    if not keys:
        return [""] * len(frame)
    return [", ".join(map(str, row)) for row in zip(*(frame[k] for k in keys), strict=True)]
