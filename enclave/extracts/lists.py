"""A steward's list of standing tables as a document: YAML in, checked tables with priced queries out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anonymization.dp import QueryError
from anonymization.errors import AnonymizationError
from anonymization.standing import benefits, participation
from anonymization.standing.benefits import Amount, Money
from anonymization.standing.layout import Axis, Layout, Poor, band
from enclave.catalogue.model import ColumnType, Dataset, Unit
from enclave.extracts.tables import Kind, StandingList, StandingTable, made_public, public_table
from enclave.kernel.errors import Invalid

_Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Year(_Strict):
    epsilon: Annotated[float, Field(gt=0, le=100)]
    extracts: Annotated[int, Field(ge=1, le=366)]


class _Band(_Strict):
    column: _Text
    title: _Text
    edges: list[float]
    minus: str = ""
    labels: list[_Text] = []


class _Poor(_Strict):
    title: _Text
    at_most: float | None = None
    group: str = ""
    keys: list[str] = []


class _Layout(_Strict):
    area: str = ""
    area_title: str = "Area"
    groups: dict[str, _Text] = {}
    band: _Band | None = None
    poor: _Poor | None = None
    programmes: dict[str, _Text] = {}


class _Amount(_Strict):
    column: _Text
    times: list[_Text] = []
    factor: Annotated[float, Field(gt=0)] = 1.0
    upper: Annotated[float, Field(gt=0)] | None = None


class _Table(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: _Text
    kind: Kind
    share: Annotated[float, Field(gt=0, le=1)]
    groups: list[str] | None = None
    received: _Amount | None = None
    consumed: _Amount | None = None
    query: dict[str, Any] = {}


class _Document(_Strict):
    currency: _Text = "currency units"
    year: _Year
    layout: _Layout = _Layout()
    tables: Annotated[list[_Table], Field(min_length=1)]


def standing_list(dataset: Dataset, folder: Path | None = None) -> StandingList | None:
    """What is drawn on each new extract of a dataset; None where no list is kept for it.

    Args:
        folder: where this installation's stewards keep their lists, `<dataset>.yaml`; the lists that come with
            the product are for the others.

    Raises:
        Invalid: one sentence for each thing that is wrong with the list.
    """
    name = f"{dataset.slug}.yaml"
    own = folder / name if folder is not None else None
    packaged = files("enclave.extracts") / "standing" / name
    place = own if own is not None and own.is_file() else packaged
    if not place.is_file():
        return None
    return read_list(place.read_text(encoding="utf-8"), dataset)


def read_list(text: str, dataset: Dataset) -> StandingList:
    """A list from its text. Raises as `standing_list`."""
    start = f"The list of standing tables of {dataset.slug}"
    try:
        wanted = _Document.model_validate(yaml.safe_load(text))
    except yaml.YAMLError:
        raise Invalid([f"{start} is not YAML. Correct it."]) from None
    except ValidationError as problem:
        raise Invalid([f"{start}{_where(e)}" for e in problem.errors(include_input=False)]) from None
    said = list(_problems(wanted, dataset))
    tables: list[StandingTable] = []
    if not said:
        for table in wanted.tables:
            try:
                tables.append(_table(wanted, table, dataset))
            except (QueryError, AnonymizationError) as error:
                said.append(f"{table.name}: {error}")
    if said:
        raise Invalid([f"{start}: {sentence}" for sentence in said])
    return StandingList(
        dataset.slug, wanted.year.epsilon, wanted.year.extracts, wanted.currency, tuple(tables)
    )


def _where(error: Any) -> str:
    place = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in error["loc"])
    return f"{f', at {place}' if place else ''}: {str(error['msg']).rstrip('.')}."


def _problems(wanted: _Document, dataset: Dataset) -> list[str]:
    said, layout = [], wanted.layout
    names = [table.name for table in wanted.tables]
    if sum(Decimal(repr(table.share)) for table in wanted.tables) > 1:
        said.append("the shares of the tables come to more than 1; lower them.")
    if len(set(names)) != len(names):
        said.append("two tables have one name; rename one of them.")
    if dataset.unit is not Unit.HOUSEHOLD and any(t.kind is not Kind.PLAIN for t in wanted.tables):
        said.append("tables of figures need a dataset with one row for each household.")
    read = [layout.area, *layout.groups, *layout.programmes]
    read += [layout.band.column, layout.band.minus] if layout.band else []
    read += [c for t in wanted.tables for a in (t.received, t.consumed) if a for c in (a.column, *a.times)]
    open_columns = {n for n, c in public_table(dataset).columns.items() if not c.closed}
    said += [
        f"there is no column {c} that may be asked about; see the data dictionary."
        for c in dict.fromkeys(read)
        if c and c not in open_columns
    ]
    flags = {c.name for c in dataset.columns if c.type is ColumnType.BOOLEAN}
    said += [f"the programme {c} is not true or false." for c in layout.programmes if c not in flags]
    said += [
        f"the table {t.name} tells apart a group that the layout does not have."
        for t in wanted.tables
        if t.groups is not None and not set(t.groups) <= set(layout.groups)
    ]
    said += [
        f"the table {t.name} needs what households received and what they consumed."
        for t in wanted.tables
        if t.kind is Kind.BENEFITS and (t.received is None or t.consumed is None)
    ]
    return said


def _table(wanted: _Document, table: _Table, dataset: Dataset) -> StandingTable:
    each = Decimal(repr(wanted.year.epsilon)) / wanted.year.extracts * Decimal(repr(table.share))
    epsilon = float(each.quantize(Decimal("0.000001"), rounding=ROUND_DOWN))
    if table.kind is Kind.PLAIN:
        given = {"table": dataset.slug, "unit_id": dataset.unit_id, **table.query, "epsilon": epsilon}
        return StandingTable(table.name, table.title, (public_table(dataset).bounded(given),))
    layout = _layout(wanted.layout, table, dataset)
    if table.kind is Kind.PARTICIPATION:
        asked = [participation.question(layout, dataset.slug, epsilon)]
        money, bounds = None, {}
    else:
        money = Money(_amount(table.received, dataset), _amount(table.consumed, dataset))
        bounds = dict(zip(money.columns, (money.received.upper, money.consumed.upper), strict=True))
        asked = list(benefits.questions(layout, money, dataset.slug, epsilon))
    public = made_public(dataset, layout, bounds)
    queries = tuple(public.bounded(question) for question in asked)
    return StandingTable(table.name, table.title, queries, table.kind, layout, money)


def _layout(wanted: _Layout, table: _Table, dataset: Dataset) -> Layout:
    groups = wanted.groups if table.groups is None else {c: wanted.groups[c] for c in table.groups}
    chosen = wanted.band
    made = (
        band(chosen.column, chosen.title, chosen.edges, minus=chosen.minus, labels=chosen.labels)
        if chosen
        else None
    )
    kept = table.kind is Kind.PARTICIPATION
    axes = tuple(_axis(dataset, column, title) for column, title in groups.items())
    return Layout(
        dataset.unit_id,
        _axis(dataset, wanted.area, wanted.area_title) if wanted.area else None,
        axes,
        made,
        wanted.programmes if kept else {},
        _poor(wanted.poor, axes, made) if kept and wanted.poor else None,
    )


def _axis(dataset: Dataset, column: str, title: str) -> Axis:
    known = next(c for c in dataset.columns if c.name == column)
    labels: Mapping[str, str] = known.values
    if known.type is ColumnType.BOOLEAN:
        labels = {"true": "Yes", "false": "No"}
    if not labels:
        raise AnonymizationError(f"The data dictionary lists no codes for {column}; add them there.")
    return Axis(column, title, labels)


def _poor(wanted: _Poor, groups: tuple[Axis, ...], made: Axis | None) -> Poor:
    if wanted.at_most is not None and made is not None:
        if wanted.at_most not in made.edges[1:-1]:
            raise AnonymizationError(
                f"The line {wanted.at_most:g} below which households are poor must be an edge of the bands."
            )
        count = made.edges.index(wanted.at_most)
        return Poor(made.name, frozenset(made.keys[:count]), wanted.title)
    axis = next((a for a in groups if a.column == wanted.group), None)
    if axis is None or not set(wanted.keys) or not set(wanted.keys) <= set(axis.keys):
        raise AnonymizationError(
            "Say who is poor: 'at_most' with an edge of the bands, or a group of the table with its keys."
        )
    return Poor(axis.name, frozenset(wanted.keys), wanted.title)


def _amount(wanted: _Amount | None, dataset: Dataset) -> Amount:
    if wanted is None:
        raise AnonymizationError("An amount is missing.")
    upper = wanted.upper
    if upper is None:
        known = [c.upper for c in dataset.columns if c.name in {wanted.column, *wanted.times}]
        upper = wanted.factor
        for bound in known:
            if bound is None:
                raise AnonymizationError(
                    f"Give {wanted.column} a public upper bound, here or in the dictionary."
                )
            upper *= bound
    return Amount(wanted.column, upper, tuple(wanted.times), wanted.factor)
