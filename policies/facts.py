"""Reading facts strictly: a fact that is missing, or is not of the kind that a rule weighs, is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from numbers import Real

from policies.decision import Observed


class UnknownFact(Exception):
    """A fact that a rule needs is not known; carries the sentence, never the value."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one case.

    Args:
        values: fact name to value.
        words: fact name to its name in plain words ("the last day of the training").
        on: the date on which the decision is made.
    """

    values: Mapping[str, object]
    words: Mapping[str, str]
    on: date

    def number(self, name: str) -> float | Decimal:
        value = self._known(name)
        if isinstance(value, bool) or not isinstance(value, Real | Decimal) or math.isnan(value):
            raise self._unusable(name, "a number")
        return value if isinstance(value, Decimal) else _plain(value)

    def flag(self, name: str) -> bool:
        value = self._known(name)
        if not isinstance(value, bool):
            raise self._unusable(name, "yes or no")
        return value

    def day(self, name: str) -> date:
        value = self._known(name)
        if isinstance(value, datetime) or not isinstance(value, date):
            raise self._unusable(name, "a date")
        return value

    def text(self, name: str) -> str:
        value = self._known(name)
        if not isinstance(value, str):
            raise self._unusable(name, "a word")
        return str(value)

    def word_or_flag(self, name: str) -> str | bool:
        value = self._known(name)
        return value if isinstance(value, bool) else self.text(name)

    def observed(self, name: str) -> Observed:
        """What may be recorded of a fact: numbers, dates and yes or no; free text is the caller's to show."""
        value = self.values.get(name)
        if isinstance(value, bool):
            return value
        if isinstance(value, Real):
            return _plain(value)
        if isinstance(value, Decimal):
            return float(value)
        if isinstance(value, date):
            return value.isoformat()
        return None

    def _known(self, name: str) -> object:
        value = self.values.get(name)
        if value is None:
            words = self.words.get(name, name.replace("_", " "))
            raise UnknownFact(f"This cannot be decided without knowing {words}: give it and ask again.")
        return value

    def _unusable(self, name: str, expected: str) -> UnknownFact:
        words = self.words.get(name, name.replace("_", " "))
        return UnknownFact(
            f"This cannot be decided without knowing {words}, and what was given is not {expected}: "
            "correct it and ask again."
        )


def _plain(value: Real) -> float:
    """A Python number of the same value, so that records are JSON whatever library counted."""
    whole = float(value).is_integer() and not isinstance(value, float)
    return int(value) if whole else float(value)  # type: ignore[call-overload]
