"""Asking for data, as a form. What answers may be is the policy's matter; here is how they are asked for."""

from __future__ import annotations

import dataclasses
from typing import Any

from enclave.bootstrap import Enclave
from enclave.catalogue.model import ColumnRole
from enclave.kernel.clock import Clock
from enclave.requests.model import RequestAnswers
from request_portal.journeys.model import Answers, Choice, Journey, Kind, Page, Question, Task
from request_portal.present.columns import offered
from request_portal.present.words import PURPOSES, plural

_DURATIONS = {90: "3 months", 180: "6 months", 365: "1 year", 730: "2 years"}


def answers_of(answers: RequestAnswers) -> dict[str, Any]:
    """A request's answers as the form's."""
    return {f.name: getattr(answers, f.name) for f in dataclasses.fields(answers)}


def access_request(enclave: Enclave) -> Journey:
    """The form, with the catalogue's datasets and columns in it."""
    shortest_summary = _summary_length(enclave, enclave.kit.clock)
    datasets = {d.slug: d for d in enclave.catalogue.datasets()}

    def dataset_choices(answers: Answers) -> tuple[Choice, ...]:
        del answers
        return tuple(Choice(d.slug, d.title, d.description) for d in datasets.values())

    def column_choices(answers: Answers) -> tuple[Choice, ...]:
        dataset = datasets.get(answers["dataset"])
        if dataset is None:
            return ()
        lines = [line for line in offered(enclave, dataset) if line.can_be_requested]
        order = [
            ColumnRole.DIRECT,
            ColumnRole.QUASI,
            ColumnRole.SENSITIVE,
            ColumnRole.PLAIN,
            ColumnRole.FREE_TEXT,
        ]
        lines.sort(key=lambda line: order.index(line.role))
        return tuple(
            Choice(line.name, line.name, f"{line.description}\n{line.treatment}", line.role.value)
            for line in lines
        )

    def area_choices(answers: Answers) -> tuple[Choice, ...]:
        dataset = datasets.get(answers["dataset"])
        column = dataset.column(dataset.area) if dataset and dataset.area else None
        return tuple(Choice(code, label) for code, label in column.values.items()) if column else ()

    def check_columns(value: tuple[str, ...], answers: Answers) -> str:
        there = {c.value for c in column_choices(answers)}
        if not there:
            return (
                "This dataset has no release to choose from yet. Choose another dataset, or ask its steward."
            )
        if not value:
            return "Choose at least one column."
        return "" if set(value) <= there else "Some of your columns are not in this dataset. Choose again."

    def check_members(value: tuple[str, ...], answers: Answers) -> str:
        del answers
        unknown = sum(enclave.people.by_username(name) is None for name in value)
        return (
            f"{plural(unknown, 'username')} of your list has no account here. Check the spelling."
            if unknown
            else ""
        )

    return Journey(
        (
            Task(
                "describe",
                "Describe your project",
                (
                    Page("title", "What is your project called?", (_title(),)),
                    Page("summary", "What do you want to find out?", (_summary(shortest_summary),)),
                ),
            ),
            Task(
                "interest",
                "Say why it is in the public interest",
                (
                    Page("purpose", "What will the data be used for?", (_purpose(),)),
                    Page("benefit", "Who gains from the answer?", (_benefit(),)),
                ),
            ),
            Task(
                "data",
                "Choose the data you need",
                (
                    Page("dataset", "Which dataset do you need?", (_dataset(dataset_choices),)),
                    Page(
                        "variables",
                        "Which columns do you need?",
                        (
                            Question(
                                "variables",
                                Kind.COLUMNS,
                                "Columns",
                                choices=column_choices,
                                check=check_columns,
                            ),
                        ),
                        lead=(
                            "Choose only what your question needs: fewer columns are approved sooner. "
                            "Each line says what happens to the column before you see it."
                        ),
                        show_if=lambda a: bool(a["dataset"]),
                    ),
                    Page(
                        "areas",
                        "Which areas do you need?",
                        (_areas(area_choices),),
                        show_if=lambda a: bool(area_choices(a)),
                    ),
                ),
            ),
            Task(
                "people",
                "Say who will have access, and for how long",
                (
                    Page("members", "Who else will work on it?", (_members(check_members),)),
                    Page("duration", "For how long do you need access?", (_duration(),)),
                ),
            ),
            Task(
                "outputs",
                "Plan what you will publish",
                (Page("outputs", "What will you take out and publish?", (_outputs(),)),),
            ),
        )
    )


