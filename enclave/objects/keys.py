"""Keys that are derived from the installation's master key and kept nowhere."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from enclave.settings import Settings


def derive(settings: Settings, purpose: str, length: int = 32) -> bytes:
    """The key of one purpose: HKDF-SHA256 (RFC 5869) of `settings.master_key`, with the purpose as `info`.

    Args:
        settings: the installation's settings.
        purpose: what the key is for, for example "object-store:sse"; another purpose gives an unrelated key.
        length: bytes wanted.

    Returns:
        `length` bytes, the same ones for the same master key and purpose.
    """
    secret = settings.master_key.get_secret_value().encode()
    return HKDF(SHA256(), length, salt=b"registry-enclave", info=purpose.encode()).derive(secret)
