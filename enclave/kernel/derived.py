"""Secrets made from the master key: one for each purpose, none of which tells anything about another."""

from __future__ import annotations

import hashlib
import hmac


def derived_secret(master: str, purpose: str) -> str:
    """A secret for one purpose, the same in every process that knows the master key.

    HKDF-SHA256 (RFC 5869) with an empty salt, `purpose` as info, and 32 bytes of output.

    Args:
        master: the installation's master key.
        purpose: what it is for, for example "hub-oauth-client"; another purpose gives an unrelated secret.

    Returns:
        64 lower-case hexadecimal digits.
    """
    extracted = hmac.digest(b"\x00" * 32, master.encode(), hashlib.sha256)
    return hmac.digest(extracted, purpose.encode() + b"\x01", hashlib.sha256).hex()
