"""Overlap and gaps between programmes.

Source: World Bank ADePT Social Protection, "programme overlap" and "lack of coverage".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd

from evaluation.columns import flags
from evaluation.errors import EvaluationError
from evaluation.survey import Design, Estimate, tidy


@dataclass(frozen=True, slots=True)
class Overlap:
    """How programmes meet in the same households.

    Args:
        any_programme: P(>= 1 programme), of the population.
        several: P(>= 2 programmes | >= 1), of the beneficiaries of any programme.
        gap: P(no programme | poor), of the poor; of the population when no `poor` was named.
        pairs: ((a, b), P(b | a)), of the beneficiaries of a, for every ordered pair.
    """

    any_programme: Estimate
    several: Estimate
    gap: Estimate
    pairs: tuple[tuple[tuple[str, str], Estimate], ...]

    def table(self) -> pd.DataFrame:
        """Tidy rows (see `evaluation.COLUMNS`); pairs read "b given a"."""
        rows = [
            ("any programme", self.any_programme),
            ("two or more", self.several),
            ("no programme", self.gap),
        ]
        return tidy(rows + [(f"{b} given {a}", e) for (a, b), e in self.pairs])

    def matrix(self) -> pd.DataFrame:
        """P(column | row) for every pair, 1 on the diagonal."""
        names = list(dict.fromkeys(a for (a, _), _ in self.pairs))
        table = pd.DataFrame(np.eye(len(names)), index=names, columns=names)
        for (a, b), e in self.pairs:
            table.loc[a, b] = e.estimate
        return table


def overlap(
    df: pd.DataFrame,
    *,
    programmes: Sequence[str],
    poor: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
) -> Overlap:
    """Overlap of two or more programmes, each a column of yes and no, and the coverage gap among the poor.

    Raises:
        EvaluationError: when fewer than two different programmes are named, or a column cannot be used.
    """
    if len(set(programmes)) < 2 or len(set(programmes)) != len(programmes):
        raise EvaluationError("Name at least two different programme columns to compare.")
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    on = {name: flags(df, name) for name in programmes}
    count = np.sum(list(on.values()), axis=0)
    some = (count >= 1).astype(np.float64)
    base = np.ones(len(df)) if poor is None else flags(df, poor)
    return Overlap(
        any_programme=design.ratio(some, np.ones(len(df)), denominator="population", share=True),
        several=design.ratio(
            (count >= 2).astype(np.float64), some, denominator="beneficiaries of any programme", share=True
        ),
        gap=design.ratio(
            (1 - some) * base, base, denominator="population" if poor is None else "poor", share=True
        ),
        pairs=tuple(
            ((a, b), design.ratio(on[a] * on[b], on[a], denominator=f"beneficiaries of {a}", share=True))
            for a, b in permutations(programmes, 2)
        ),
    )
