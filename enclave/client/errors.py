"""What a researcher is told when something cannot be done: a sentence, never a data value."""

from __future__ import annotations


class ClientError(ValueError):
    """Says what is wrong and what to do about it."""


class SmallCellWarning(UserWarning):
    """Some cells describe too few households to leave the enclave."""
