"""What a decision is made of. Plain values: they are stored with whatever was decided, for ever."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a rule, or all rules together, come to; ordered from lenient to strict."""

    ALLOW = "allow"
    REVIEW = "review"
    DENY = "deny"

    @property
    def strictness(self) -> int:
        """0 allow, 1 review, 2 deny."""
        return list(Outcome).index(self)


#: What a finding may show of the fact that it weighed. Never a row of anybody's data.
Observed = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class PolicyRef:
    """Which words decided: the policy, its version in force, and the digest of that version."""

    id: str
    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.id}@{self.version}:{self.digest[:12]}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found.

    Args:
        rule: the rule's id within its policy.
        kind: the rule's kind.
        outcome: what the rule comes to.
        sentence: the rule in words, with what to do where it does not allow.
        observed: the fact that was weighed; None where it was missing or does not belong in a record.
    """

    rule: str
    kind: str
    outcome: Outcome
    sentence: str
    observed: Observed = None

    def to_dict(self) -> dict[str, Observed]:
        return {
            "rule": self.rule,
            "kind": self.kind,
            "outcome": self.outcome.value,
            "sentence": self.sentence,
            "observed": self.observed,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says about some facts on a date: the strictest of its findings."""

    policy: PolicyRef
    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOW

    @property
    def refusals(self) -> tuple[str, ...]:
        """The sentences of every finding that does not allow, strictest first."""
        not_allowed = [f for f in self.findings if f.outcome is not Outcome.ALLOW]
        return tuple(f.sentence for f in sorted(not_allowed, key=lambda f: -f.outcome.strictness))

    @property
    def cites(self) -> str:
        """The policy reference as one word, for the audit log: `access@1:ab12cd34ef56`."""
        return str(self.policy)

    def to_dict(self) -> dict[str, object]:
        """JSON-able, complete: enough to explain the decision in ten years."""
        return {
            "policy": {"id": self.policy.id, "version": self.policy.version, "digest": self.policy.digest},
            "outcome": self.outcome.value,
            "findings": [finding.to_dict() for finding in self.findings],
        }
