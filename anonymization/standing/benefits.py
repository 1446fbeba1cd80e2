"""Benefits, where they go, and what they are worth: two released tables of totals about the same households.

Each household adds its own two amounts to one cell of each table, moved into public bounds first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anonymization.dp.values import numbers
from anonymization.errors import AnonymizationError

from .cells import Cells
from .combining import Rules, ratio, share, total
from .indicators import ALL, Observation, seen
from .layout import Layout

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Amount:
    """A household's amount of money over one period.

    Args:
        column: of the extract; times: columns that it is multiplied by (a person's amount by the persons);
            factor: and a number (a month's by twelve).
        upper: PUBLIC bound of the whole amount; a household with more counts with this.
    """

    column: str
    upper: float
    times: tuple[str, ...] = ()
    factor: float = 1.0

    @property
    def name(self) -> str:
        """Of the column that the total is of."""
        return "_x_".join([self.column, *self.times, *([f"{self.factor:g}"] if self.factor != 1 else [])])

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column, *self.times)


@dataclass(frozen=True, slots=True)
class Money:
    """What a table of benefits is of: what households received, and what they consumed in the same period.

    A household counts when both are stated, and its consumption when it received anything, so that adequacy is
    the ratio of two totals over the same beneficiaries.
    """

    received: Amount
    consumed: Amount

    @property
    def columns(self) -> tuple[str, str]:
        """Names of the two columns that are added up."""
        return self.received.name, f"{self.consumed.name}_of_beneficiaries"

    def prepared(self, layout: Layout, df: pd.DataFrame) -> pd.DataFrame:
        """`layout.prepared(df)` with the two columns; missing where a household does not count.

        Raises:
            AnonymizationError: for a column that is not there.
        """
        import numpy as np  # noqa: PLC0415 - keeps the package light

        missing = [c for c in (*self.received.columns, *self.consumed.columns) if c not in df.columns]
        if missing:
            raise AnonymizationError(f"The extract has no column {', '.join(missing)}.")
        amounts = []
        for amount in (self.received, self.consumed):
            value = np.full(len(df), amount.factor)
            for column in amount.columns:
                value = value * numbers(df[column])
            amounts.append(value)
        got, lived = amounts
        stated = ~np.isnan(got) & ~np.isnan(lived)
        out = layout.prepared(df)
        out[self.columns[0]] = np.where(stated, got, np.nan)
        out[self.columns[1]] = np.where(stated & (got > 0), lived, np.nan)
        return out


def questions(
    layout: Layout, money: Money, table: str, epsilon: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two sums, as `DpQuery.from_dict` takes them; each spends half."""
    both = (money.received.upper, money.consumed.upper)
    made = [
        {
            "table": table,
            "unit_id": layout.unit_id,
            "measure": "sum",
            "column": column,
            "lower": 0.0,
            "upper": upper,
            "group_by": {name: list(keys) for name, keys in layout.keys.items()},
            "epsilon": epsilon / 2,
        }
        for column, upper in zip(money.columns, both, strict=True)
    ]
    return made[0], made[1]


def benefits(received: Cells, consumed: Cells, rules: Rules) -> Iterator[Observation]:
    """Benefits, benefit incidence and adequacy of every place, over all programmes together."""
    for place in received.places():
        got, lived = received.sum(place), consumed.sum(place)
        yield seen(place.name, ALL, "BENEFITS", total(got, rules), got)
        yield seen(place.name, ALL, "ADEQUACY", ratio(got, lived, rules), got)
        if place.band != ALL:
            elsewhere = received.sum(place, profiles=place.bands & ~place.profiles)
            yield seen(place.name, ALL, "BENEFIT_INCIDENCE", share(got, elsewhere, rules), got)
