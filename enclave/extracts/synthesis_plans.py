"""What of a dataset is synthesised and by which rules, from the data dictionary; and what it will take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from anonymization.dp.accountant import Loss
from anonymization.schema import FieldType
from anonymization.synth import SynthesisPlan
from anonymization.synth.constraints import Between, InOrder, OneOf, Rule
from anonymization.synth.public import PublicDomain
from anonymization.synth.several import planned
from enclave.catalogue.model import Column, ColumnRole, ColumnType, Dataset
from enclave.extracts.questions import models, question, synthesis_plan
from enclave.extracts.recipes import BEST, SynthesisRecipe

CLOSED = {ColumnRole.DIRECT, ColumnRole.FREE_TEXT}
_NUMBERS = {ColumnType.INTEGER, ColumnType.NUMBER}


@dataclass(frozen=True, slots=True)
class Planned:
    """What a recipe would do to an extract, told before a row is read.

    Args:
        source: the reference of what is learnt from: a microdata release, or with a private method the extract itself.
        rows: of the source; columns: what is synthesised; left_out: what is not although it is no identifier.
        seconds: of processor time, megabytes: of memory, at which the process is ended; wall: seconds of wall time.
        basis: where the figures come from.
        key: names this work; the same key is the same release.
        loss: of a private method; `paid` whether it is charged already, `left` what the budget has left, in words.
        gate: the policy that decides, and each of its demands in words.
        too_large: the sentence about a plan beyond the recipe's bounds; problems: all that stands against starting.
    """

    recipe: SynthesisRecipe
    dataset: str
    extract: str
    source: str
    rows: int
    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    seconds: float
    wall: float
    megabytes: float
    basis: str
    key: str
    loss: Loss | None
    paid: bool
    left: str
    gate: tuple[str, tuple[str, ...]]
    too_large: str = ""
    problems: tuple[str, ...] = ()


def from_microdata(table: pd.DataFrame, dataset: Dataset, recipe: SynthesisRecipe) -> SynthesisPlan:
    """The plan for a de-identified release; rules are those of the dictionary that the release itself keeps."""
    plan = synthesis_plan(table, dataset)
    columns = {c: kind for c, kind in plan.columns.items() if c not in recipe.leave_out}
    rules = tuple(
        r
        for r in [*rules_of(dataset.columns, columns), *_orders(recipe, columns)]
        if not r.broken(table).any()
    )
    return _with(plan, recipe, columns, rules)


def from_dictionary(dataset: Dataset, recipe: SynthesisRecipe) -> SynthesisPlan:
    """The plan for a private method: columns, cells and rules that anybody may know, and nothing else."""
    open_ = [c for c in dataset.columns if c.role not in CLOSED and c.name not in recipe.leave_out]
    domains = {c.name: d for c in open_ if (d := _domain(c, recipe)) is not None}
    columns = {c.name: FieldType(c.type.value) for c in open_ if c.name in domains}
    quasi, sensitive = quasi_and_sensitive(dataset, columns)
    plan = SynthesisPlan(
        columns=columns,
        unit_id=dataset.unit_id,
        quasi_identifiers=quasi,
        sensitive=sensitive,
        question=question(dataset.slug),
        models=tuple(m for m in models(dataset.slug) if set(m.columns) <= set(columns)),
    )
    made = _with(plan, recipe, columns, (*rules_of(dataset.columns, columns), *_orders(recipe, columns)))
    return replace(made, domains=domains, epsilon=recipe.epsilon, delta=recipe.delta)


def expected(
    names: Sequence[str], rows: int, recipe: SynthesisRecipe, private: SynthesisPlan | None = None
) -> tuple[float, float, str]:
    """(seconds, megabytes, basis) for so many rows of these columns; none is read.

    Args:
        private: of a private method, its plan: how long it takes hangs on the cells.
    """
    columns = dict.fromkeys(names, FieldType.STRING)
    methods = recipe.among or (recipe.method,)
    seconds, megabytes, basis = 0.0, 0.0, list[str]()
    for at, method in enumerate(methods):
        most = recipe.max_seconds / (3 * recipe.tables)
        plan = private or SynthesisPlan(
            columns, method=method, max_seconds=most, max_megabytes=recipe.max_megabytes, epochs=recipe.epochs
        )
        fits, evidence = planned(plan, rows, recipe.tables)
        # Every candidate is learnt and measured once, and the one that is chosen once for each table.
        share = 1 / recipe.tables if recipe.method == BEST else 1.0
        last = fits.seconds + evidence.seconds if recipe.method == BEST and at == 0 else 0.0
        seconds += share * (fits.seconds + evidence.seconds) + last
        megabytes = max(megabytes, fits.megabytes, evidence.megabytes)
        basis += [b for b in (fits.basis, evidence.basis) if b not in basis]
    return seconds, megabytes, " ".join(basis)


def _with(
    plan: SynthesisPlan, recipe: SynthesisRecipe, columns: dict[str, FieldType], rules: tuple[Rule, ...]
) -> SynthesisPlan:
    asked = plan.question
    return replace(
        plan,
        columns=columns,
        quasi_identifiers=tuple(c for c in plan.quasi_identifiers if c in columns),
        sensitive=tuple(c for c in plan.sensitive if c in columns),
        question=asked if asked is not None and set(asked.columns) <= set(columns) else None,
        models=tuple(m for m in plan.models if set(m.columns) <= set(columns)),
        method=recipe.among[0] if recipe.method == BEST else recipe.method,
        min_leaf=recipe.min_leaf,
        epochs=recipe.epochs,
        rules=rules,
        max_seconds=recipe.max_seconds / (3 * recipe.tables),
        max_megabytes=recipe.max_megabytes,
    )


def quasi_and_sensitive(
    dataset: Dataset, columns: Mapping[str, FieldType]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What an attacker may know, and what is guessed, among these columns."""
    by = {
        role: tuple(c.name for c in dataset.columns if c.name in columns and c.role is role)
        for role in (ColumnRole.QUASI, ColumnRole.SENSITIVE)
    }
    return by[ColumnRole.QUASI], by[ColumnRole.SENSITIVE]


def rules_of(described: Sequence[Column], columns: Mapping[str, FieldType]) -> list[Rule]:
    """Code lists and bounds of the dictionary, for these columns."""
    rules: list[Rule] = []
    for c in described:
        codes = _codes(c)
        if c.name not in columns:
            continue
        if codes:
            rules.append(OneOf(c.name, codes))
        elif c.type in _NUMBERS and c.lower is not None and c.upper is not None:
            rules.append(Between(c.name, c.lower, c.upper))
    return rules


def _orders(recipe: SynthesisRecipe, columns: Mapping[str, FieldType]) -> list[Rule]:
    return [InOrder(a, b) for a, b in recipe.in_order if a in columns and b in columns]


def _domain(c: Column, recipe: SynthesisRecipe) -> PublicDomain | None:
    """A column's public cells; None where the dictionary gives none."""
    codes = _codes(c)
    if c.type is ColumnType.BOOLEAN:
        return PublicDomain()
    if c.type in _NUMBERS and c.lower is not None and c.upper is not None:
        return PublicDomain(lower=c.lower, upper=c.upper, edges=recipe.edges.get(c.name, ()))
    if c.type is ColumnType.STRING and codes:
        return PublicDomain(codes=codes)
    return None


def _codes(column: Column) -> tuple[str, ...]:
    codes: dict[str, str] = column.values  # noqa: PD011 - a code list, no frame
    return tuple(codes)
