"""What can be wrong with a policy, or with asking one; each message says what a steward can do."""

from __future__ import annotations


class PolicyError(ValueError):
    """Base of every error of this package."""


class BadDocument(PolicyError):
    """A policy document does not say what a policy document must say."""


class UnknownPolicy(PolicyError):
    """There is no such policy, rule or parameter."""


class NotInForce(PolicyError):
    """No version of the policy was in force on that date."""


class VersionChanged(PolicyError):
    """A published version no longer reads as it did when it was published."""
