"""Plan, then run: what a recipe would do to an extract, and doing it, each step held to what it said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pandas as pd

from anonymization.errors import BrokenIntent, RecipeProblem
from anonymization.evidence import evidence_pack, survivors
from anonymization.keys import KeyRing
from anonymization.protect import broken
from anonymization.recipe import Recipe
from anonymization.risk.report import risk_report
from anonymization.schema import FieldType, Schema, VariableRole
from anonymization.steps import Context, Intent, Step
from anonymization.tables import parquet_bytes, plain, sha256

#: Called with (steps done, steps in all, what is being done), for a progress bar.
Progress = Callable[[int, int, str], None]

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


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may become a release: the table, its evidence, and the SHA-256 of the Parquet bytes to store."""

    table: pd.DataFrame
    evidence: dict[str, object]
    digest: str

    def parquet(self) -> bytes:
        """The bytes; raises BrokenIntent when the table was changed since it was measured."""
        data = parquet_bytes(self.table)
        if sha256(data) != self.digest:
            raise BrokenIntent(
                "The table was changed after it was measured, so it may not be stored. Run the recipe again."
            )
        return data


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


def run(
    recipe: Recipe,
    table: pd.DataFrame,
    keys: KeyRing,
    *,
    scope: str,
    reference_date: date,
    schema: Schema | None = None,
    progress: Progress | None = None,
    processes: int = 2,
) -> Candidate:
    """Carries out `recipe` on `table` (which is not changed).

    Args:
        recipe: what to do.
        table: the extract, one row a unit (or several, as the recipe says); its index is ignored.
        keys: the pseudonym keys.
        scope: what the pseudonyms are for.
        reference_date: the day at which ages are taken.
        schema: the data dictionary's types; without it they are read off the table's dtypes.
        progress: told before each step.
        processes: how many processes free text may use.

    Raises:
        RecipeProblem: as `plan`. Unusable: the table lacks something. BrokenIntent: a defect; nothing may be
            released.
    """
    before = plain(table)
    todo = plan(recipe, schema or Schema.infer(before, recipe.roles))
    if set(before.columns) != set(todo.schema.names):
        raise RecipeProblem(
            ["The table's columns are not those of the schema that was planned for. Plan again."]
        )
    context = Context(keys, scope, reference_date, processes)
    steps = recipe.built_steps()
    settings = recipe.risk.settings()
    now = before[list(todo.schema.names)]
    done: list[dict[str, object]] = []
    for number, (step, intent) in enumerate(zip(steps, todo.intents, strict=True)):
        if progress:
            progress(number, len(steps), intent.says)
        now, found = _apply(step, intent, now, context)
        done.append({"kind": intent.kind, "says": intent.says, "evidence": found})
    now = now.reset_index(drop=True)
    data = parquet_bytes(now)
    if progress:
        progress(len(steps), len(steps), "Measures the risk before and after.")
    evidence = evidence_pack(
        plan=todo.to_dict(),
        recipe=recipe,
        steps=done,
        source=before,
        released=now,
        risk_before=risk_report(before, settings),
        risk_after=risk_report(now, settings),
        survivors=survivors(before, now, recipe),
        settings={"scope": scope, "reference_date": reference_date.isoformat(), "key_version": keys.version},
        output_digest=sha256(data),
    )
    return Candidate(now, evidence, sha256(data))


def _apply(
    step: Step, intent: Intent, table: pd.DataFrame, context: Context
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Runs one step and checks the result against its intent."""
    rows = table.copy(deep=True)  # so that not even a defect of a step can change what it was given
    out, found = step.apply(rows, context)
    wrong = ""
    if tuple(out.columns) != intent.result.names:
        wrong = "left other columns than it said"
    elif intent.rows != "fewer" and len(out) != len(table):
        wrong = "changed the number of rows"
    elif intent.rows == "kept":
        untouched = [c for c in out.columns if c not in intent.changes]
        changed = [
            c for c in untouched if not out[c].reset_index(drop=True).equals(table[c].reset_index(drop=True))
        ]
        wrong = f"changed {', '.join(changed)}, which it had not named" if changed else ""
    for name in intent.changes:
        field = intent.result.get(name)
        if not wrong and field and field.type is FieldType.STRING and not _text(out[name]):
            wrong = f"left something other than text in {name}"
    if wrong:
        raise BrokenIntent(f"The step {intent.kind} {wrong}. This is a defect; nothing was released.")
    return out, found


def _text(values: pd.Series) -> bool:
    return pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty") or bool(values.isna().all())


def _decisions(recipe: Recipe, schema: Schema) -> list[str]:
    problems = [
        f"The column {name} of the extract is not decided in the recipe {recipe.name}. "
        "Add it under columns with a role and a treatment."
        for name in schema.names
        if name not in recipe.columns
    ]
    problems += [
        f"The recipe {recipe.name} decides the column {name}, which the extract does not have. "
        "Correct the name, or take the extract again with it."
        for name in recipe.columns
        if name not in schema.names
    ]
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
