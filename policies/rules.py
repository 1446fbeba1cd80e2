"""The closed set of rule kinds. Each is its parameters and one line that says whether the facts keep it.

There are no expressions: a steward can read every rule, and a type checker can check every kind.
"""

from __future__ import annotations

import string
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, model_validator

from policies.decision import Finding, Observed, Outcome
from policies.facts import Facts, UnknownFact

Number = StrictInt | StrictFloat
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*([-_][a-z0-9]+)*$")]


class Entry(BaseModel):
    """What every entry of a version has.

    Args:
        id: unique within the version, stable across versions.
        says: the entry as a sentence; `{parameter}` stands for that parameter's value. Never a bare number.
        at: decision points that it belongs to; empty means all of the document's.
        references: the law, standard or measurement behind the number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Name
    says: str = Field(min_length=10)
    at: tuple[Name, ...] = ()
    references: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _words_come_from_parameters(self) -> Self:
        for field in ("says", "fix"):
            self._refuse_bad_template(field, getattr(self, field, ""))
        return self

    def parameters(self) -> dict[str, object]:
        """The values that give this entry its force, by name."""
        words = {"id", "kind", "says", "fix", "at", "references"}
        return {k: getattr(self, k) for k in type(self).model_fields if k not in words}

    def sentence(self) -> str:
        return self._filled(self.says)

    def _refuse_bad_template(self, field: str, template: str) -> None:
        known = ", ".join(f"{{{name}}}" for name in self.parameters())
        unfillable = f"`{field}` has braces that cannot be filled; it can use {known}"
        try:
            pieces = list(string.Formatter().parse(template))
        except ValueError:
            raise ValueError(unfillable) from None
        if {name for _, name, _, _ in pieces if name is not None} - set(self.parameters()):
            raise ValueError(unfillable)
        try:
            self._filled(template)
        except (ValueError, KeyError, TypeError):
            raise ValueError(unfillable) from None
        if any(c.isdigit() for literal, *_ in pieces for c in literal):
            raise ValueError(
                f"`{field}` has a number of its own; write the name of the parameter in braces instead, so "
                "that the sentence and the number cannot part"
            )

    def _filled(self, template: str) -> str:
        return template.format_map({k: _spoken(v) for k, v in self.parameters().items()}).strip()


class Condition(BaseModel):
    """Restricts a rule to cases where a fact has one of these values; not knowing the fact denies."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    fact: Name
    among: tuple[StrictBool | str, ...] = Field(min_length=1)


class Rule(Entry, ABC):
    """An entry that weighs a fact.

    Args:
        fact: the fact that is weighed.
        fix: what a person can do about it, as a sentence.
        otherwise: what it comes to when the rule is not kept.
        when: where the rule applies; everywhere when absent.
    """

    fact: Name
    fix: str = Field(min_length=10)
    otherwise: Literal["deny", "review"]
    when: Condition | None = None

    def reads(self) -> tuple[str, ...]:
        """The facts without which this rule denies."""
        return (self.fact,) if self.when is None else (self.fact, self.when.fact)

    @abstractmethod
    def kept(self, facts: Facts) -> bool:
        """Whether the facts keep the rule; raises `UnknownFact` where that cannot be told."""

    def remedy(self) -> str:
        """What a person can do about it, in words."""
        return self._filled(self.fix)

    def weigh(self, facts: Facts) -> Finding:
        """What this rule finds. Not knowing denies, whatever `otherwise` says."""
        try:
            if self.when is not None and facts.word_or_flag(self.when.fact) not in self.when.among:
                return self._finding(Outcome.ALLOW, "This rule does not apply here: " + self.sentence())
            if self.kept(facts):
                return self._finding(Outcome.ALLOW, self.sentence(), facts.observed(self.fact))
        except UnknownFact as unknown:
            return self._finding(Outcome.DENY, f"{unknown} The rule: {self.sentence()}")
        # The rule's own words state what must hold; after "not kept" nobody reads them as what does hold.
        words = f"This rule is not kept: {self.sentence()} {self.remedy()}"
        return self._finding(Outcome(self.otherwise), words, facts.observed(self.fact))

    def _finding(self, outcome: Outcome, sentence: str, observed: Observed = None) -> Finding:
        return Finding(self.id, str(getattr(self, "kind", "")), outcome, sentence, observed)


