"""What can go wrong with stored bytes. Sentences name where, never what."""

from __future__ import annotations

from enclave.kernel.errors import Missing, NotAllowed, Tampered

__all__ = ["Forbidden", "Locked", "Missing", "Tampered"]


class Forbidden(NotAllowed):
    """The store does not let the product in, or not do this."""


class Locked(NotAllowed):
    """The store keeps this version until its retention ends."""
