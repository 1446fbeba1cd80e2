"""The document of a classification: what is proposed for each column, what a steward decided, who, when and why.

It holds names, counts and sentences, never a value of the table, so it may be kept, diffed and shown. It is no recipe:
`drafting.draft_recipe` makes one, and refuses as long as one column is not confirmed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from anonymization.errors import AnonymizationError
from anonymization.schema import VariableRole

FORMAT: Literal["registry-enclave/classification-1"] = "registry-enclave/classification-1"


class ClassificationProblem(AnonymizationError):
    """A classification cannot be used as it is.

    Args:
        problems: one sentence for each thing that is wrong.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Profile(_Strict):
    """How a column looks, in counts.

    Args:
        type: what its values are, stored: "text" where numbers stand as text.
        missing: share of rows without a value; distinct: different values; distinct_share: of the values present.
        looked_at: how many distinct values were read.
        detectors: what was found, and in which share of the values read.
    """

    type: str
    stored: str
    missing: float
    distinct: int
    distinct_share: float
    looked_at: int
    detectors: dict[str, float] = Field(default_factory=dict)


class Choice(_Strict):
    """A role and what a recipe does about it. Args: settings: of the steps, as in a recipe."""

    role: VariableRole
    kind: str
    treatment: tuple[str, ...] = Field(min_length=1)
    settings: dict[str, Any] = Field(default_factory=dict)


class Column(_Strict):
    """One column: the proposal, which stays as it was made, and the decision, which a steward makes.

    Args:
        confidence: of the proposal, 0 to 1; reason: why it was made, a sentence.
        proposed: what was proposed; decided: what stands; confirmed: whether somebody answers for it.
        by, on: who and when; why: the reason for a change, needed where `decided` is not `proposed`.
        news: on a new extract, what is different from when it was confirmed.
    """

    name: str
    confidence: float
    reason: str
    proposed: Choice
    decided: Choice
    profile: Profile
    confirmed: bool = False
    by: str = ""
    on: str = ""
    why: str = ""
    news: str = ""

    @property
    def changed(self) -> bool:
        return self.decided != self.proposed


class Classification(_Strict):
    """All columns of a table.

    Args:
        dataset: slug of the dataset, "" where it has none yet; rows: of the table that was looked at.
        unit: what a row is; household: the column that names the household where rows share one.
        made_on, made_with: when and with which version.
    """

    format: Literal["registry-enclave/classification-1"] = FORMAT
    dataset: str = ""
    rows: int
    unit: Literal["household", "person"] = "household"
    household: str = ""
    made_on: str
    made_with: str
    columns: tuple[Column, ...]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("a column stands in it twice")
        return self

    @property
    def undecided(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if not c.confirmed)

    @property
    def digest(self) -> str:
        """SHA-256 of the document, for the audit log."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def column(self, name: str) -> Column | None:
        return next((c for c in self.columns if c.name == name), None)

    def to_yaml(self) -> str:
        head = (
            "# A proposal, not a recipe. For each column: correct `decided` where it is wrong and say why, then set\n"
            "# `confirmed: true`. Leave `proposed` as it is. Riskiest first.\n"
        )
        content = self.model_dump(mode="json")
        return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def load_classification(path: Path) -> Classification:
    """Reads a classification from YAML or JSON.

    Raises:
        ClassificationProblem: names each place that is wrong; never what stands there.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f" near line {line + 1}" if line is not None else ""
        raise ClassificationProblem(
            [f"The classification is not readable YAML{where}. Check its indentation."]
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ClassificationProblem(
            ["This file is not a classification. `enclave dataset classify FILE --out …` writes one."]
        )
    try:
        return Classification.model_validate(content)
    except ValidationError as error:
        names = [c.get("name", "?") if isinstance(c, dict) else "?" for c in content.get("columns") or []]
        raise ClassificationProblem(
            [_sentence(e["loc"], e["msg"], names) for e in error.errors(include_input=False)]
        ) from None


def _sentence(loc: tuple[int | str, ...], message: str, names: list[str]) -> str:
    where = list(loc)
    if len(where) > 1 and where[0] == "columns" and isinstance(where[1], int) and where[1] < len(names):
        return f"Column {names[where[1]]}: {'.'.join(map(str, where[2:])) or 'it'}: {message}."
    return f"{'.'.join(map(str, where)) or 'The classification'}: {message}."
