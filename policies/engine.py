"""The one engine that decides. Pure: the same policy, facts and date always come to the same decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from policies.decision import Decision
from policies.errors import NotInForce, UnknownPolicy
from policies.facts import Facts
from policies.rules import Rule
from policies.schema import Document, Version


def decide(document: Document, policy: str, facts: Mapping[str, object], on: date) -> Decision:
    """Weighs every rule of one decision point; the strictest finding wins.

    Args:
        document: where the policy is written.
        policy: the decision point.
        facts: fact name to value; what is missing or None is not known, and not knowing denies.
        on: the day of the decision.

    Raises:
        NotInForce: no version is effective on that day.
        UnknownPolicy: the policy only states parameters and decides nothing.
    """
    version = version_in_force(document, policy, on)
    known = Facts(facts, document.facts, on)
    findings = tuple(entry.weigh(known) for entry in version.entries(policy) if isinstance(entry, Rule))
    if not findings:
        raise UnknownPolicy(
            f"The policy {policy} states limits and decides nothing: read its parameters instead."
        )
    outcome = max((finding.outcome for finding in findings), key=lambda o: o.strictness)
    return Decision(version.ref(policy), outcome, findings)


def version_in_force(document: Document, policy: str, on: date) -> Version:
    """The version that decides on a day; raises `NotInForce` before the first."""
    version = document.in_force(on)
    if version is None:
        first = document.versions[0].effective
        raise NotInForce(
            f"No version of the policy {policy} is in force on {on.isoformat()}: the first takes effect "
            f"on {first.isoformat()}. Decide on that day or later, or publish one that is effective earlier."
        )
    return version
