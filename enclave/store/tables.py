"""The tables, made from the domain's own dataclasses: scalars are columns, everything else is JSON.

Rows and the domain stay separate: a row is a mapping, and `Mapper` turns it into the frozen dataclass and back.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import JSONB

T = TypeVar("T")
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Always UTC, on databases that keep time zones and on those that do not."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError("A time without a zone was given to the database.")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON().with_variant(JSONB(), "postgresql")


def _column_type(hint: Any) -> tuple[sa.types.TypeEngine[Any], bool, bool]:
    """(SQL type, nullable, is JSON) for a field's type hint."""
    arguments = typing.get_args(hint)
    nullable = isinstance(hint, types.UnionType) and type(None) in arguments
    if nullable:
        hint = next(a for a in arguments if a is not type(None))
    scalars: dict[Any, sa.types.TypeEngine[Any]] = {
        str: sa.Text(),
        int: sa.BigInteger(),
        float: sa.Float(),
        bool: sa.Boolean(),
        datetime: UtcDateTime(),
        date: sa.Date(),
    }
    if hint in scalars:
        return scalars[hint], nullable, False
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return sa.String(40), nullable, False
    return Json, nullable, True


class Mapper(Generic[T]):
    """Carries one dataclass to and from its table.

    Args:
        model: a frozen dataclass with `id` as its key.
        name: the table.
        words: what one is called in a sentence ("access request").
        unique, index: columns, or tuples of columns.
        checks: named SQL conditions that the database itself holds.
    """

    def __init__(
        self,
        model: type[T],
        name: str,
        words: str,
        *,
        unique: tuple[tuple[str, ...], ...] = (),
        index: tuple[str, ...] = (),
        checks: Mapping[str, str] | None = None,
        key: str = "id",
    ) -> None:
        self.model, self.words, self.key = model, words, key
        self.adapter: TypeAdapter[T] = TypeAdapter(model)
        hints = typing.get_type_hints(model)
        self.fields = [f.name for f in dataclasses.fields(model)]  # type: ignore[arg-type]
        self.json: set[str] = set()
        columns: list[sa.schema.SchemaItem] = []
        for field in self.fields:
            sql, nullable, is_json = _column_type(hints[field])
            if is_json:
                self.json.add(field)
            columns.append(
                sa.Column(
                    field,
                    sql,
                    primary_key=field == key,
                    nullable=nullable,
                    index=field in index,
                    autoincrement=False,
                )
            )
        columns += [sa.UniqueConstraint(*group) for group in unique]
        columns += [sa.CheckConstraint(sql, name=label) for label, sql in (checks or {}).items()]
        self.table = sa.Table(name, metadata, *columns)
        self.versioned = "version" in self.fields

    def to_row(self, model: T) -> dict[str, Any]:
        document = self.adapter.dump_python(model, mode="json") if self.json else {}
        row: dict[str, Any] = {}
        for field in self.fields:
            value = getattr(model, field)
            row[field] = (
                document[field]
                if field in self.json
                else value.value
                if isinstance(value, StrEnum)
                else value
            )
        return row

    def to_model(self, row: Mapping[str, Any]) -> T:
        return self.adapter.validate_python({field: row[field] for field in self.fields})
