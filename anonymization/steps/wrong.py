"""Settings that several steps share and what can be wrong with them, each as one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anonymization.errors import RecipeProblem
from anonymization.schema import FieldType, Schema

NUMBERS = (FieldType.INTEGER, FieldType.NUMBER)


def refuse(problems: Sequence[str]) -> None:
    """Raises RecipeProblem with all of them, when there are any."""
    if problems:
        raise RecipeProblem(problems)


def wrong_columns(kind: str, columns: Sequence[str], schema: Schema, *, numbers: bool) -> list[str]:
    """No columns, a column twice, or one that is not there or holds no numbers."""
    if not columns:
        return [f"{kind}: name the columns."]
    out = [
        f"{kind}: {n} is named twice. Name it once."
        for n in dict.fromkeys(columns)
        if list(columns).count(n) > 1
    ]
    for name in dict.fromkeys(columns):
        try:
            field = schema.must(name, kind)
        except RecipeProblem as error:
            out += error.problems
            continue
        if numbers and field.type not in NUMBERS:
            out.append(f"{kind}: {name} does not hold numbers. Use pram for categories, or generalise.")
    return out


def wrong_unit(kind: str, unit: str, columns: Sequence[str], schema: Schema) -> list[str]:
    """A household column that is not there, or that would itself be changed."""
    if not unit:
        return []
    if unit in columns:
        return [f"{kind}: {unit} names the household and cannot be changed too. Take it out of the columns."]
    try:
        schema.must(unit, kind)
    except RecipeProblem as error:
        return list(error.problems)
    return []


def wrong_cutoffs(kind: str, cutoffs: Mapping[str, Sequence[float]], columns: Sequence[str]) -> list[str]:
    """Cut-offs of a column that the step does not treat, or none for one that is named."""
    out = [
        f"{kind}: {n} has cut-offs but is not one of the columns. Add it or remove it."
        for n in cutoffs
        if n not in columns
    ]
    return out + [
        f"{kind}: {n} has an empty list of cut-offs. Give one or remove it."
        for n, c in cutoffs.items()
        if not c
    ]


def missing_cutoffs(
    kind: str, cutoffs: Mapping[str, Sequence[float]], protected: Mapping[str, Sequence[float]]
) -> list[str]:
    """Protected cut-offs of treated columns that the step does not keep to."""
    return [
        f"{kind}: {name} must stay on its side of {', '.join(f'{c:g}' for c in absent)}. "
        f"Add {'it' if len(absent) == 1 else 'them'} to the step's cutoffs for {name}."
        for name, wanted in protected.items()
        if (absent := [c for c in wanted if c not in cutoffs.get(name, ())])
    ]


def by_unit(unit: str) -> str:
    """The end of a sentence."""
    return f", one value for each {unit}" if unit else ""
