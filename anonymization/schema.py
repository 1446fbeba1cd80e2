"""What the columns of a table are: disclosure role and type. Names only, never values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, Self

import pandas as pd

from anonymization.errors import NoSuchColumn
from anonymization.recipe_text import did_you_mean


class VariableRole(StrEnum):
    """How a column can hurt somebody. The same words as a data dictionary uses."""

    DIRECT = "direct"
    QUASI = "quasi"
    SENSITIVE = "sensitive"
    PLAIN = "plain"
    FREE_TEXT = "free_text"


class FieldType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


class Described(Protocol):
    """A line of a data dictionary, whoever keeps it; `role` and `type` are the words above."""

    @property
    def name(self) -> str: ...

    @property
    def role(self) -> str: ...

    @property
    def type(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    role: VariableRole
    type: FieldType


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table, in order."""

    fields: tuple[Field, ...]

    @classmethod
    def of(cls, columns: Iterable[Described]) -> Self:
        """From the lines of a data dictionary."""
        return cls(tuple(Field(c.name, VariableRole(str(c.role)), FieldType(str(c.type))) for c in columns))

    @classmethod
    def infer(cls, table: pd.DataFrame, roles: Mapping[str, str]) -> Self:
        """From a table's own dtypes; a column without a role is quasi until somebody decides."""
        return cls(
            tuple(
                Field(str(c), VariableRole(roles.get(str(c), VariableRole.QUASI)), _type_of(table[c]))
                for c in table.columns
            )
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.fields)

    def get(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)

    def must(self, name: str, step: str) -> Field:
        """The field; raises NoSuchColumn naming the step when it is not (or no longer) there."""
        field = self.get(name)
        if field is None:
            raise NoSuchColumn(
                name,
                f"The step {step} needs the column {name}, which is not in the table at that point. Move the step "
                f"before the one that drops it, or correct the name. {did_you_mean(name, self.names)}",
            )
        return field

    def without(self, names: Iterable[str]) -> Schema:
        gone = set(names)
        return Schema(tuple(f for f in self.fields if f.name not in gone))

    def retyped(self, types: Mapping[str, FieldType]) -> Schema:
        return Schema(tuple(replace(f, type=types.get(f.name, f.type)) for f in self.fields))


def _type_of(series: pd.Series) -> FieldType:
    if pd.api.types.is_bool_dtype(series):
        return FieldType.BOOLEAN
    if pd.api.types.is_integer_dtype(series):
        return FieldType.INTEGER
    if pd.api.types.is_numeric_dtype(series):
        return FieldType.NUMBER
    if pd.api.types.is_datetime64_any_dtype(series):
        return FieldType.DATE
    return FieldType.STRING
