"""The standing private tables of a dataset: a steward's list, as data, priced from the data dictionary alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import yaml

from anonymization.dp import DpQuery, PublicColumn, PublicTable
from enclave.catalogue.model import ColumnRole, ColumnType, Dataset, Unit

_CLOSED = {ColumnRole.DIRECT, ColumnRole.FREE_TEXT}


@dataclass(frozen=True, slots=True)
class StandingTable:
    """One table that is drawn on each new extract.

    Args:
        name: of its file; title: for people.
        query: complete, with public keys and bounds.
    """

    name: str
    title: str
    query: DpQuery


def standing_tables(dataset: Dataset) -> tuple[StandingTable, ...]:
    """What is drawn for this dataset; nothing where no list is kept for it."""
    place = files("enclave.extracts") / "standing" / f"{dataset.slug}.yaml"
    if not place.is_file():
        return ()
    public = public_table(dataset)
    wanted: list[Mapping[str, object]] = yaml.safe_load(place.read_text(encoding="utf-8"))["tables"]
    return tuple(
        StandingTable(
            str(w["name"]),
            str(w["title"]),
            public.bounded({"table": dataset.slug, "unit_id": dataset.unit_id, **_asked(w)}),
        )
        for w in wanted
    )


def public_table(dataset: Dataset) -> PublicTable:
    """The data dictionary as differential privacy needs it: keys and bounds that anybody may know."""
    columns = {
        c.name: PublicColumn(
            keys=tuple(c.values),
            lower=c.lower,
            upper=c.upper,
            boolean=c.type is ColumnType.BOOLEAN,
            closed=c.role in _CLOSED,
        )
        for c in dataset.columns
    }
    most = 1 if dataset.unit is Unit.HOUSEHOLD else 20
    return PublicTable(dataset.slug, dataset.unit_id, columns, max_rows=most)


def _asked(wanted: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in wanted.items() if key not in {"name", "title"}}
