"""What a recipe would do to an extract: every column decided, every step agreed with its word. No row is read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from anonymization.errors import NoSuchColumn, RecipeProblem
from anonymization.protect import broken
from anonymization.recipe import Recipe
from anonymization.recipe_text import did_you_mean
from anonymization.schema import Field, FieldType, Schema, VariableRole
from anonymization.steps.base import Intent, Step

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
    for number, step in enumerate(steps):
        try:
            intent = step.plan(now)
        except RecipeProblem as error:
            problems += [_in_step(recipe, number, p) for p in _all_problems(step, now, error)]
            continue
        intents.append(intent)
        now = intent.result
    if not problems:
        problems += _treatments(recipe, intents) + _order(recipe, intents) + _risk(recipe, now)
        problems += _exact(recipe, schema)
        problems += broken(recipe.protect, tuple(recipe.columns), list(zip(steps, intents, strict=True)))
    if problems:
        raise RecipeProblem(problems)
    quasi = {n for n, d in recipe.columns.items() if d.role is VariableRole.QUASI}
    watch = tuple(n for n in now.names if n in quasi and n not in recipe.risk.keys)
    return Plan(recipe, schema, tuple(intents), now, watch)


def _all_problems(step: Step, schema: Schema, error: RecipeProblem) -> list[str]:
    """Every column that a step misses, not only the first; anything else that is wrong is said once they are there."""
    problems: list[str] = []
    while isinstance(error, NoSuchColumn) and schema.get(error.column) is None:
        problems += error.problems
        schema = Schema((*schema.fields, Field(error.column, VariableRole.PLAIN, FieldType.NUMBER)))
        try:
            step.plan(schema)
        except RecipeProblem as another:
            error = another
        else:
            return problems
    return problems or list(error.problems)


def _in_step(recipe: Recipe, number: int, problem: str) -> str:
    """The problem with the line of the column that it speaks of, or of its step."""
    [kind] = recipe.steps[number]
    path = ("steps", number, kind)
    words = set(re.findall(r"[^\s,.:;()]+", problem.split(" There are:", maxsplit=1)[0]))
    mentioned = {n: line for n in words if (line := recipe.lines.mention(path, n)) > recipe.lines.line(path)}
    name = min(mentioned, key=lambda n: (mentioned[n], n), default="")
    return recipe.lines.at(problem, path, name)


def _columns(recipe: Recipe, names: Sequence[str]) -> list[str]:
    at = recipe.lines.at
    problems = [
        at(
            f"The column {name} of the extract is not decided in the recipe {recipe.name}. "
            f"Add it under columns with a role ({', '.join(VariableRole)}) and a treatment.",
            ("columns",),
        )
        for name in names
        if name not in recipe.columns
    ]
    return problems + [
        at(
            f"The recipe {recipe.name} decides the column {name}, which the extract does not have. "
            f"Correct the name, or take the extract again with it. {did_you_mean(name, names)}",
            ("columns", name),
        )
        for name in recipe.columns
        if name not in names
    ]


def _decisions(recipe: Recipe, schema: Schema) -> list[str]:
    problems = _columns(recipe, schema.names)
    at = recipe.lines.at
    for field in schema.fields:
        decision = recipe.columns.get(field.name)
        if decision and field.role in _ENOUGH and decision.role is not field.role:
            said = (
                f"The data dictionary calls {field.name} {_said(field.role)}, the recipe calls it "
                f"{_said(decision.role)}. The recipe may be stricter, never laxer: correct one of them."
            )
            problems.append(at(said, ("columns", field.name, "role")))
    for name, decision in recipe.columns.items():
        enough, words = _ENOUGH.get(decision.role, (set(), ""))
        if enough and not enough & set(decision.treatment):
            said = f"The column {name} is {_said(decision.role)}, so it must be {words}."
            problems.append(at(said, ("columns", name, "treatment")))
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
            problem = (
                f"The column {name} is to be treated by: {', '.join(said) or 'nothing'}; the steps do: "
                f"{', '.join(doing[name]) or 'nothing'}. Make them agree."
            )
            problems.append(recipe.lines.at(problem, ("columns", name, "treatment")))
    return problems


def _exact(recipe: Recipe, schema: Schema) -> list[str]:
    """Attacks pass over what is kept exact, so that is open to the running variables of a design alone."""
    protected = {*recipe.protect.cutoffs, *(n for group in recipe.protect.together for n in group)}
    problems = []
    for name in recipe.exact:
        field = schema.get(name)
        number = field is not None and field.type in (FieldType.NUMBER, FieldType.INTEGER)
        if number and name in protected:
            continue
        said = (
            f"The column {name} is kept exact, which is for the running variable of a design: a number that "
            "protect names, with its cut-off or together with what follows from it. Take it out of exact, or say "
            "under protect what needs it."
        )
        problems.append(recipe.lines.at(said, ("exact",), name))
    return problems


def _order(recipe: Recipe, intents: list[Intent]) -> list[str]:
    """Nothing may undo a suppression."""
    problems = []
    for i, intent in enumerate(intents):
        if intent.kind != "suppress":
            continue
        for number, later in enumerate(intents[i + 1 :], start=i + 1):
            touched = sorted(set(later.changes) & set(intent.changes)) if later.kind != "suppress" else []
            if later.rows == "fewer" or touched:
                said = f"The step {later.kind} comes after suppress and can undo it. Move it before."
                problems.append(recipe.lines.at(said, ("steps", number)))
    return problems


def _risk(recipe: Recipe, result: Schema) -> list[str]:
    wanted = [*recipe.risk.keys, *recipe.risk.sensitive]
    wanted += [n for n in (recipe.risk.weight, recipe.risk.household) if n]
    said = "Risk is measured on {}, which the release does not have. Take it out, or keep the column."
    return [
        recipe.lines.at(f"{said.format(name)} {did_you_mean(name, result.names)}", ("risk",), name)
        for name in dict.fromkeys(wanted)
        if result.get(name) is None
    ]
