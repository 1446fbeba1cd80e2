"""What every step is: it says what it will do, then does it, and is checked against what it said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Literal, Protocol

import pandas as pd

from anonymization.keys import KeyRing
from anonymization.schema import FieldType, Schema

#: Evidence of one step: counts and settings, JSON-able, never a data value.
StepEvidence = dict[str, object]


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may use besides the table.

    Args:
        keys: the pseudonym keys.
        scope: what the pseudonyms are for: a release, or a project's cut.
        reference_date: the day at which ages are taken.
        processes: how many processes free text may be spread over.
    """

    keys: KeyRing
    scope: str
    reference_date: date
    processes: int = 2


@dataclass(frozen=True, slots=True)
class Intent:
    """What a step says that it will do.

    Args:
        kind: the step's name in a recipe.
        reads: columns that it looks at; changes: columns whose values it replaces; drops: columns that it
            removes.
        result: the schema afterwards.
        says: one sentence for people.
        rows: whether every row stays in place, rows change places, or rows go.
        treats: the columns whose decision in the recipe this step carries out.
    """

    kind: str
    reads: tuple[str, ...]
    changes: tuple[str, ...]
    drops: tuple[str, ...]
    result: Schema
    says: str
    rows: Literal["kept", "reordered", "fewer"] = "kept"
    treats: tuple[str, ...] = field(default=())


class Step(Protocol):
    """A step of a recipe; implementations are frozen dataclasses, one a module."""

    kind: ClassVar[str]

    def plan(self, schema: Schema) -> Intent: ...

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]: ...


def intent(
    step: Step,
    schema: Schema,
    columns: Mapping[str, FieldType | None],
    says: str,
    *,
    also_reads: tuple[str, ...] = (),
) -> Intent:
    """The intent of a step that changes values in place: column to new type, None where it stays."""
    for name in (*columns, *also_reads):
        schema.must(name, step.kind)
    types = {name: new for name, new in columns.items() if new is not None}
    names = tuple(columns)
    reads = tuple(dict.fromkeys((*names, *also_reads)))
    return Intent(step.kind, reads, names, (), schema.retyped(types), says, treats=names)


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Names as they stand in a sentence."""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "nothing"
