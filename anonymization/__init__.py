"""Turns a registry table into something that may be held, with evidence.

A library: no database, no web, no people.

schema (what the columns are), recipe (what is decided about each), steps (what changes them), risk (what is
measured), pipeline (plan, then run), evidence (the pack that says what happened), keys (pseudonyms), pii
(free text).
"""

from __future__ import annotations

from anonymization.errors import AnonymizationError, BrokenIntent, RecipeProblem, Unusable
from anonymization.keys import KeyRing
from anonymization.pipeline import Candidate, Plan, plan, run
from anonymization.recipe import Recipe, load_recipe, packaged_recipe, packaged_recipes
from anonymization.schema import Field, FieldType, Schema, VariableRole
from anonymization.tables import parquet_bytes

__all__ = [
    "AnonymizationError",
    "BrokenIntent",
    "Candidate",
    "Field",
    "FieldType",
    "KeyRing",
    "Plan",
    "Recipe",
    "RecipeProblem",
    "Schema",
    "Unusable",
    "VariableRole",
    "load_recipe",
    "packaged_recipe",
    "packaged_recipes",
    "parquet_bytes",
    "plan",
    "run",
]
