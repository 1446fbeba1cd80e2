"""All policies together, by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType

from policies.decision import Decision, PolicyRef
from policies.engine import decide, version_in_force
from policies.errors import BadDocument, UnknownPolicy
from policies.schema import Document, read_document


class PolicyBook:
    """Every policy document of an installation.

    Args:
        documents: document name to document; no two may decide the same policy.
    """

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self.documents: Mapping[str, Document] = MappingProxyType(dict(documents))
        home: dict[str, Document] = {}
        for name, document in documents.items():
            for policy in document.decides:
                if policy in home:
                    raise BadDocument(
                        f"{name}: the policy {policy} is decided by another document too; keep one."
                    )
                home[policy] = document
        self._home = home

    @classmethod
    def packaged(cls) -> PolicyBook:
        """The documents that come with the product."""
        return _packaged()

    @classmethod
    def load(cls, directory: Path) -> PolicyBook:
        """The documents (`*.yaml`) of a folder; raises `BadDocument`."""
        return _read(directory)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._home))

    def document(self, policy_id: str) -> Document:
        """The document that decides a policy; raises `UnknownPolicy`."""
        try:
            return self._home[policy_id]
        except KeyError:
            known = ", ".join(self)
            raise UnknownPolicy(f"There is no policy called {policy_id}. There are: {known}.") from None

    def decide(self, policy_id: str, facts: Mapping[str, object], on: date) -> Decision:
        """What the policy says about the facts on a day.

        Raises:
            UnknownPolicy, NotInForce: as `engine.decide`.
        """
        return decide(self.document(policy_id), policy_id, facts, on)

    def ref(self, policy_id: str, on: date) -> PolicyRef:
        """The version in force on a day."""
        return version_in_force(self.document(policy_id), policy_id, on).ref(policy_id)

    def parameter(self, policy_id: str, rule_id: str, name: str, on: date) -> object:
        """One number (or list) of one rule, as in force on a day.

        Raises:
            UnknownPolicy: no such policy, rule or parameter.
            NotInForce: no version is effective on that day.
        """
        version = version_in_force(self.document(policy_id), policy_id, on)
        for entry in version.entries(policy_id):
            if entry.id == rule_id:
                parameters = entry.parameters()
                if name in parameters:
                    return parameters[name]
                has = ", ".join(parameters)
                raise UnknownPolicy(
                    f"The rule {rule_id} of {policy_id} has no parameter {name}. It has: {has}."
                )
        rules = ", ".join(entry.id for entry in version.entries(policy_id))
        raise UnknownPolicy(
            f"The policy {policy_id} has no rule {rule_id} on {on.isoformat()}. It has: {rules}."
        )


@cache
def _packaged() -> PolicyBook:
    return _read(files("policies"))


def _read(directory: Traversable) -> PolicyBook:
    texts = {f.name: f.read_text(encoding="utf-8") for f in directory.iterdir() if f.name.endswith(".yaml")}
    if not texts:
        raise BadDocument(f"There is no policy document (a file ending in .yaml) in {directory}.")
    return PolicyBook({name: read_document(text, name) for name, text in sorted(texts.items())})
