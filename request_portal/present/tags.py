"""A state as a coloured tag. The colour helps; the word says it."""

from __future__ import annotations

#: state -> (words, colour class of the design system)
TAGS: dict[str, tuple[str, str]] = {
    "draft": ("Draft", "grey"),
    "submitted": ("Waiting", "blue"),
    "half_reviewed": ("Waiting", "blue"),
    "reviewed": ("Checked", "blue"),
    "cleared": ("Cleared by its receipt", "blue"),
    "approved": ("Approved", "green"),
    "released": ("Released", "green"),
    "recalled": ("Recalled", "red"),
    "refused": ("Refused", "red"),
    "withdrawn": ("Withdrawn", "grey"),
    "granted": ("Being prepared", "yellow"),
    "active": ("Active", "green"),
    "expired": ("Ended", "grey"),
    "revoked": ("Revoked", "red"),
    "closed": ("Closed", "grey"),
    "published": ("Published", "green"),
    "held": ("Held back", "orange"),
    "built": ("Built", "grey"),
    "allow": ("Allowed", "green"),
    "review": ("A person decides", "yellow"),
    "deny": ("Not allowed", "red"),
    "approve": ("Approve", "green"),
    "return": ("Return", "yellow"),
    "refuse": ("Refuse", "red"),
    "note": ("Note", "grey"),
    "look": ("Look at this", "yellow"),
    "stop": ("Must change", "red"),
    "completed": ("Completed", "green"),
    "incomplete": ("To do", "blue"),
    "blocked": ("Cannot start yet", "grey"),
}


#: What one rule of a decision came to.
RULES: dict[str, tuple[str, str]] = {
    "allow": ("Met", "green"),
    "review": ("A person decides", "yellow"),
    "deny": ("Not met", "red"),
}


def rule(outcome: object) -> dict[str, str]:
    """Parameters of the tag component for one rule's outcome."""
    words, colour = RULES[str(getattr(outcome, "value", outcome))]
    return {"text": words, "classes": f"govuk-tag--{colour}"}


def tag(state: object) -> dict[str, str]:
    """Parameters of the tag component."""
    value = str(getattr(state, "value", state))
    words, colour = TAGS.get(value, (value.replace("_", " ").capitalize(), "grey"))
    return {"text": words, "classes": f"govuk-tag--{colour}"}
