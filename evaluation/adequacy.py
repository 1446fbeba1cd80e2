"""Adequacy: how much a benefit matters to those who get it.

Sources: adequacy of benefits, World Bank ASPIRE ("total transfer amount received by all beneficiaries in a
population group as a share of the total welfare of beneficiaries in that group"); generosity, World Bank
ADePT Social Protection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.columns import flags, numbers
from evaluation.errors import EvaluationError
from evaluation.survey import Design, Estimate, Indicators


@dataclass(frozen=True, slots=True)
class Adequacy(Indicators):
    """What the benefit is worth to its beneficiaries.

    Args:
        adequacy: sum w t / sum w x over beneficiaries: a ratio of totals.
        generosity: sum w (t/x) / sum w over beneficiaries: a mean of ratios, which weighs the poorest more.
        mean_benefit: sum w t / sum w over beneficiaries, in the units of the benefit.
    """

    adequacy: Estimate
    generosity: Estimate
    mean_benefit: Estimate


def adequacy(
    df: pd.DataFrame,
    *,
    benefit: str,
    welfare: str,
    group: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
) -> Adequacy:
    """Adequacy, generosity and mean benefit among beneficiaries (benefit > 0), of all or of one `group`.

    `benefit` and `welfare` must be in the same unit (both per person, or both per household) and over the
    same period; welfare includes the benefit. `group` is a column of yes and no, for example the poor.

    Raises:
        EvaluationError: when a column cannot be used, or a beneficiary's welfare is zero or negative.
    """
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    t, x = numbers(df, benefit), numbers(df, welfare)
    here = np.ones(len(df)) if group is None else flags(df, group)
    d = (t > 0) * here
    if (x[d > 0] <= 0).any():
        raise EvaluationError(
            f"Some beneficiaries have {welfare!r} of zero or less, so a ratio to it means nothing. "
            "Correct or drop those rows, and say how many."
        )
    worth = np.divide(t, x, out=np.zeros_like(t), where=d > 0)
    return Adequacy(
        adequacy=design.ratio(t * d, x * d, denominator="welfare of beneficiaries", base=d > 0),
        generosity=design.ratio(worth * d, d, denominator="beneficiaries"),
        mean_benefit=design.ratio(t * d, d, denominator="beneficiaries"),
    )
