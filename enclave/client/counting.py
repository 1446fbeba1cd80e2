"""Tables that know how many households stand behind each cell.

The unit is the household: twelve persons of one household are one contributor. Source: Handbook on
Statistical Disclosure Control for Outputs (SDAP), threshold and dominance rules.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from enclave.client.errors import ClientError, SmallCellWarning

#: The number of households below which a cell usually may not leave; the airlock's policy decides.
THRESHOLD = 10


def tabulate(
    df: pd.DataFrame,
    by: str | Sequence[str],
    values: str | Sequence[str] | None = None,
    household: str = "household_id",
    threshold: int = THRESHOLD,
) -> pd.DataFrame:
    """Counts of distinct households by group; means and sums with what disclosure control asks for.

    Args:
        df: rows of households or persons.
        by: column or columns that make the groups.
        values: columns to average and add up; missing values are left out.
        household: the column that names the household.
        threshold: below this many households a cell is warned about.

    Returns:
        One row per group: the `by` columns, `households`, and for each value v: `v_households` (distinct
            households
        with a non-missing v), `v_mean` and `v_sum` over rows, `v_top1_share` and `v_top2_share` (the part of
        the households' absolute totals that the largest one and two hold). Pass them on to `output`.

    Raises:
        ClientError: when a column is absent, or a value is not numeric.
    """
    groups = [by] if isinstance(by, str) else list(by)
    wanted = [] if values is None else [values] if isinstance(values, str) else list(values)
    _need(df, [*groups, *wanted, household])
    if not groups:
        raise ClientError("Name at least one column to group by.")
    cells = df.groupby(groups, dropna=False, observed=True)
    table = cells[household].nunique().rename("households").to_frame()
    for value in wanted:
        table = table.join(_of_value(df, groups, value, household))
    result = table.reset_index()
    counts = ["households", *(f"{value}_households" for value in wanted)]
    result[counts] = result[counts].fillna(0).astype("int64")
    warn_small(result[counts] < threshold, threshold)
    return result


def warn_small(small: pd.DataFrame, threshold: int) -> None:
    """Says how many of these cells are too small (True) to be shown, when any is."""
    many = int(small.to_numpy().sum())
    if many:
        warnings.warn(
            f"{many} cell(s) describe fewer than {threshold} households, or leave a rest of fewer, and "
            "would be refused by the airlock. Merge categories, or write the table with "
            "client.output(..., suppress=True).",
            SmallCellWarning,
            stacklevel=3,
        )


@dataclass(frozen=True, slots=True)
class Shares:
    """Columns with the shares of the largest household and of the two largest, and what they are of."""

    top1_share: str
    top2_share: str
    of: tuple[str, ...]


def shares_of(table: pd.DataFrame, statistics: Sequence[str]) -> list[Shares]:
    """The shares that `tabulate` added for those of `statistics` that it made."""
    found = []
    for one in (str(c) for c in table.columns if str(c).endswith("_top1_share")):
        value = one.removesuffix("_top1_share")
        of = tuple(s for s in (f"{value}_mean", f"{value}_sum") if s in statistics)
        if f"{value}_top2_share" in table.columns and of:
            found.append(Shares(one, f"{value}_top2_share", of))
    return found


def _of_value(df: pd.DataFrame, groups: list[str], value: str, household: str) -> pd.DataFrame:
    if not pd.api.types.is_numeric_dtype(df[value]):
        raise ClientError(f"Column {value!r} does not hold numbers. Group by it instead, or convert it.")
    present = df[df[value].notna()].assign(**{value: df[value].astype("float64")})
    cells = present.groupby(groups, dropna=False, observed=True)
    totals = present.groupby([*groups, household], dropna=False, observed=True)[value].sum().abs()
    within = totals.groupby(level=list(range(len(groups))), dropna=False, observed=True)
    whole = within.sum()
    parts = {
        f"{value}_households": cells[household].nunique(),
        f"{value}_mean": cells[value].mean(),
        f"{value}_sum": cells[value].sum(),
    }
    for many in (1, 2):
        largest = totals[within.rank(method="first", ascending=False) <= many]
        held = largest.groupby(level=list(range(len(groups))), dropna=False, observed=True).sum()
        parts[f"{value}_top{many}_share"] = (held / whole).where(whole > 0, 0.0)
    return pd.DataFrame(parts)


def _need(df: pd.DataFrame, columns: Sequence[str]) -> None:
    absent = [column for column in columns if column not in df.columns]
    if absent:
        raise ClientError(
            f"There is no column called {', '.join(map(repr, absent))} in this table. Look at "
            "list(df.columns), or "
            "ask for that variable in an access request."
        )
