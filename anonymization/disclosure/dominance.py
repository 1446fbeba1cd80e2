"""How much of a total its largest households make up.

Rules as in the (n,k) and p% rules (Hundepool et al., 2012, Statistical Disclosure Control, chapter 4), with
the constants that ACRO publishes as its defaults. Numbers count by absolute value, so losses count too.
"""

from __future__ import annotations

import pandas as pd

from anonymization.disclosure.counts import with_household

#: ACRO's published defaults: the two largest are below 90%, and the rest is at least 10% of the largest.
ACRO_N, ACRO_K, ACRO_P = 2, 0.90, 0.10


def concentration(
    frame: pd.DataFrame, by: list[str], household: str | pd.Series, value: str, *, n: int = ACRO_N
) -> pd.DataFrame:
    """Shares of the largest households in each cell's total.

    Args:
        frame: as for `counts.contributors`.
        by: the columns that make the cells.
        household: whose contributions are added up before they are compared.
        value: the column that is summed.
        n: how many of the largest `topn_share` takes together.

    Returns:
        by cell: households (int64), top1_share, topn_share (0 to 1; 0 where every value is zero) and p_ratio
        (what all but the two largest add up to, over the largest; 0 where every value is zero, which tells of
        all).
    """
    table = with_household(frame, by, household, value)
    totals = table.groupby([*by, "_household"], observed=True, sort=True)["_value"].sum().abs().reset_index()
    totals = totals.sort_values("_value", ascending=False, kind="stable")
    cells = totals.groupby(by, observed=True, sort=True)["_value"]
    largest, total = cells.max(), cells.sum()
    top2, topn = (totals[cells.cumcount() < m].groupby(by, observed=True)["_value"].sum() for m in (2, n))
    rest = (total - top2).clip(lower=0)
    return pd.DataFrame(
        {
            "households": cells.size().astype("int64"),
            "top1_share": (largest / total.where(total > 0)).fillna(0.0),
            "topn_share": (topn / total.where(total > 0)).fillna(0.0),
            "p_ratio": (rest / largest.where(largest > 0)).fillna(0.0),
        }
    )


def dominated(cells: pd.DataFrame, *, k: float = ACRO_K, p: float = ACRO_P) -> pd.DataFrame:
    """Which cells the (n,k) rule and the p-ratio rule would suppress.

    Args:
        cells: from `concentration`.
        k: the n largest together must stay below this share.
        p: the rest must be at least this share of the largest.
    """
    return pd.DataFrame({"nk": cells["topn_share"] >= k, "p_ratio": cells["p_ratio"] < p})
