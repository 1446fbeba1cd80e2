"""A recipe: what is decided about every column of an extract, and the ordered steps that do it."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from anonymization.errors import RecipeProblem
from anonymization.protect import Protect
from anonymization.recipe_text import Lines, did_you_mean, read_document, sentences, unknown_keys
from anonymization.risk.report import RiskSettings
from anonymization.schema import VariableRole
from anonymization.steps import ROW_STEPS, STEPS, Step


def _treatment(value: str) -> str:
    """Any step that treats columns, or keep."""
    allowed = ("keep", *(kind for kind in STEPS if kind not in ROW_STEPS))
    if value not in allowed:
        message = f"there is no such treatment. {did_you_mean(value, allowed)}"
        raise ValueError(message)
    return value


Treatment = Annotated[str, AfterValidator(_treatment)]


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Decision(BaseModel):
    """What is decided about one column. Args: note: why, for the next steward."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: VariableRole
    treatment: Annotated[tuple[Treatment, ...], BeforeValidator(_one_or_more)] = Field(min_length=1)
    note: str = ""


class Risk(BaseModel):
    """How risk is measured before and after; see `anonymization.risk.report.RiskSettings`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[str, ...] = Field(min_length=1)
    k: int = Field(ge=2)
    weight: str = ""
    household: str = ""
    per_household: bool = False
    sensitive: tuple[str, ...] = ()
    missing: Literal["wildcard", "category"] = "wildcard"
    violations: tuple[Annotated[int, Field(ge=2)], ...] = (2, 3, 5, 10)
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    form: Literal["approximate", "exact"] = "approximate"
    suda: int = Field(default=0, ge=0)
    sampling_fraction: float = Field(default=0.01, gt=0, le=1)
    diversity_depth: int = Field(default=2, ge=2)
    closeness: bool = False
    household_classes: bool = False

    def settings(self) -> RiskSettings:
        return RiskSettings(**self.model_dump())


class Recipe(BaseModel):
    """A versioned recipe.

    Args:
        name, version: what it is; a published version is never edited.
        dataset: slug of the dataset whose extracts it takes; unit: what one row is; tier: the release tier it
            makes.
        columns: every column of the extract and what is decided about it.
        steps: in order, each `{step name: its settings}`.
        risk: what is measured.
        protect: what evaluators need and no step may break: cut-offs, and columns that are one fact.
        exact: columns whose values stay exact although single households show by them; the column's note says why.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    version: int = Field(ge=1)
    dataset: str
    unit: Literal["household", "person"]
    tier: Literal["scientific use", "secure"]
    about: str = ""
    columns: dict[str, Decision] = Field(min_length=1)
    steps: tuple[dict[str, dict[str, Any]], ...] = Field(min_length=1)
    risk: Risk
    protect: Protect = Field(default_factory=Protect)
    exact: tuple[str, ...] = ()
    _lines: Lines = PrivateAttr(default_factory=Lines)

    @model_validator(mode="after")
    def _exact_with_a_reason(self) -> Self:
        bare = [n for n in self.exact if n not in self.columns or not self.columns[n].note]
        if bare:
            message = (
                f"exact names {', '.join(bare)}, whose column must be decided and have a note that says why"
            )
            raise ValueError(message)
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the recipe's content (not of its layout or comments), lower-case hexadecimal."""
        content = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def roles(self) -> dict[str, str]:
        return {name: decision.role.value for name, decision in self.columns.items()}

    @property
    def lines(self) -> Lines:
        """Where its parts stand in the text that it was read from."""
        return self._lines

    def built_steps(self) -> tuple[Step, ...]:
        """The steps as objects.

        Raises:
            RecipeProblem: names every step that cannot be read and what is wrong with it.
        """
        problems: list[str] = []
        built: list[Step] = []
        for number, entry in enumerate(self.steps):
            try:
                built.append(_step(number, entry, self._lines))
            except RecipeProblem as error:
                problems += error.problems
        if problems:
            raise RecipeProblem(problems)
        return tuple(built)


def load_recipe(source: str | Path) -> Recipe:
    """Reads a recipe from a path, or from YAML text (anything with a line break in it).

    Raises:
        RecipeProblem: one sentence for each thing that is wrong.
    """
    text = source if isinstance(source, str) and "\n" in source else _text(Path(source))
    document = read_document(text)
    content, lines = document.content, document.lines
    problems = [*document.problems, *unknown_keys(Recipe, content, (), lines, "The recipe")]
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        problems += sentences(error, (), lines, "The recipe", content)
        # The steps are read all the same, so that everything that is wrong is said at once.
        for number, entry in enumerate(steps if isinstance(steps := content.get("steps"), list) else ()):
            try:
                _step(number, entry, lines)
            except RecipeProblem as wrong:
                problems += wrong.problems
        raise RecipeProblem(list(dict.fromkeys(problems))) from None
    recipe._lines = lines  # noqa: SLF001 - it was just made here
    try:
        recipe.built_steps()
    except RecipeProblem as error:
        problems += error.problems
    if problems:
        raise RecipeProblem(problems)
    return recipe


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise RecipeProblem([f"There is no recipe {path.name} at that path. Correct the path."]) from None
    except (UnicodeDecodeError, OSError):
        raise RecipeProblem(
            [f"The recipe {path.name} cannot be read as text in UTF-8. Save it again."]
        ) from None


def packaged_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the product."""
    folder = resources.files("anonymization") / "recipes"
    return tuple(sorted(p.name.removesuffix(".yaml") for p in folder.iterdir() if p.name.endswith(".yaml")))


def packaged_recipe(name: str) -> Recipe:
    """A recipe that comes with the product; raises RecipeProblem when there is none of that name."""
    if name not in packaged_recipes():
        raise RecipeProblem(
            [f"There is no packaged recipe {name}. There are: {', '.join(packaged_recipes())}."]
        )
    return load_recipe((resources.files("anonymization") / "recipes" / f"{name}.yaml").read_text("utf-8"))


def _step(number: int, entry: Any, lines: Lines) -> Step:
    """The step at a place in the list, from 0."""
    path: tuple[str | int, ...] = ("steps", number)
    called = f"Step {number + 1}"
    if not isinstance(entry, dict) or len(entry) != 1:
        raise RecipeProblem([lines.at(f"{called} must be one step name with its settings.", path)])
    [(kind, settings)] = entry.items()
    cls = STEPS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        said = f"{called}: there is no step {kind}. {did_you_mean(str(kind), STEPS)}"
        raise RecipeProblem([lines.at(said, (*path, str(kind)))])
    path, called = (*path, kind), f"{called} ({kind})"
    settings = {} if settings is None else settings
    problems = unknown_keys(cls, settings, path, lines, called)
    try:
        built: Step = TypeAdapter(cls).validate_python(settings)
    except ValidationError as error:
        problems += sentences(error, path, lines, called, settings)
    if problems:
        raise RecipeProblem(list(dict.fromkeys(problems)))
    return built
