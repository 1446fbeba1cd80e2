"""Targeting: who is reached, who is missed, who is reached without being poor.

Every share names its denominator.

Notation: w weight, P = 1 for the poor, D = 1 for beneficiaries, t benefit.
Sources: Coady, Grosh and Hoddinott (CGH), Targeting of Transfers in Developing Countries (2004);
Ravallion, "How Relevant Is Targeting to the Success of an Antipoverty Program?" (2009);
Brown, Ravallion and van de Walle, "A Poor Means Test?" (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evaluation.columns import FloatArray, codes, flags, numbers
from evaluation.errors import EvaluationError
from evaluation.ranks import midrank
from evaluation.survey import Design, Estimate, Indicators


@dataclass(frozen=True, slots=True)
class Targeting(Indicators):
    """Targeting performance of one programme.

    Args:
        coverage: sum wD / sum w, of the population.
        coverage_of_poor: sum wDP / sum wP, of the poor (ASPIRE; Ravallion 2009).
        exclusion_error: undercoverage, sum w(1-D)P / sum wP, of the poor (CGH 2004, table 2.1).
        inclusion_error: T1, sum wD(1-P) / sum w(1-P), of the NON-POOR (Ravallion 2009).
        leakage: sum wD(1-P) / sum wD, of the BENEFICIARIES (CGH 2004; Brown et al. 2018, eq. 5.1).
        error_rate: sum w[D(1-P) + (1-D)P] / sum w, of the population (Alatas et al. 2012).
        targeting_differential: TD = coverage_of_poor - inclusion_error, between -1 and 1 (Ravallion 2009).
        cgh_index: (sum wtP / sum wt) / (sum wP / sum w): what the poor get over their share of the
            population; 1 is neutral (CGH 2004, s. 3.1). Each beneficiary counts as one equal benefit unless
            `benefit` was named.
    """

    coverage: Estimate
    coverage_of_poor: Estimate
    exclusion_error: Estimate
    inclusion_error: Estimate
    leakage: Estimate
    error_rate: Estimate
    targeting_differential: Estimate
    cgh_index: Estimate


def targeting(
    df: pd.DataFrame,
    *,
    poor: str,
    beneficiary: str,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
    benefit: str | None = None,
) -> Targeting:
    """Targeting accuracy of a programme, with linearised standard errors.

    Args:
        df: one row per household, or per person when `household` names the household's column.
        poor: column of yes and no.
        beneficiary: column of yes and no.
        weight: column of sampling weights; a complete registry has none.
        cluster: column of primary sampling units; the household when not named.
        stratum: column of sampling strata.
        household: column of household tokens, when rows are persons.
        benefit: column of amounts received, for the CGH index.

    Raises:
        EvaluationError: when a column is absent, incomplete or of the wrong kind.
    """
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    amount = None if benefit is None else numbers(df, benefit)
    return _measure(design, flags(df, poor), flags(df, beneficiary), amount, np.ones(len(df)))


def targeting_by(
    df: pd.DataFrame,
    by: str,
    *,
    poor: str,
    beneficiary: str,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
    benefit: str | None = None,
) -> pd.DataFrame:
    """`targeting` for each value of column `by`: its `.table()` rows, with `by` as first column.

    Each group is a domain: all PSUs of the sample stay in the variance (Lumley 2010, s. 2.2), unlike a
    filter. An indicator whose denominator is empty in a group is NaN there, with n_households 0.
    """
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    p, d = flags(df, poor), flags(df, beneficiary)
    amount = None if benefit is None else numbers(df, benefit)
    group = codes(df, by)
    parts = []
    for code in range(int(group.max()) + 1):
        table = _measure(design, p, d, amount, (group == code).astype(np.float64)).table()
        table.insert(0, by, df[by].iloc[int(np.argmax(group == code))])
        parts.append(table)
    return pd.concat(parts, ignore_index=True).sort_values(by, kind="stable", ignore_index=True)


def cgh(
    df: pd.DataFrame,
    *,
    welfare: str,
    benefit: str,
    share: float = 0.4,
    weight: str | None = None,
    cluster: str | None = None,
    stratum: str | None = None,
    household: str | None = None,
) -> Estimate:
    """CGH index of the poorest `share`: (their share of all benefits) / (their share of the population).

    Households on the edge fall in by weighted mid-rank, so their realised share is used. The error treats
    the edge as known, as published tables do. Source: Coady, Grosh and Hoddinott (2004), s. 3.1.
    """
    if not 0 < share < 1:
        raise EvaluationError("The share of the population must lie between 0 and 1, for example 0.4.")
    design = Design.of(df, weight=weight, cluster=cluster, stratum=stratum, household=household)
    poorest = (midrank(numbers(df, welfare), design.weight) <= share).astype(np.float64)
    return _cgh(design, poorest, numbers(df, benefit), np.ones(len(df)))


def _measure(
    design: Design, p: FloatArray, d: FloatArray, amount: FloatArray | None, here: FloatArray
) -> Targeting:
    """All indicators among the rows where `here` is 1."""
    p, d = p * here, d * here
    rich = here - p
    of_poor, poor_influence = design.ratio_parts(d * p, p)
    of_rich, rich_influence = design.ratio_parts(d * rich, rich)
    differential = design.estimate(
        of_poor - of_rich, poor_influence - rich_influence, base=here > 0, denominator="poor, and non-poor"
    )
    return Targeting(
        coverage=design.ratio(d, here, denominator="population", share=True),
        coverage_of_poor=design.ratio(d * p, p, denominator="poor", share=True),
        exclusion_error=design.ratio(p - d * p, p, denominator="poor", share=True),
        inclusion_error=design.ratio(d * rich, rich, denominator="non-poor", share=True),
        leakage=design.ratio(d * rich, d, denominator="beneficiaries", share=True),
        error_rate=design.ratio(d * rich + (p - d * p), here, denominator="population", share=True),
        targeting_differential=differential,
        cgh_index=_cgh(design, p, d if amount is None else amount * here, here),
    )


def _cgh(design: Design, p: FloatArray, t: FloatArray, here: FloatArray) -> Estimate:
    """(sum wtP / sum wt) / (sum wP / sum w); influence by the quotient rule on its two ratios."""
    base = t != 0
    of_benefit, top = design.ratio_parts(t * p, t)
    of_people, bottom = design.ratio_parts(p, here)
    what = "benefits, over population"
    if not of_people > 0:
        return design.estimate(float("nan"), top, base=base, denominator=what)
    value = of_benefit / of_people
    return design.estimate(value, (top - value * bottom) / of_people, base=base, denominator=what)
