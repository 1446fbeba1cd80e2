"""Attacks on de-identified microdata, with a hold-out although the whole registry is protected.

A release of the whole registry leaves nobody out, so there is nobody to compare with. The recipe is therefore run anew:
the units are split at random into folds; the recipe is run on all folds but one, and attacked with targets that were in
that run (members) and of the fold that was not (controls). Each fold is held out once. The members of one run are the
controls of the next, so every target is attacked once as a member and once as a control, and the two groups are alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from anonymization.attacks.intervals import Scores
from anonymization.attacks.knowledge import Known, as_shown, known_of
from anonymization.attacks.profiles import Bools, profiles
from anonymization.attacks.report import SCHEMA, Attack, attacked, crossed, report
from anonymization.attacks.settings import AttackSettings
from anonymization.keys import KeyRing
from anonymization.pipeline import plan, run
from anonymization.recipe import Decision, Recipe
from anonymization.risk.classes import Ints
from anonymization.risk.units import unit_numbers
from anonymization.schema import Schema, VariableRole
from anonymization.steps import Context


@dataclass(frozen=True, slots=True)
class Split:
    """One protected table and who is attacked through it.

    Args:
        released: what the recipe made of `members`.
        members, controls: original rows, protected and held out.
        member_targets, control_targets: which units of the two are attacked, numbered as they first appear.
    """

    released: pd.DataFrame
    members: pd.DataFrame
    controls: pd.DataFrame
    member_targets: Ints
    control_targets: Ints


def attack_microdata(
    recipe: Recipe,
    table: pd.DataFrame,
    keys: KeyRing,
    *,
    scope: str,
    reference_date: date,
    schema: Schema | None = None,
    settings: AttackSettings | None = None,
) -> dict[str, object]:
    """What the three attacks make of a recipe on this extract.

    Args:
        recipe, table, keys, scope, reference_date, schema: as `anonymization.pipeline.run`.
        settings: how hard to attack.

    Returns:
        See `report.report`; where there are too few units to tell anything, `not_made` says so and there are no risks.
    """
    chosen = settings or AttackSettings()
    recipe = without_text(recipe)
    rows = table.reset_index(drop=True)
    schema = schema or Schema.infer(rows, recipe.roles)
    unit = recipe.risk.household
    numbers = unit_numbers(rows, unit) if unit else np.arange(len(rows), dtype=np.int64)
    units = int(numbers.max(initial=-1)) + 1
    if units < chosen.fewest_units:
        return {
            "schema": SCHEMA,
            "not_made": f"The extract has {units} units, and the attacks need {chosen.fewest_units}: nothing could "
            "be told from so few. Release differentially private aggregates of it instead.",
        }
    folds = chosen.folds
    seed = keys.seed(scope, "attacks")
    rng = np.random.default_rng(seed)
    order = rng.permutation(units)[: chosen.most_units]
    fold = np.full(units, -1, dtype=np.int64)
    fold[order] = np.arange(len(order)) % folds
    attacked_now = np.zeros(units, dtype=bool)
    attacked_now[order[: chosen.attacks]] = True
    context = Context(keys, scope, reference_date, 1)
    known = known_of(recipe, plan(recipe, schema).result.names)
    each = replace(chosen, attacks=max(1, chosen.attacks // folds))
    runs = []
    for held in range(folds):
        inside, outside = (np.flatnonzero((fold >= 0) & ((fold == held) == out)) for out in (False, True))
        member = attacked_now & (fold == (held + 1) % folds)
        members, controls = (_rows(rows, numbers, chosen_units) for chosen_units in (inside, outside))
        released = run(
            recipe, members, keys, scope=scope, reference_date=reference_date, schema=schema, processes=1
        ).table
        split = Split(
            released,
            members,
            controls,
            _targets(numbers, inside, member),
            _targets(numbers, outside, attacked_now),
        )
        runs.append(attack_table(recipe, schema, split, context, known, each, seed + 1 + held))
    about = {
        "design": "the recipe is run on all folds but one, which is held out; each fold once",
        "unit": "household" if unit else "row",
        "units_in_extract": units,
        "units_attacked": len(order),
        "units_in_each_run": len(order) - len(order) // folds,
        "left_out": "free text, which other checks read",
    }
    return report(crossed(runs), known, chosen, about)


def _rows(rows: pd.DataFrame, numbers: Ints, units: Ints) -> pd.DataFrame:
    """The rows of these units, in the order of the extract."""
    return rows.iloc[np.flatnonzero(np.isin(numbers, units))].reset_index(drop=True)


def _targets(numbers: Ints, units: Ints, attacked_now: Bools) -> Ints:
    """Which of `units` are attacked, as numbers in the order in which the units appear in their rows."""
    appear = pd.unique(numbers[np.isin(numbers, units)])
    return np.flatnonzero(attacked_now[appear]).astype(np.int64)


def attack_table(
    recipe: Recipe,
    schema: Schema,
    split: Split,
    context: Context,
    known: Known,
    settings: AttackSettings,
    seed: int,
) -> dict[Attack, Scores]:
    """The attacks on one protected table, however the recipe was run."""
    (true, apart), blurred = as_shown(recipe, schema, [split.members, split.controls], context)
    coded = profiles(split.released, true, apart, known.columns, unit=known.unit, blurred=blurred)
    return attacked(
        coded, known, settings, (split.member_targets, split.control_targets), seed, beyond=False, order=True
    )


def without_text(recipe: Recipe) -> Recipe:
    """The same recipe with free text dropped: it is not compared, and reading it is what takes the time."""
    texts = [
        n for n, d in recipe.columns.items() if d.role is VariableRole.FREE_TEXT and d.treatment != ("drop",)
    ]
    if not texts:
        return recipe
    decisions = {
        name: Decision(role=d.role, treatment=("drop",), note=d.note) if name in texts else d
        for name, d in recipe.columns.items()
    }
    steps = tuple(s for s in recipe.steps if "redact_text" not in s)
    return recipe.model_copy(update={"columns": decisions, "steps": ({"drop": {"columns": texts}}, *steps)})
