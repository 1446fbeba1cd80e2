"""The runner of journeys: from a posted page to answers, problems, next page, task list and summary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from enclave.kernel.errors import NotFound
from request_portal.journeys.model import Answers, Choice, Journey, Kind, Page, Question, Task
from request_portal.posted import Posted

_MANY = frozenset({Kind.SOME, Kind.COLUMNS, Kind.LINES})


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One line of the task list; `state` is completed, incomplete or blocked."""

    task: Task
    first: Page
    state: str


@dataclass(frozen=True, slots=True)
class Answered:
    """One row of check-your-answers."""

    page: Page
    question: Question
    shown: tuple[str, ...]


def find_page(journey: Journey, slug: str, answers: Answers) -> tuple[Task, Page]:
    """The page of that name; raises NotFound, also for a page that these answers do not ask for."""
    for task, page in journey.pages(answers):
        if page.slug == slug:
            return task, page
    raise NotFound("There is no such question in this form.")


def take(page: Page, form: Posted) -> dict[str, Any]:
    """What was posted, as it is kept. A draft takes wrong answers, too; `problems` says what is wrong."""
    taken: dict[str, Any] = {}
    for question in page.questions:
        if question.kind is Kind.LINES:
            words = form.text(question.name).replace(",", "\n").split("\n")
            value: Any = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
        elif question.kind in _MANY:
            value = form.all(question.name)
        else:
            value = form.text(question.name)
        taken[question.name] = question.keep(value)
    return taken


def problems(page: Page, answers: Answers) -> dict[str, str]:
    """Question name to the sentence that says what to do; empty when the page can be used as it is."""
    found: dict[str, str] = {}
    for question in page.questions:
        sentence = question.check(answers[question.name], answers)
        if sentence:
            found[question.name] = sentence
    return found


def after(journey: Journey, page: Page, answers: Answers) -> Page | None:
    """The next page of the same task, or None when the task ends here."""
    for task in journey.tasks:
        pages = [p for p in task.pages if p.show_if(answers)]
        slugs = [p.slug for p in pages]
        if page.slug in slugs:
            position = slugs.index(page.slug) + 1
            return pages[position] if position < len(pages) else None
    return None


def task_list(journey: Journey, answers: Answers) -> list[TaskLine]:
    """Each task with how far it is."""
    lines = []
    for task in journey.tasks:
        pages = [p for p in task.pages if p.show_if(answers)]
        blocked = any(not answers[name] for name in task.after)
        done = not any(problems(p, answers) for p in pages)
        state = "blocked" if blocked else "completed" if done else "incomplete"
        lines.append(TaskLine(task, pages[0], state))
    return lines


def summary(journey: Journey, answers: Answers) -> list[tuple[Task, list[Answered]]]:
    """All answers in the order of the form, in words."""
    return [
        (
            task,
            [
                Answered(p, q, shown(q, answers))
                for p in task.pages
                if p.show_if(answers)
                for q in p.questions
            ],
        )
        for task in journey.tasks
    ]


def shown(question: Question, answers: Answers) -> tuple[str, ...]:
    """An answer in words: the texts of what was chosen rather than its codes."""
    value = answers[question.name]
    values = [str(v) for v in value] if isinstance(value, (tuple, list)) else [str(value)] if value else []
    texts: dict[str, str] = {c.value: c.text for c in question.choices(answers)}
    return tuple(texts.get(v, v) for v in values)


def grouped(choices: tuple[Choice, ...]) -> list[tuple[str, list[Choice]]]:
    """Choices under their groups, in the order in which the groups come up."""
    groups: dict[str, list[Choice]] = {}
    for choice in choices:
        groups.setdefault(choice.group, []).append(choice)
    return list(groups.items())
