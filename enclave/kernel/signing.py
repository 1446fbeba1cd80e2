"""The house's signature: Ed25519 (RFC 8032) over canonical JSON, with a key made from the master key.

The same body always gives the same signature, so what was signed once can be signed again to the byte. Verifying
needs the public key alone: no database, no product.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from enclave.kernel.derived import derived_secret

#: Where the signature stands in a signed body.
SIGNATURE = "signature"
_PURPOSE = "house-signing-key"


def canonical(body: Mapping[str, object]) -> bytes:
    """JSON with sorted keys, without spaces, in UTF-8; no NaN and no infinity."""
    return json.dumps(
        body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


@dataclass(frozen=True, slots=True)
class HouseSigner:
    """Signs for the house.

    Args:
        seed: 32 bytes; whoever has them can sign.
    """

    seed: bytes = field(repr=False)

    @classmethod
    def of(cls, master: str) -> HouseSigner:
        """The signer of an installation, from its master key."""
        return cls(bytes.fromhex(derived_secret(master, _PURPOSE)))

    @property
    def public_key(self) -> str:
        """64 hexadecimal digits; publish them where those who verify will look."""
        return self._key().public_key().public_bytes_raw().hex()

    def signed(self, body: Mapping[str, object]) -> dict[str, object]:
        """The body with its signature."""
        bare = {name: value for name, value in body.items() if name != SIGNATURE}
        return {**bare, SIGNATURE: self._key().sign(canonical(bare)).hex()}

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def signature_holds(body: Mapping[str, object], public_key: str) -> bool:
    """Whether the body carries the signature of that key over everything else in it.

    Args:
        public_key: 64 hexadecimal digits.
    """
    bare = {name: value for name, value in body.items() if name != SIGNATURE}
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(str(body.get(SIGNATURE, ""))), canonical(bare))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
