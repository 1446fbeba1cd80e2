"""A dataset and its data dictionary. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class ColumnRole(StrEnum):
    """How a column can hurt somebody (registry practice: exactly one role a column)."""

    DIRECT = "direct"  # a direct identifier: name, number, phone, address, coordinate
    QUASI = "quasi"  # a quasi-identifier (key variable): region, age, household size
    SENSITIVE = "sensitive"  # what an attacker would like to learn: welfare, disability
    PLAIN = "plain"  # neither: programme flags, cut-offs
    FREE_TEXT = "free_text"  # case notes


class ColumnType(StrEnum):
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


class Unit(StrEnum):
    """What one row is, and so what privacy is promised to at the least."""

    HOUSEHOLD = "household"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Column:
    """One line of a data dictionary.

    Args:
        name: as in the extract.
        role: its disclosure class.
        type: what its values must be.
        description: in plain words, with the unit of measure.
        required: whether an extract without it is refused.
        unique: whether a repeated value makes an extract unusable (the row's key).
        values: the code list, code to label, where there is one.
        lower, upper: public bounds of a number; differential privacy clamps to these and never to the data.
    """

    name: str
    role: ColumnRole
    type: ColumnType
    description: str
    required: bool = True
    unique: bool = False
    values: dict[str, str] = field(default_factory=dict)
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A catalogued series of extracts.

    Args:
        id: opaque.
        slug: short name in addresses, lower case with hyphens.
        unit: what one row is.
        unit_id: the column that names the household (the privacy unit).
        area: the column by which rows can be granted, "" where there is none.
        steward: username of the person who answers for it.
        recipe: name of the recipe that turns its extracts into a scientific-use release.
        source: where it comes from, and under which licence or legal basis.
    """

    id: str
    slug: str
    title: str
    description: str
    unit: Unit
    unit_id: str
    area: str
    steward: str
    recipe: str
    source: str
    columns: tuple[Column, ...]
    described_on: date
    version: int = 1

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name == name), None)
