"""What a journey is made of. A question knows its words and which answers can be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: What has been answered, by question name.
Answers = Mapping[str, Any]


class Kind(StrEnum):
    """How a question is asked."""

    LINE = "line"  # one line of text
    TEXT = "text"  # several lines
    ONE = "one"  # one of several choices
    SOME = "some"  # any of several choices
    COLUMNS = "columns"  # columns of a data dictionary
    LINES = "lines"  # one word a line


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be chosen.

    Args:
        group: what it stands under, in a column chooser (the column's role).
    """

    value: str
    text: str
    hint: str = ""
    group: str = ""


def _no_choices(answers: Answers) -> tuple[Choice, ...]:
    del answers
    return ()


def _fine(value: Any, answers: Answers) -> str:
    del value, answers
    return ""


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Args:
        name: of the answer; a field of the model that the API takes, too.
        choices: from the answers so far to what can be chosen.
        check: from the answer to a sentence that says what to do, or "" when it can be used.
        keep: turns what was posted into what is kept.
        public: whether the answer will be published.
        rows: height of a text area.
    """

    name: str
    kind: Kind
    label: str
    hint: str = ""
    choices: Callable[[Answers], tuple[Choice, ...]] = _no_choices
    check: Callable[[Any, Answers], str] = _fine
    keep: Callable[[Any], Any] = _as_it_is
    public: bool = False
    rows: int = 6


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its title is the question where there is only one."""

    slug: str
    title: str
    questions: tuple[Question, ...]
    lead: str = ""
    show_if: Callable[[Answers], bool] = field(default=lambda _: True)


@dataclass(frozen=True, slots=True)
class Task:
    """One line of the task list, named by a verb."""

    slug: str
    title: str
    pages: tuple[Page, ...]
    after: tuple[str, ...] = ()  # questions that must be answered before this task can be started


@dataclass(frozen=True, slots=True)
class Journey:
    """The whole form."""

    tasks: tuple[Task, ...]

    def pages(self, answers: Answers) -> list[tuple[Task, Page]]:
        """Every page that these answers ask for, in order."""
        return [(task, page) for task in self.tasks for page in task.pages if page.show_if(answers)]