class AtLeast(Rule):
    """A number is not below the threshold."""

    kind: Literal["at_least"]
    threshold: Number

    def kept(self, facts: Facts) -> bool:
        return _compare(facts.number(self.fact), self.threshold) >= 0


class AtMost(Rule):
    """A number is not above the threshold."""

    kind: Literal["at_most"]
    threshold: Number

    def kept(self, facts: Facts) -> bool:
        return _compare(facts.number(self.fact), self.threshold) <= 0


class Below(Rule):
    """A number is strictly below the threshold, as dominance rules are written."""

    kind: Literal["below"]
    threshold: Number

    def kept(self, facts: Facts) -> bool:
        return _compare(facts.number(self.fact), self.threshold) < 0


class NoneOf(Rule):
    """A count of things that must not be there is zero."""

    kind: Literal["none"]

    def kept(self, facts: Facts) -> bool:
        return facts.number(self.fact) == 0


class MustBe(Rule):
    """A yes-or-no fact has the value that the rule names."""

    kind: Literal["must_be"]
    value: StrictBool

    def kept(self, facts: Facts) -> bool:
        return facts.flag(self.fact) is self.value


class OneOf(Rule):
    """A word is on the list."""

    kind: Literal["one_of"]
    allowed: tuple[str, ...] = Field(min_length=1)

    def kept(self, facts: Facts) -> bool:
        return facts.text(self.fact) in self.allowed


class StillValid(Rule):
    """A date has not passed: its last day is the day of the decision or later."""

    kind: Literal["still_valid"]

    def kept(self, facts: Facts) -> bool:
        return facts.day(self.fact) >= facts.on


class Within(Rule):
    """A number is not above another number of the same case, such as a grant."""

    kind: Literal["within"]
    limit: Name

    def reads(self) -> tuple[str, ...]:
        return (*super().reads(), self.limit)

    def kept(self, facts: Facts) -> bool:
        return _compare(facts.number(self.fact), facts.number(self.limit)) <= 0


class AtLeastFor(Rule):
    """A number is not below the threshold that belongs to another fact, such as the release tier."""

    kind: Literal["at_least_for"]
    by: Name
    thresholds: Mapping[str, Number] = Field(min_length=1)

    def reads(self) -> tuple[str, ...]:
        return (*super().reads(), self.by)

    def kept(self, facts: Facts) -> bool:
        threshold = self.thresholds.get(facts.text(self.by))
        value = facts.number(self.fact)
        return threshold is not None and _compare(value, threshold) >= 0


class Period(Entry):
    """States how long something lasts; weighs nothing, is read with `PolicyBook.parameter`."""

    kind: Literal["period"]
    days: StrictInt = Field(ge=0)


class SessionLimits(Entry):
    """States what one session of a tier may use; weighs nothing, is read with `PolicyBook.parameter`."""

    kind: Literal["session_limits"]
    tier: Name
    memory_bytes: StrictInt = Field(gt=0)
    message_bytes: StrictInt = Field(gt=0)
    session_out_bytes: StrictInt = Field(gt=0)
    idle_seconds: StrictInt = Field(gt=0)
    max_seconds: StrictInt = Field(gt=0)


AnyRule = Annotated[
    AtLeast
    | AtMost
    | Below
    | NoneOf
    | MustBe
    | OneOf
    | StillValid
    | Within
    | AtLeastFor
    | Period
    | SessionLimits,
    Field(discriminator="kind"),
]
#: Every kind, by the name that documents use.
KINDS: dict[str, type[Entry]] = {
    get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in get_args(get_args(AnyRule)[0])
}


def _compare(value: float | Decimal, limit: float | Decimal) -> int:
    """-1, 0 or 1; a decimal is compared with what a float says in writing: 0.1 means a tenth."""
    left, right = Decimal(str(value)), Decimal(str(limit))
    return int(left > right) - int(left < right)


def _spoken(value: object) -> object:
    """A parameter as it reads inside a sentence."""
    if isinstance(value, Mapping):
        return ", ".join(f"{v} for {str(k).replace('_', ' ')}" for k, v in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        items = [str(item).replace("_", " ") for item in value]
        return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"
    return value.replace("_", " ") if isinstance(value, str) else value
