"""What a recipe would do to an extract: every column decided, every step agreed with its word. No row is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anonymization.errors import RecipeProblem
from anonymization.protect import broken
from anonymization.recipe import Recipe
from anonymization.schema import Schema, VariableRole
from anonymization.steps.base import Intent

_ENOUGH = {
    VariableRole.DIRECT: ({"drop", "pseudonymise"}, "dropped or pseudonymised"),
    VariableRole.FREE_TEXT: ({"drop", "redact_text"}, "dropped or redacted"),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a recipe will do to an extract with this schema. No row was read.

    Args:
        intents: one for each step; result: the schema of the release.
        watch: quasi-identifiers that stay visible outside the declared keys: named, so that somebody decides.
    """

    recipe: Recipe
    schema: Schema
    intents: tuple[Intent, ...]
    result: Schema
    watch: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(i.says for i in self.intents)

    def to_dict(self) -> dict[str, object]:
        return {
            "recipe": f"{self.recipe.name}@{self.recipe.version}",
            "steps": [
                {"kind": i.kind, "says": i.says, "changes": i.changes, "drops": i.drops} for i in self.intents
            ],
            "columns_before": self.schema.names,
            "columns_after": self.result.names,
            "visible_outside_keys": self.watch,
        }


def plan(recipe: Recipe, schema: Schema) -> Plan:
    """What `recipe` will do to an extract with `schema`.

    Raises:
        RecipeProblem: one sentence for each undecided column and each thing that does not fit.
    """
    problems = _decisions(recipe, schema)
    # The recipe's roles stand: they may be stricter than the data dictionary's.
    now = Schema(tuple(f for f in schema.fields if f.name in recipe.columns))
    intents: list[Intent] = []
    steps = recipe.built_steps()
    for step in steps:
        try:
            intent = step.plan(now)
        except RecipeProblem as error:
            problems += error.problems
            continue
        intents.append(intent)
        now = intent.result
    if not problems:
        problems += _treatments(recipe, intents) + _order(intents) + _risk(recipe, now)
        problems += broken(recipe.protect, tuple(recipe.columns), list(zip(steps, intents, strict=True)))
    if problems:
        raise RecipeProblem(problems)
    quasi = {n for n, d in recipe.columns.items() if d.role is VariableRole.QUASI}
    watch = tuple(n for n in now.names if n in quasi and n not in recipe.risk.keys)
    return Plan(recipe, schema, tuple(intents), now, watch)


def undecided(recipe: Recipe, names: Sequence[str]) -> None:
    """Raises RecipeProblem when columns of an extract are not decided, or decided columns are not in it."""
    if problems := _columns(recipe, names):
        raise RecipeProblem(problems)


def _columns(recipe: Recipe, names: Sequence[str]) -> list[str]:
    problems = [
        f"The column {name} of the extract is not decided in the recipe {recipe.name}. "
        "Add it under columns with a role and a treatment."
        for name in names
        if name not in recipe.columns
    ]
    return problems + [
        f"The recipe {recipe.name} decides the column {name}, which the extract does not have. "
        "Correct the name, or take the extract again with it."
        for name in recipe.columns
        if name not in names
    ]


def _decisions(recipe: Recipe, schema: Schema) -> list[str]:
    problems = _columns(recipe, schema.names)
    for field in schema.fields:
        decision = recipe.columns.get(field.name)
        if decision and field.role in _ENOUGH and decision.role is not field.role:
            problems.append(
                f"The data dictionary calls {field.name} {_said(field.role)}, the recipe calls it "
                f"{_said(decision.role)}. The recipe may be stricter, never laxer: correct one of them."
            )
    for name, decision in recipe.columns.items():
        enough, words = _ENOUGH.get(decision.role, (set(), ""))
        if enough and not enough & set(decision.treatment):
            problems.append(f"The column {name} is {_said(decision.role)}, so it must be {words}.")
    return problems


def _said(role: VariableRole) -> str:
    return role.value.replace("_", " ")


def _treatments(recipe: Recipe, intents: list[Intent]) -> list[str]:
    """What the columns say and what the steps do must be the same thing."""
    doing: dict[str, list[str]] = {name: [] for name in recipe.columns}
    for intent in intents:
        for name in intent.treats:
            doing[name].append(intent.kind)
    problems = []
    for name, decision in recipe.columns.items():
        said = sorted(t for t in decision.treatment if t != "keep")
        if said != sorted(doing[name]):
            problems.append(
                f"The column {name} is to be treated by: {', '.join(said) or 'nothing'}; the steps do: "
                f"{', '.join(doing[name]) or 'nothing'}. Make them agree."
            )
    return problems


def _order(intents: list[Intent]) -> list[str]:
    """Nothing may undo a suppression."""
    problems = []
    for i, intent in enumerate(intents):
        if intent.kind != "suppress":
            continue
        for later in intents[i + 1 :]:
            touched = sorted(set(later.changes) & set(intent.changes)) if later.kind != "suppress" else []
            if later.rows == "fewer" or touched:
                problems.append(
                    f"The step {later.kind} comes after suppress and can undo it. Move it before."
                )
    return problems


def _risk(recipe: Recipe, result: Schema) -> list[str]:
    wanted = [*recipe.risk.keys, *recipe.risk.sensitive]
    wanted += [n for n in (recipe.risk.weight, recipe.risk.household) if n]
    return [
        f"Risk is measured on {name}, which the release does not have. Take it out, or keep the column."
        for name in wanted
        if result.get(name) is None
    ]
