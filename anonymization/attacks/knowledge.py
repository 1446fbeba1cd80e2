"""What an attacker knows of a recipe: true values as it would show them, and which columns say what.

The recipe is public (its bands, caps and bases stand in the data dictionary of the release), so a true age is compared
with its band. What a recipe does row by row at random, or by suppressing, nobody can follow from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from anonymization.pipeline import plan
from anonymization.recipe import Recipe
from anonymization.schema import Schema, VariableRole
from anonymization.steps import Context, GlobalStep
from anonymization.steps.generalise_to_k import GeneraliseToK

#: Steps that map each value by a rule that anybody can apply.
RULES = frozenset({"generalise", "topcode", "round", "coarsen_place"})
#: Steps that change no value that is compared: columns that go, tokens, text, blanks, and whole rows.
_NO_VALUES = frozenset({"drop", "pseudonymise", "redact_text", "suppress", "shuffle", "sample"})


@dataclass(frozen=True, slots=True)
class Known:
    """What attacks compare.

    Args:
        keys: the declared key variables: what an outsider may know.
        quasi: every quasi-identifier that stays visible, the keys among them: what a neighbour may know.
        others: the remaining columns that are compared, the other part of a linkage.
        secrets: those of them that are guessed, one by one.
        exact: columns that the recipe shows exactly although they single out, for a reason that it gives.
        unit: the household's column; "" where each row is a unit.
    """

    keys: tuple[str, ...]
    quasi: tuple[str, ...]
    others: tuple[str, ...]
    secrets: tuple[str, ...]
    exact: tuple[str, ...] = ()
    unit: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.keys, *self.quasi, *self.others)))


def known_of(recipe: Recipe, released: Sequence[str]) -> Known:
    """What a recipe's roles say about the columns that its release shows."""
    hidden = {VariableRole.DIRECT, VariableRole.FREE_TEXT}
    shown = [n for n in released if recipe.columns[n].role not in hidden]
    keys = tuple(k for k in recipe.risk.keys if k in shown)
    quasi = tuple(n for n in shown if n in keys or recipe.columns[n].role is VariableRole.QUASI)
    others = tuple(n for n in shown if n not in quasi)
    secrets = tuple(n for n in others if recipe.columns[n].role is VariableRole.SENSITIVE)
    exact = tuple(n for n in recipe.exact if n in shown)
    return Known(keys, quasi, others, secrets, exact, recipe.risk.household)


def as_shown(
    recipe: Recipe, schema: Schema, tables: list[pd.DataFrame], context: Context
) -> tuple[list[pd.DataFrame], frozenset[str]]:
    """True rows with every rule of the recipe applied; and the columns that it changes in other ways.

    Args:
        tables: original rows, the ones that the release was made from first: rules that are found from the data are
            found from those.
        context: for the day at which ages are taken.
    """
    out = [df.reset_index(drop=True) for df in tables]
    blurred: set[str] = set()
    for step, intent in zip(recipe.built_steps(), plan(recipe, schema).intents, strict=True):
        if intent.kind in _NO_VALUES:
            continue
        if isinstance(step, GeneraliseToK):
            # The levels are public; which cells were blanked to reach k is not a rule that anybody can follow.
            chosen = step.decide([step.scan(out[0], context)], context)
            out = [step.as_shown(df, chosen).reset_index(drop=True) for df in out]
            continue
        if intent.kind not in RULES:
            blurred |= set(intent.changes)
        elif isinstance(step, GlobalStep):
            decision = step.decide([step.scan(out[0], context)], context)
            out = [step.carry_out(df, decision, context)[0].reset_index(drop=True) for df in out]
        else:
            out = [step.apply(df, context)[0].reset_index(drop=True) for df in out]
    return out, frozenset(blurred)
