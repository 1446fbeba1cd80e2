"""From a confirmed classification to a recipe: a first draft that is complete and valid, for a steward to sharpen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from anonymization.columns.judging import kind_of
from anonymization.columns.proposal import Choice, Classification, ClassificationProblem, Column
from anonymization.columns.treatments import treatment_by_profile
from anonymization.schema import Field, FieldType, Schema, VariableRole

#: What an identifier of a kind is called in a note of its own row (`redact_text.linked`).
_LINKED = {
    "person_name": "name",
    "place_name": "place",
    "address": "place",
    "phone": "phone",
    "national_id": "id",
    "registry_id": "id",
    "account": "id",
    "email": "email",
    "birth_date": "date",
    "coordinate": "coordinate",
}
_ABOUT = "Drafted from the confirmed classification of its columns. Sharpen it before it is published."
_SHARED = (
    " Rows share a household and classes count rows: where a household could be recognised, choose few keys and let "
    "classes count households (unit of suppress, per_household of risk)."
)
WRITES = ("keep", "drop", "pseudonymise", "generalise", "topcode", "round", "redact_text", "suppress")


def draft_recipe(
    classification: Classification, *, name: str, k: int, share: float, tier: str = "scientific use"
) -> str:
    """The recipe as YAML text, for `anonymization.recipe.load_recipe`.

    Args:
        classification: of which every column is confirmed.
        name: of the recipe; k: smallest class; share: highest share of expected re-identifications.

    Raises:
        ClassificationProblem: something is undecided, or cannot be written as a recipe.
    """
    problems = [f"Column {n} is not decided yet, so there is no recipe." for n in classification.undecided]
    columns = classification.columns
    problems += [
        f"Column {c.name}: the draft cannot write the step {step}. It writes {', '.join(WRITES)}; add others by hand."
        for c in columns
        for step in c.decided.treatment
        if step not in WRITES
    ]
    keys = [c.name for c in columns if "suppress" in c.decided.treatment]
    left = [c for c in columns if "drop" not in c.decided.treatment]
    keys = keys or [c.name for c in left if c.decided.role is VariableRole.QUASI][:6]
    if not keys:
        problems.append(
            "No quasi-identifier is left to measure risk on. Decide one, or nothing can be proved."
        )
    if not classification.dataset:
        problems.append("The classification names no dataset. Classify with --dataset.")
    if problems:
        raise ClassificationProblem(problems)
    household = classification.household if classification.household in {c.name for c in left} else ""
    content: dict[str, Any] = {
        "name": name,
        "version": 1,
        "dataset": classification.dataset,
        "unit": classification.unit,
        "tier": tier,
        "about": _ABOUT + (_SHARED if household else ""),
        "columns": {c.name: _decision(c) for c in columns},
        "steps": [*_steps(columns), *_suppress(columns, keys, k, share), {"shuffle": {}}],
        "risk": _risk(left, keys, k, household),
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)


def _decision(column: Column) -> dict[str, object]:
    note = column.why or column.reason
    return {"role": column.decided.role.value, "treatment": list(column.decided.treatment), "note": note}


def _steps(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Everything before suppression, in an order in which each step still finds what it needs."""

    def treated(step: str) -> list[Column]:
        return [c for c in columns if step in c.decided.treatment]

    steps: list[dict[str, Any]] = []
    if texts := [c.name for c in treated("redact_text")]:
        linked = {
            c.name: _LINKED[c.decided.kind]
            for c in columns
            if c.decided.kind in _LINKED and c.name not in texts
        }
        steps.append({"redact_text": {"columns": texts, "profile": "strict", "linked": linked}})
    domains: dict[str, list[str]] = {}
    for c in treated("pseudonymise"):
        domains.setdefault(str(c.decided.settings.get("domain", c.name)), []).append(c.name)
    steps += [{"pseudonymise": {"columns": names, "domain": domain}} for domain, names in domains.items()]
    if coarser := {c.name: c.decided.settings for c in treated("generalise")}:
        steps.append({"generalise": {"columns": coarser}})
    if capped := {c.name: c.decided.settings for c in treated("topcode")}:
        steps.append({"topcode": {"columns": capped}})
    if rounded := {c.name: c.decided.settings.get("to", 10) for c in treated("round")}:
        steps.append({"round": {"columns": rounded}})
    if dropped := [c.name for c in treated("drop")]:
        steps.append({"drop": {"columns": dropped}})
    return steps


def _suppress(columns: Sequence[Column], keys: list[str], k: int, share: float) -> list[dict[str, Any]]:
    if not any("suppress" in c.decided.treatment for c in columns):
        return []
    step: dict[str, Any] = {"keys": keys, "k": k, "share": share}
    # Rows are granted by area, so an area is blanked last.
    areas = [c.name for c in columns if c.name in keys and c.decided.kind == "region"]
    if areas:
        step["importance"] = dict.fromkeys(areas, 100)
    return [{"suppress": step}]


def _risk(left: Sequence[Column], keys: list[str], k: int, household: str) -> dict[str, Any]:
    sensitive = [
        c.name
        for c in left
        if c.decided.role is VariableRole.SENSITIVE and c.profile.distinct <= 12 and c.name not in keys
    ]
    risk: dict[str, Any] = {"keys": keys, "k": k}
    if household:
        risk["household"] = household
    if sensitive:
        risk["sensitive"] = sensitive
    return risk


def schema_of(classification: Classification, order: Sequence[str]) -> Schema:
    """The schema of the table, in its own order of columns, as far as the values tell."""
    types = {"whole number": FieldType.INTEGER, "number": FieldType.NUMBER, "boolean": FieldType.BOOLEAN}
    by_name = {c.name: c for c in classification.columns}
    return Schema(
        tuple(
            Field(n, by_name[n].decided.role, types.get(by_name[n].profile.type, FieldType.STRING))
            for n in order
        )
    )


def choice_of(kind: str, column: Column) -> Choice:
    """What a column is and gets when a steward says that it is of this kind."""
    meant = kind_of(kind)
    treatment = treatment_by_profile(meant, column.name, column.profile.type, column.profile.distinct)
    return Choice(role=meant.role, kind=kind, treatment=treatment.steps, settings=treatment.settings)
