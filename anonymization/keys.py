"""Pseudonyms: keyed, separated by scope and domain, and never a lookup table.

HKDF-SHA-256 (RFC 5869) gives one sub-key for each (scope, domain, version); HMAC-SHA-256 (RFC 2104) under it gives
the token. Two scopes share nothing, so two projects cannot join; one scope and domain always give one value the same
token, so a household is the same household in every table of a project. Where the keys themselves come from, and how
one is destroyed, is `anonymization.custody`. Practice after ENISA, Pseudonymisation techniques and best practices
(2019).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from anonymization.errors import AnonymizationError, Unusable

#: Crockford's base 32: no I, L, O or U, so that a token read aloud stays a token.
_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", dtype=np.uint8)
TOKEN_LENGTH = 20  # characters of 5 bits: 100 bits, so 1e9 values collide with probability 4e-13
_LABEL = b"registry-enclave/pseudonym"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The pseudonym keys below one secret: a scope's own key from a custody, or a secret for every scope.

    Args:
        master: at least 16 bytes; kept apart from the data.
        version: raise it to give every scope new pseudonyms.
        only: the one scope that these keys are for; "" where every scope derives from one secret, whose pseudonyms
            nobody can make unlinkable as long as that secret lives.
    """

    master: bytes = field(repr=False)
    version: int = 1
    only: str = ""

    def __post_init__(self) -> None:
        must_be_long_enough(self.master)

    def sub_key(self, scope: str, domain: str) -> bytes:
        """32 bytes for one scope (a release, a project) and domain (household, person, village)."""
        if not scope or not domain:
            raise AnonymizationError("A pseudonym needs both a scope and a domain; name them.")
        if self.only and scope != self.only:
            raise AnonymizationError(
                f"These keys are those of {self.only} and make no pseudonyms of {scope}. Open the keys of {scope}."
            )
        info = b"\0".join(
            len(part).to_bytes(4, "big") + part
            for part in (_LABEL, scope.encode(), domain.encode(), str(self.version).encode())
        )
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(self.master)

    def token(self, scope: str, domain: str, value: object) -> str | None:
        """The token of one value, or None for a missing one."""
        return self.tokens(scope, domain, pd.Series([value], dtype=object)).iloc[0]  # type: ignore[no-any-return]

    def tokens(self, scope: str, domain: str, series: pd.Series) -> pd.Series:
        """The token of every value, positions kept, missing left missing (blank text is missing).

        Values are normalised first: 5, 5.0 and "5" are one value, text is NFC without surrounding space.
        """
        # Not pandas' own factorising: it compares text as C does, up to the first NUL, and takes True for 1.
        known: dict[tuple[type, object], str | None] = {}
        texts: list[str | None] = []
        for value in series.tolist():
            key = (value.__class__, value)
            if key not in known:
                known[key] = normalise(value)
            texts.append(known[key])
        distinct = list(dict.fromkeys(text for text in texts if text is not None))
        token_of = dict(zip(distinct, self._macs(scope, domain, distinct), strict=True))
        out = np.array([None if text is None else token_of[text] for text in texts], dtype=object)
        return pd.Series(out, dtype=object, name=series.name)

    def rekey(self, table: pd.DataFrame, columns: Mapping[str, str], scope: str) -> pd.DataFrame:
        """A copy whose pseudonym columns are re-keyed for another scope, from their tokens alone.

        Args:
            table: any table that holds tokens.
            columns: column name to domain; columns of one domain (in any table) stay joinable inside the
                scope.
            scope: the project for which the cut is made.

        Raises:
            Unusable: when a column is absent, or holds something other than tokens.
        """
        out = table.reset_index(drop=True)
        for name, domain in columns.items():
            if name not in out.columns:
                raise Unusable(f"The table has no column {name} to re-key. Correct the name.")
            held = out[name].dropna().astype(str)
            if not held.str.fullmatch(f"[0-9A-HJKMNP-TV-Z]{{{TOKEN_LENGTH}}}").all():
                raise Unusable(
                    f"The column {name} holds values that are not pseudonyms of ours: it was not re-keyed. "
                    "Pseudonymise it in the recipe first."
                )
            out[name] = self.tokens(scope, domain, out[name])
        return out

    def seed(self, scope: str, purpose: str) -> int:
        """A secret seed (128 bits) for shuffling and sampling: repeatable with the key, else unguessable."""
        return int.from_bytes(self.sub_key(scope, f"seed:{purpose}")[:16], "big")

    def _macs(self, scope: str, domain: str, texts: list[str]) -> list[str]:
        """HMAC-SHA-256 of each text; the padded keys are hashed once and copied (RFC 2104, section 4)."""
        if not texts:
            return []
        block = self.sub_key(scope, domain).ljust(64, b"\0")
        inner = hashlib.sha256(bytes(b ^ 0x36 for b in block))
        outer = hashlib.sha256(bytes(b ^ 0x5C for b in block))
        digests = bytearray()
        for text in texts:
            i, o = inner.copy(), outer.copy()
            i.update(text.encode("utf-8", "surrogatepass"))
            o.update(i.digest())
            digests += o.digest()
        return _crockford(np.frombuffer(bytes(digests), dtype=np.uint8).reshape(-1, 32))


class Custody(Protocol):
    """Who keeps the keys. `anonymization.custody.FileCustody` is the one that comes with the product."""

    def open(self, scope: str, version: int | None = None) -> KeyRing:
        """The ring of a scope, pinned to one version; raises AnonymizationError once it was destroyed."""
        ...


def must_be_long_enough(master: bytes) -> None:
    """Raises AnonymizationError for a secret that could be guessed."""
    if len(master) < 16:
        raise AnonymizationError(
            "The master key for pseudonyms is shorter than 16 bytes. Set a longer secret, "
            "for example one made with `openssl rand -hex 32`."
        )


def normalise(value: object) -> str | None:
    """The text that is hashed for a value; None when it is missing or blank."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        if number != number:  # noqa: PLR0124 - not a number is missing
            return None
        return str(int(number)) if number.is_integer() else repr(number)
    return unicodedata.normalize("NFC", str(value)).strip() or None


def _crockford(digests: np.ndarray) -> list[str]:
    """The first 100 bits of each digest (rows of 32 bytes) as 20 characters."""
    bits = np.unpackbits(digests[:, :13], axis=1)[:, : 5 * TOKEN_LENGTH].reshape(-1, TOKEN_LENGTH, 5)
    values = bits @ np.array([16, 8, 4, 2, 1], dtype=np.uint8)
    return [row.tobytes().decode("ascii") for row in _ALPHABET[values]]
