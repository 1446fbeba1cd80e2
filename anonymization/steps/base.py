"""What every step is: it says what it will do, then does it, and is checked against what it said.

A recipe runs over partitions of an extract. A step that looks at one row at a time has `plan` and `apply`. A step
whose treatment of a row depends on other rows (`GlobalStep`) has three parts instead: `scan` measures one partition,
`decide` merges what all partitions said, `carry_out` treats one partition by that decision. The rows of one household
always stand in one partition. Tables carry the extract's own row numbers as their index, and every step that keeps a
row keeps its number: draws (anonymization.draws) hang on it, so that one partition or many give the same release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

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
        part: the number of the partition in hand, from 0.
    """

    keys: KeyRing
    scope: str
    reference_date: date
    processes: int = 2
    part: int = 0


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


@runtime_checkable
class GlobalStep(Protocol):
    """A step whose treatment of a row depends on other rows; `apply` is `in_one_piece`.

    What `scan` returns and what `decide` returns must pickle. A scan holds counts over distinct keys or single columns,
    never whole rows, so that memory grows with what is distinct and not with the rows. `context.part` tells `scan` and
    `carry_out` which partition they are in; `decide` gets the scans in the order of the partitions.
    """

    kind: ClassVar[str]

    def plan(self, schema: Schema) -> Intent: ...

    def apply(self, table: pd.DataFrame, context: Context) -> tuple[pd.DataFrame, StepEvidence]: ...

    def scan(self, table: pd.DataFrame, context: Context) -> Any: ...

    def decide(self, scans: Sequence[Any], context: Context) -> Any: ...

    def carry_out(
        self, table: pd.DataFrame, decision: Any, context: Context
    ) -> tuple[pd.DataFrame, StepEvidence]: ...


def in_one_piece(
    step: GlobalStep, table: pd.DataFrame, context: Context
) -> tuple[pd.DataFrame, StepEvidence]:
    """`apply` of a global step: the whole table is the only partition."""
    return step.carry_out(table, step.decide([step.scan(table, context)], context), context)


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
