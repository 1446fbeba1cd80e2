"""What the steps share: addresses, people, and what earlier steps found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from enclave.demo.story.visitor import StoryError, Visitor
from enclave.settings import Settings


@dataclass
class Stage:
    """The demo's house, seen from outside.

    Args:
        settings: for addresses and, where a step checks the store itself, its keys.
        build: where things that the story writes go.
        found: ids and names that later steps need.
        real: which real dataset this machine has.
    """

    settings: Settings
    build: Path
    real: str
    found: dict[str, Any] = field(default_factory=dict)
    people: dict[str, Visitor] = field(default_factory=dict)

    def call(self, username: str) -> Visitor:
        """That person, signed in."""
        if username not in self.people:
            self.people[username] = Visitor.called(self.settings.public_url, username)
        return self.people[username]

    @cached_property
    def public(self) -> Visitor:
        return Visitor(self.settings.public_url, None)

    def extract(self, slug: str) -> str:
        """The id of the extract of a dataset."""
        found = [e for e in self.call("nadia").get("/extracts") if e["dataset"] == slug]
        if not found:
            raise StoryError(f"There is no extract of {slug}.")
        return str(found[-1]["id"])

    def order(self, slug: str, step: str) -> None:
        """Orders a step on the extract of a dataset and waits until the worker has done it."""
        path = f"/extracts/{self.extract(slug)}/{step}"
        self.call("steward").post(path)
        self.call("steward").wait(path, "done")

    def release(self, slug: str, tier: str) -> dict[str, Any]:
        """The newest release of a dataset and tier, as those see it who read evidence; it must be published."""
        found = [
            r for r in self.call("steward").get("/releases/all") if r["dataset"] == slug and r["tier"] == tier
        ]
        if not found:
            raise StoryError(f"No {tier} release of {slug} was made.")
        release: dict[str, Any] = found[-1]
        if release["state"] != "published":
            raise StoryError(
                f"The {tier} release of {slug} is {release['state']}: {' '.join(release['reasons'])}"
            )
        return release


#: A step: does it, and returns what it proved, a sentence each.
Step = Callable[[Stage], list[str]]


def prove(condition: object, otherwise: str) -> None:
    """Raises StoryError unless the condition holds."""
    if not condition:
        raise StoryError(otherwise)
