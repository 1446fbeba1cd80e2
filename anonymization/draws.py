"""Keyed draws: random numbers that hang on a secret key and on whom they are for, not on the order of work.

One partition or many, one process or twenty, first run or resumed one: the same row (or household) always gets the
same draw, and nobody without the key can compute it. A draw is AES-128 of (number, stream) under a sub-key, read as a
fraction: a pseudo-random function (NIST SP 800-38A, counter mode; any number of streams side by side).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from anonymization.keys import KeyRing

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def uniforms(keys: KeyRing, scope: str, purpose: str, numbers: Ints, stream: int = 0) -> Floats:
    """One draw from the open interval (0, 1) for each number.

    Args:
        keys, scope, purpose: whose draws; another purpose has nothing to do with this one.
        numbers: shape (n,): row numbers (a table's index), or `unit_numbers_of`. Equal numbers get equal draws.
        stream: for several independent draws of the same rows.

    Returns:
        Shape (n,), 52 random bits each; never 0 or 1, so that inverse distribution functions stay finite.
    """
    blocks = np.empty((len(numbers), 2), dtype="<i8")
    blocks[:, 0] = numbers
    blocks[:, 1] = stream
    key = keys.sub_key(scope, f"draws:{purpose}")[:16]
    # Distinct blocks under one key: ECB of a counter is counter mode's key stream, nothing is encrypted here.
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    bits = np.frombuffer(cipher.update(blocks.tobytes()), dtype="<u8")[::2] >> np.uint64(12)
    return (bits.astype(np.float64) + 0.5) / float(1 << 52)


def normals(keys: KeyRing, scope: str, purpose: str, numbers: Ints, stream: int = 0) -> Floats:
    """Standard normal draws, shape (n,), by the inverse distribution function; as `uniforms` otherwise."""
    from scipy.special import ndtri  # noqa: PLC0415 - scipy is loaded late

    return np.asarray(ndtri(uniforms(keys, scope, purpose, numbers, stream)), dtype=np.float64)


def order(keys: KeyRing, scope: str, purpose: str, numbers: Ints) -> Ints:
    """Positions that put distinct numbers in a secret order, shape (n,)."""
    return np.argsort(uniforms(keys, scope, purpose, numbers), kind="stable").astype(np.int64)


def unit_numbers_of(keys: KeyRing, scope: str, units: pd.Series) -> Ints:
    """A keyed 64-bit number for each row's household (or other unit), the same in every partition.

    Missing units are numbered by nobody: the caller refuses them first (see risk.units.unit_numbers).
    """
    tokens = keys.tokens(scope, "draws:unit", units)
    codes, distinct = pd.factorize(tokens.to_numpy())
    hashed = pd.util.hash_array(np.asarray(distinct, dtype=object), categorize=False).view(np.int64)
    return hashed[codes].astype(np.int64) if len(hashed) else np.zeros(len(units), dtype=np.int64)
