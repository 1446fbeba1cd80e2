"""The standing private tables of a dataset: what is asked, what of it is published, priced from public facts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from anonymization import dp
from anonymization.dp.aggregate import Grain
from anonymization.standing.benefits import Money, benefits
from anonymization.standing.cells import Cells
from anonymization.standing.combining import Rules
from anonymization.standing.indicators import frame
from anonymization.standing.layout import Layout
from anonymization.standing.participation import participation
from enclave.catalogue.model import ColumnRole, ColumnType, Dataset, Unit

if TYPE_CHECKING:
    import pandas as pd

_CLOSED = {ColumnRole.DIRECT, ColumnRole.FREE_TEXT}


class Kind(StrEnum):
    """What a table publishes."""

    PLAIN = "plain"  # one private query's answer, as it is
    PARTICIPATION = "participation"  # who is reached, missed, and in several programmes
    BENEFITS = "benefits"  # money received, where it goes, what it is worth


@dataclass(frozen=True, slots=True)
class StandingTable:
    """One table that is drawn on each new extract.

    Args:
        name: of its files; title: for people.
        queries: complete, with public keys and bounds; each is charged.
        layout, money: what the cells of figures stand for; None for a plain table.
    """

    name: str
    title: str
    queries: tuple[dp.DpQuery, ...]
    kind: Kind = Kind.PLAIN
    layout: Layout | None = None
    money: Money | None = None

    def prepared(self, df: pd.DataFrame) -> pd.DataFrame:
        """The rows with the public columns that the queries ask about; private as before."""
        if self.layout is None:
            return df
        return self.layout.prepared(df) if self.money is None else self.money.prepared(self.layout, df)

    def figures(self, released: Sequence[pd.DataFrame], rules: Rules) -> pd.DataFrame:
        """What is published (`anonymization.standing.indicators.frame`), from the queries' answers alone.

        Args:
            released: answers in the queries' order, keys as text.
        """
        if self.layout is None:
            raise ValueError("A plain table has no figures.")
        if self.money is None:
            return frame(participation(Cells.read(self.layout, released[0]), rules))
        received, consumed = (
            Cells.read(self.layout, answer, tick=Grain.of(query).tick)
            for answer, query in zip(released, self.queries, strict=True)
        )
        # The smallest number of households says nothing about an amount of money; the noise rule holds.
        return frame(benefits(received, consumed, Rules(0.0, rules.widest, rules.doubtful)))


@dataclass(frozen=True, slots=True)
class StandingList:
    """A steward's list.

    Args:
        epsilon: what the dataset's own budget may spend on the extracts of one calendar year.
        extracts: how many extracts that is to last for.
        currency: of amounts, for people.
    """

    dataset: str
    epsilon: float
    extracts: int
    currency: str
    tables: tuple[StandingTable, ...]


def public_table(dataset: Dataset) -> dp.PublicTable:
    """The data dictionary as differential privacy needs it: keys and bounds that anybody may know."""
    columns = {
        c.name: dp.PublicColumn(
            keys=tuple(c.values),
            lower=c.lower,
            upper=c.upper,
            boolean=c.type is ColumnType.BOOLEAN,
            closed=c.role in _CLOSED,
        )
        for c in dataset.columns
    }
    most = 1 if dataset.unit is Unit.HOUSEHOLD else 20
    return dp.PublicTable(dataset.slug, dataset.unit_id, columns, max_rows=most)


def made_public(dataset: Dataset, layout: Layout, bounds: Mapping[str, float]) -> dp.PublicTable:
    """The same for the columns that a layout makes: their keys, and amounts from zero to their bounds."""
    columns = {name: dp.PublicColumn(keys=keys) for name, keys in layout.keys.items()}
    columns |= {name: dp.PublicColumn(boolean=True) for name in layout.programmes}
    columns |= {name: dp.PublicColumn(lower=0.0, upper=upper) for name, upper in bounds.items()}
    return dp.PublicTable(dataset.slug, dataset.unit_id, columns)
