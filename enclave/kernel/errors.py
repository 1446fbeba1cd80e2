"""What can go wrong, in the domain's own words.

No HTTP and no exit codes here: `request_portal.problems` and `enclave.cli` map these once each.
Every message is a sentence that a person can act on, and never carries a data value.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies import Decision


class EnclaveError(Exception):
    """Base of every error that the product raises on purpose."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotFound(EnclaveError):
    """There is no such thing, or the actor may not know that there is."""


class NotAllowed(EnclaveError):
    """This person may not do this, whatever the state of things."""


class Refused(EnclaveError):
    """A policy says no; the decision names the rules.

    Args:
        decision: the policy decision whose findings explain the refusal.
    """

    def __init__(self, decision: Decision) -> None:
        super().__init__(" ".join(decision.refusals) or "The policy does not allow this.")
        self.decision = decision


class Tampered(EnclaveError):
    """Stored bytes are not the bytes that were recorded."""


class Missing(NotFound):
    """The store holds no such version."""


class IllegalMove(EnclaveError):
    """The thing is not in a state from which this can happen."""


class Conflict(EnclaveError):
    """Somebody else changed it first; read it again and repeat."""


class OverBudget(EnclaveError):
    """The privacy budget does not cover this."""


class Unavailable(EnclaveError):
    """A service that is needed does not answer; nothing was changed, try again."""


class Invalid(EnclaveError):
    """What was given cannot be used.

    Args:
        problems: one sentence for each thing that is wrong, each with what to do about it.
        fields: the same, by field name, where the input was a form.
    """

    def __init__(self, problems: Sequence[str], fields: dict[str, str] | None = None) -> None:
        super().__init__(" ".join(problems))
        self.problems = tuple(problems)
        self.fields = dict(fields or {})