def _summary_length(enclave: Enclave, clock: Clock) -> int:
    """The policy's own minimum, so that the page and the rule cannot part."""
    value = enclave.kit.policies.parameter("access-submission", "lay-summary", "threshold", clock.today())
    return int(str(value))


def _at_least(length: int, sentence: str) -> Any:
    return lambda value, _: "" if len(value) >= length else sentence


def _title() -> Question:
    return Question(
        "title",
        Kind.LINE,
        "What is your project called?",
        hint="It will stand in the public register. For example: Who is reached by the cash transfer?",
        check=_at_least(5, "Give the project a title of at least five characters."),
        public=True,
    )


def _summary(length: int) -> Question:
    return Question(
        "summary",
        Kind.TEXT,
        "What do you want to find out?",
        hint=(
            f"In plain words and at least {length} characters. The people whose data you use read this in "
            "the public register, so write it for them."
        ),
        check=_at_least(
            length, f"Say it in at least {length} characters, in words that everybody understands."
        ),
        public=True,
        rows=8,
    )


def _purpose() -> Question:
    return Question(
        "purpose",
        Kind.ONE,
        "What will the data be used for?",
        hint="Choose the one that fits best.",
        choices=lambda _: tuple(Choice(code, text, hint) for code, (text, hint) in PURPOSES.items()),
        check=lambda value, _: "" if value in PURPOSES else "Choose what the data will be used for.",
        public=True,
    )


def _benefit() -> Question:
    return Question(
        "public_benefit",
        Kind.TEXT,
        "Who gains from the answer?",
        hint="Say who could be better off because of what you find, and how. This will be public.",
        check=_at_least(20, "Say in a sentence who gains, and how."),
        public=True,
    )


def _dataset(choices: Any) -> Question:
    return Question(
        "dataset",
        Kind.ONE,
        "Which dataset do you need?",
        choices=choices,
        check=lambda value, a: "" if value in {c.value for c in choices(a)} else "Choose a dataset.",
        public=True,
    )


def _areas(choices: Any) -> Question:
    return Question(
        "areas",
        Kind.SOME,
        "Which areas do you need?",
        hint="Choose none to ask for all areas.",
        choices=choices,
        check=lambda value, a: (
            ""
            if set(value) <= {c.value for c in choices(a)}
            else "Choose areas from this list, or none for all."
        ),
        public=True,
    )


def _members(check: Any) -> Question:
    return Question(
        "members",
        Kind.LINES,
        "Who else will work on it?",
        hint="Their usernames, one on each line. Leave it empty if you work alone. Everybody needs an "
        "account, a signed agreement and a valid training.",
        check=check,
        rows=4,
    )


def _duration() -> Question:
    return Question(
        "duration_days",
        Kind.ONE,
        "For how long do you need access?",
        hint="It ends by itself, and earlier if somebody's training ends. It can be renewed.",
        choices=lambda _: tuple(Choice(str(days), words) for days, words in _DURATIONS.items()),
        check=lambda value, _: "" if 1 <= value <= max(_DURATIONS) else "Choose how long you need access.",
        # What is no number cannot be kept as one; zero asks again.
        keep=lambda value: int(value) if value.isdecimal() and len(value) < 5 else 0,
    )


def _outputs() -> Question:
    return Question(
        "planned_outputs",
        Kind.TEXT,
        "What will you take out and publish?",
        hint="For example: tables of coverage by region and household size, two figures, a working paper. "
        "Everything that leaves is checked by two people.",
        check=_at_least(20, "Say in a sentence what tables, figures or texts you plan."),
    )
