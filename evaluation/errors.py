"""What can go wrong, as a sentence that a person can act on and that holds no data value."""

from __future__ import annotations


class EvaluationError(ValueError):
    """The data or a setting cannot be used; the message says what is wrong and what to do."""
