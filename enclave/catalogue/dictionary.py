"""Data dictionaries as documents: YAML in, a checked `Dataset` out."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from enclave.catalogue.model import Column, ColumnRole, ColumnType, Dataset, Unit
from enclave.kernel.errors import Invalid
from enclave.kernel.ids import new_id

_Text = Annotated[str, Field(min_length=1)]
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NUMBERS = {ColumnType.INTEGER, ColumnType.NUMBER}
_CODED = {ColumnType.STRING, *_NUMBERS}


def _is_number(code: str, type_: ColumnType) -> bool:
    shape = r"[+-]?\d+" if type_ is ColumnType.INTEGER else r"[+-]?\d+(\.\d+)?"
    return re.fullmatch(shape, code, re.ASCII) is not None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Column(_Strict):
    name: _Text
    role: ColumnRole
    type: ColumnType
    description: _Text
    required: bool = True
    unique: bool = False
    values: dict[str, str] = Field(default_factory=dict)
    lower: float | None = None
    upper: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _codes_are_text(cls, data: Any) -> Any:
        """YAML reads 1 as a number and no as a truth value; codes are text."""
        if isinstance(data, dict) and isinstance(data.get("values"), dict):
            if any(isinstance(code, bool) or code is None for code in data["values"]):
                raise ValueError("a code is read as true, false or nothing; put codes in quotes")
            return {**data, "values": {str(code): label for code, label in data["values"].items()}}
        return data

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if (self.lower is None) != (self.upper is None):
            raise ValueError("give both lower and upper, or neither")
        if self.lower is not None and self.upper is not None:
            if self.type not in _NUMBERS:
                raise ValueError("only numbers have bounds")
            if not self.lower < self.upper:
                raise ValueError("lower must be less than upper")
        if self.values and self.type not in _CODED:
            raise ValueError("only strings and numbers have a code list")
        if self.type in _NUMBERS and not all(_is_number(code, self.type) for code in self.values):
            raise ValueError("the codes of a number must be numbers of its type")
        from anonymization.dp.checks import RESERVED  # noqa: PLC0415 - numpy is loaded late

        if self._grouped_by() and self.name in RESERVED:
            raise ValueError(
                f"answers of private questions have a column {self.name} of their own; give this one another name"
            )
        return self

    def _grouped_by(self) -> bool:
        coded = bool(self.values) or self.type is ColumnType.BOOLEAN
        return coded and self.role not in {ColumnRole.DIRECT, ColumnRole.FREE_TEXT}


class _Document(_Strict):
    slug: _Text
    title: _Text
    description: _Text
    unit: Unit
    unit_id: _Text
    area: str
    steward: _Text
    recipe: _Text
    source: _Text
    described_on: date
    columns: Annotated[list[_Column], Field(min_length=1)]

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        names = [column.name for column in self.columns]
        if not _SLUG.fullmatch(self.slug):
            raise ValueError("the slug must be lower case letters, digits and hyphens")
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"column {repeated[0]} is described twice")
        if self.unit_id not in names:
            raise ValueError("unit_id must be one of the columns")
        if self.area and self.area not in names:
            raise ValueError("area must be one of the columns, or empty")
        return self


def load_dictionary(path: Path) -> Dataset:
    """The dataset that the YAML document describes, with a new id (the catalogue keeps the one it has).

    Raises:
        Invalid: one sentence for each thing that is wrong, each naming the document and the place in it.
    """
    try:
        document = _Document.model_validate(_read(path))
    except ValidationError as problem:
        raise Invalid([_sentence(path, error) for error in problem.errors(include_input=False)]) from None
    return Dataset(
        id=new_id(),
        slug=document.slug,
        title=document.title,
        description=document.description,
        unit=document.unit,
        unit_id=document.unit_id,
        area=document.area,
        steward=document.steward,
        recipe=document.recipe,
        source=document.source,
        columns=tuple(Column(**column.model_dump()) for column in document.columns),
        described_on=document.described_on,
    )


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise Invalid([f"The data dictionary {path.name} cannot be read. Check that it is there."]) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid([f"The data dictionary {path.name} is not YAML in UTF-8. Correct it."]) from None


def _sentence(path: Path, error: Any) -> str:
    where = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in error["loc"])
    what = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"The data dictionary {path.name}{f' at {where}' if where else ''}: {what[:1].lower()}{what[1:]}."
