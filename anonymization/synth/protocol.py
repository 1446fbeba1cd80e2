"""What a synthesizer is: it says what it will take, learns from a table, and draws a new one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from anonymization.errors import AnonymizationError, RecipeProblem
from anonymization.schema import FieldType
from anonymization.utility import ModelQuestion, TargetingQuestion

from .constraints import Rule
from .public import PublicDomain


class SynthesisError(AnonymizationError):
    """The table cannot be synthesised as it stands."""


class Cancelled(SynthesisError):
    """Somebody called it off."""


class BoundReached(SynthesisError):
    """It used up the time or the memory that its plan states; repeated, it would again."""


def _nothing(done: int, total: int, what: str) -> None:
    """Nobody watches."""


def _goes_on() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while a table is learnt.

    Args:
        progress: told (done, total, what).
        cancelled: asked whether to stop; the fit then raises `Cancelled` and keeps nothing.
    """

    progress: Callable[[int, int, str], None] = _nothing
    cancelled: Callable[[], bool] = _goes_on

    def step(self, done: int, total: int, what: str) -> None:
        """Between two parts of the work.

        Raises:
            Cancelled: when it was called off.
        """
        if self.cancelled():
            raise Cancelled("The synthesis was called off; nothing was kept, and it can be started again.")
        self.progress(done, total, what)


#: Nobody looks on.
UNWATCHED = Watch()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What fitting and sampling will take at most, told before a row is read.

    Args:
        seconds: of one processor core.
        megabytes: of memory.
        basis: where the figures come from.
    """

    seconds: float
    megabytes: float
    basis: str


class Synthesizer(Protocol):
    """One method of synthesis."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def plan(self, schema: Mapping[str, FieldType], rows: int) -> Bounds:
        """What it will take; no row is read."""

    def fit(self, df: pd.DataFrame, watch: Watch = UNWATCHED) -> None:
        """Learn from a table with exactly the columns of the schema; can be watched and called off."""

    def sample(self, n: int, seed: int) -> pd.DataFrame:
        """Draw `n` rows; the same seed draws the same rows."""


@dataclass(frozen=True, slots=True)
class SynthesisPlan:
    """The decisions behind a synthetic table.

    Args:
        columns: what is synthesised, name to type; every other column of the table stays behind.
        unit_id: the row key; made anew, never learnt from. "" for none.
        quasi_identifiers: those of `columns` that an attacker may know.
        sensitive: those that attacks try to guess; every other column when none is named.
        method: a name of `methods.METHODS`.
        rows: how many to draw; 0 for as many as the table has.
        holdout_share: share of rows that the synthesizer never sees, to compare with.
        tail: share at each end of a number's distribution that is moved inwards before learning, so that the
            largest and the smallest household do not show.
        min_leaf: with `cart`, the fewest households that any drawn value rests on. On a real survey of 8,700
            households, 10 copied 2 percent of the rows whole, 50 little more than chance does.
        question: targeting accuracy to compare, if any.
        models: regressions to compare, if any.
        syntheses: how many tables the regressions are combined over; the one to be released is the first.
        rules: what every row must keep, from the data dictionary; rows that cannot be mended are drawn again.
        domains: public code lists and bounds, from the data dictionary; the private method sees cells of these alone.
        epsilon, delta: price of a differentially private method.
        epochs: of a neural method.
        max_seconds, max_megabytes: a neural method's process is ended beyond these.

    Raises:
        RecipeProblem: when the decisions do not fit together.
    """

    columns: Mapping[str, FieldType]
    unit_id: str = ""
    quasi_identifiers: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    method: str = "gaussian_copula"
    rows: int = 0
    holdout_share: float = 0.3
    tail: float = 0.005
    min_leaf: int = 50
    question: TargetingQuestion | None = None
    models: tuple[ModelQuestion, ...] = ()
    syntheses: int = 5
    rules: tuple[Rule, ...] = ()
    domains: Mapping[str, PublicDomain] = field(default_factory=dict)
    epsilon: float = 0.0
    delta: float = 1e-9
    epochs: int = 100
    max_seconds: float = 3_600.0
    max_megabytes: int = 6_000

    def __post_init__(self) -> None:
        said = []
        if len(self.columns) < 2:
            said.append("Synthesis needs two columns or more; name them with their types.")
        if self.unit_id in self.columns:
            said.append(
                f"The column {self.unit_id} is the row key: take it out of the columns, it is made anew."
            )
        strangers = [c for c in self.quasi_identifiers if c not in self.columns]
        if strangers:
            said.append(f"The quasi-identifier {strangers[0]} is not among the columns to synthesise.")
        if not 0.05 <= self.holdout_share <= 0.5:
            said.append("The hold-out must be between 5 and 50 percent of the rows.")
        if not 0 <= self.tail <= 0.05:
            said.append("The tail to move inwards must be between 0 and 5 percent.")
        numbers = (
            (self.min_leaf < 1, "The smallest leaf must hold one household or more."),
            (self.rows < 0, "The number of rows to draw cannot be negative."),
            (self.syntheses < 1, "The number of syntheses to combine must be one or more."),
        )
        said += [sentence for wrong, sentence in numbers if wrong]
        said += [
            f"The model {m.name} needs the column {c}, which is not synthesised; take the model out or the column in."
            for m in self.models
            for c in m.columns
            if c not in self.columns
        ]
        if self.epochs < 1 or self.max_seconds <= 0 or self.max_megabytes < 1_000:
            said.append("A neural method needs one epoch or more, some time, and 1,000 megabytes or more.")
        said += [
            f"A rule names the column {c}, which is not synthesised; take the rule or the column out of the recipe."
            for rule in self.rules
            for c in rule.columns
            if c not in self.columns
        ]
        if said:
            raise RecipeProblem(said)


def bounds(rows: int, columns: int, *, start: float, each: float, basis: str) -> Bounds:
    """Bounds that grow with the number of cells: `start` seconds and `each` seconds for a million cells."""
    cells = rows * columns / 1e6
    return Bounds(math.ceil(start + each * cells), math.ceil(700 + 500 * cells), basis)
