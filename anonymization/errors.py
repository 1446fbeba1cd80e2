"""What can go wrong here. Every message is a sentence to act on and never carries a data value."""

from __future__ import annotations

from collections.abc import Sequence


class AnonymizationError(ValueError):
    """Base of everything that this library raises on purpose."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class RecipeProblem(AnonymizationError):
    """A recipe cannot be used with this extract.

    Args:
        problems: one sentence for each thing that is wrong.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)


class NoSuchColumn(RecipeProblem):
    """A step needs a column that is not there. Args: column: its name."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__([problem])
        self.column = column


class Unusable(AnonymizationError):
    """The table does not hold what the step needs; says which column and what to do."""


class BrokenIntent(AnonymizationError):
    """A step did something other than it said it would: a defect of ours, so nothing may be released."""
