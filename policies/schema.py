"""What a policy document may say, and how it is read. Anything else is refused with a sentence."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from itertools import pairwise
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, model_validator

from policies.decision import PolicyRef
from policies.errors import BadDocument
from policies.rules import AnyRule, Entry, Name, Rule


class Version(BaseModel):
    """One dated version of a document: added, never edited.

    Args:
        version: 1, 2, 3 …
        effective: the first day on which it decides.
        approved_by: who approved it, as references to minutes or letters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: StrictInt = Field(ge=1)
    effective: date
    approved_by: tuple[str, ...] = Field(min_length=1)
    changes: str = ""
    rules: tuple[AnyRule, ...] = Field(min_length=1)

    def entries(self, policy: str) -> tuple[Entry, ...]:
        """What this version says at one decision point, in the document's order."""
        return tuple(rule for rule in self.rules if not rule.at or policy in rule.at)

    def digest(self, policy: str) -> str:
        """SHA-256 over everything with force at one decision point, as canonical JSON."""
        content = {
            "policy": policy,
            "version": self.version,
            "effective": self.effective.isoformat(),
            "approved_by": self.approved_by,
            "rules": [entry.model_dump(mode="json", exclude_unset=True) for entry in self.entries(policy)],
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def ref(self, policy: str) -> PolicyRef:
        return PolicyRef(policy, self.version, self.digest(policy))


class Document(BaseModel):
    """A file that a steward reads: one subject, one or more decision points, dated versions.

    Args:
        decides: policy id to what it decides; each is asked by its own id.
        facts: every fact that the rules read, in words that fit "while … is not known".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    summary: str
    owner: str
    references: tuple[str, ...] = ()
    decides: Annotated[dict[Name, str], Field(min_length=1)]
    facts: dict[Name, str] = {}
    versions: tuple[Version, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _versions_follow_each_other(self) -> Document:
        for before, after in pairwise(self.versions):
            if after.version != before.version + 1 or after.effective <= before.effective:
                raise ValueError(
                    "versions must be numbered one after the other, each effective later than the one before"
                )
        if self.versions[0].version != 1:
            raise ValueError("the first version must be number 1")
        return self

    @model_validator(mode="after")
    def _entries_fit_the_document(self) -> Document:
        for version in self.versions:
            seen: set[str] = set()
            for entry in version.rules:
                where = f"version {version.version}, rule {entry.id}"
                if entry.id in seen:
                    raise ValueError(f"{where}: there are two rules of this name; give each its own")
                seen.add(entry.id)
                if unknown := sorted(set(entry.at) - set(self.decides)):
                    raise ValueError(
                        f"{where}: `at` names {', '.join(unknown)}, which the document does not decide"
                    )
                missing = sorted(set(entry.reads()) - set(self.facts)) if isinstance(entry, Rule) else []
                if missing:
                    raise ValueError(
                        f"{where}: describe the fact {', '.join(missing)} in words under `facts`"
                    )
        return self

    def in_force(self, on: date) -> Version | None:
        """The latest version that is effective on a day; None before the first."""
        return next((v for v in reversed(self.versions) if v.effective <= on), None)


class _StrictLoader(yaml.SafeLoader):
    """YAML without the trap that a repeated key silently wins."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[object, object]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            line = node.start_mark.line + 1
            raise BadDocument(
                f"`{key}` is said twice in the block that starts on line {line}; keep one of them."
            )
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_document(text: str, name: str) -> Document:
    """Reads one policy document.

    Args:
        text: YAML.
        name: what to call it in messages, such as its file name.

    Raises:
        BadDocument: with one sentence for each thing that is wrong.
    """
    try:
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - derives from SafeLoader
    except BadDocument as error:
        raise BadDocument(f"{name}: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" near line {mark.line + 1}" if mark else ""
        raise BadDocument(
            f"{name} is not valid YAML{line}: check the indentation, colons and quotes."
        ) from None
    if not isinstance(content, dict):
        raise BadDocument(f"{name} must be a list of headings with values, starting with `title:`.")
    try:
        return Document.model_validate(content)
    except ValidationError as error:
        problems = " ".join(_problem(dict(e), content) for e in error.errors(include_url=False))
        raise BadDocument(f"{name}: {problems}") from None


def _problem(error: dict[str, object], content: dict[str, object]) -> str:
    """One pydantic error as a sentence with the place in the document's own words."""
    place: list[str] = []
    node: object = content
    location = error["loc"]
    for part in location if isinstance(location, tuple) else ():
        if isinstance(node, dict) and part in node:
            node = node[part]
            place.append(str(part))
        elif isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
            place[-1] = f"{place[-1]}, {_called(node, part)}" if place else _called(node, part)
        elif not (isinstance(node, dict) and node.get("kind") == part):
            place.append(f"`{part}`")
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    message = {"missing": "is missing", "extra_forbidden": "is not something that can be said here"}.get(
        str(error["type"]), message
    )
    return f"{' > '.join(place)}: {message}." if place else f"{message}."


def _called(node: object, position: int) -> str:
    if isinstance(node, dict):
        return str(node.get("id") or node.get("version") or f"number {position + 1}")
    return f"number {position + 1}"
