"""How many households are behind each number, counted from the rows: evidence for a table."""

from __future__ import annotations

import pandas as pd


def contributors(
    frame: pd.DataFrame, by: list[str], household: str | pd.Series, value: str | None = None
) -> pd.Series:
    """Distinct households in each cell that have a value.

    Rows are not contributors: twelve rows of one household are one, and a household whose values are all
    missing is none.

    Args:
        frame: one row for each person, payment or whatever was counted.
        by: the columns that make the cells of the table.
        household: name of the column with the household's pseudonym, or a series in the order of the rows; a
            row without one contributes to nothing.
        value: the column that is summarised; None when rows are only counted.

    Returns:
        counts by cell, int64; cells of the cross-product that no row is in are absent.
    """
    table = with_household(frame, by, household, value)
    return (
        table.groupby(by, observed=True, sort=True)["_household"]
        .nunique()
        .astype("int64")
        .rename("households")
    )


def with_household(
    frame: pd.DataFrame, by: list[str], household: str | pd.Series, value: str | None
) -> pd.DataFrame:
    """The columns that matter, without rows that lack household or value; by position, whatever the index."""
    table = frame[by].reset_index(drop=True)
    ids = frame[household] if isinstance(household, str) else household
    table["_household"] = ids.to_numpy()
    if value is not None:
        table["_value"] = frame[value].to_numpy()
    return table.dropna(subset=["_household", *(["_value"] if value is not None else [])])
