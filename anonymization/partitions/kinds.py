"""Which type each column of the input has: said by a data dictionary, by the file, or by what stands in every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from anonymization.errors import RecipeProblem
from anonymization.partitions.survey import Survey
from anonymization.recipe import Recipe
from anonymization.schema import Field, FieldType, Schema, VariableRole
from anonymization.steps.base import Step
from anonymization.steps.generalise import Generalise


def kind_of(held: pa.DataType) -> FieldType:
    """Of a typed column."""
    if pa.types.is_boolean(held):
        return FieldType.BOOLEAN
    if pa.types.is_integer(held):
        return FieldType.INTEGER
    if pa.types.is_floating(held) or pa.types.is_decimal(held):
        return FieldType.NUMBER
    if pa.types.is_date(held) or pa.types.is_timestamp(held):
        return FieldType.DATE
    return FieldType.STRING


def kinds(
    names: Sequence[str],
    survey: Survey,
    *,
    text: bool,
    comma: bool,
    declared: Mapping[str, FieldType],
    numbers: frozenset[str] = frozenset(),
) -> dict[str, FieldType]:
    """Every column's type.

    Args:
        names: the columns.
        survey: of all their cells.
        text, comma: as `sources.Source`.
        declared: what a data dictionary says; it stands.
        numbers: columns that the recipe treats as numbers: they are numbers when nearly all cells are, and the rows of
            the other cells will be set aside.
    """
    out = {}
    for name in names:
        if name in declared:
            out[name] = declared[name]
        elif not text:
            out[name] = kind_of(survey.types[name]) if name in survey.types else FieldType.STRING
        else:
            column = survey.columns.get(name)
            found = column.type(comma=comma) if column else FieldType.STRING
            if found is FieldType.STRING and column and name in numbers:
                found = column.almost(comma=comma)
            out[name] = found
    return out


def schema_of(
    types: Mapping[str, FieldType], recipe: Recipe, roles: Mapping[str, str] | None = None
) -> Schema:
    """The plan's schema; without a dictionary's roles the recipe's stand."""
    known = roles if roles is not None else recipe.roles
    return Schema(
        tuple(Field(n, VariableRole(known.get(n, VariableRole.QUASI)), t) for n, t in types.items())
    )


def treated_as_numbers(recipe: Recipe, names: Sequence[str]) -> frozenset[str]:
    """The columns whose steps can be planned only, or mean anything only, when they hold numbers."""
    found = set(recipe.exact)  # running variables are numbers

    def typed(numbers: set[str]) -> Schema:
        return schema_of({n: FieldType.NUMBER if n in numbers else FieldType.STRING for n in names}, recipe)

    for step in recipe.built_steps():
        if isinstance(step, Generalise):
            found |= {
                n for n, rule in step.columns.items() if (rule.edges or rule.width > 0) and not rule.age
            }
        needed = set(names)
        if _fits(step, typed(found)) or not _fits(step, typed(needed)):
            continue
        for name in names:  # everything is a number; then back to text whatever may be text
            if _fits(step, typed(needed - {name})):
                needed.discard(name)
        found |= needed
    return frozenset(found & set(names))


def _fits(step: Step, schema: Schema) -> bool:
    try:
        step.plan(schema)
    except RecipeProblem:
        return False
    return True
