"""The registry's own identifiers, as keyed digests: is this name or number one of them, without keeping the list.

A digest is 8 bytes of BLAKE2b (RFC 7693) under a key of the dataset. Who has the digests and not the key learns nothing
from them but how many there are; who has both can try guesses, so both stay with the house.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Digests = npt.NDArray[np.uint64]

#: A name is two to four words in any order; a code has at least so many letters and digits, one of digits alone more,
#: so that a count or an amount is seldom taken for one.
_WORDS = (2, 3, 4)
_SHORTEST_CODE, _SHORTEST_NUMBER = 6, 8
_AMOUNT = re.compile(r"\d+[.,]\d+")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
#: Digits with or without the usual separators, and codes in which digits and letters stand together.
_NUMBER = re.compile(r"\+?\d(?:[ \-./()]{0,2}\d){5,}")
_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|[-/_.](?=[A-Za-z0-9])){5,}")
_MOST_WORD = 40


def digests(values: Iterable[object], key: bytes) -> Digests:
    """Sorted distinct digests of everything among `values` that can be looked for; missing values are left out.

    Args:
        values: names, numbers and codes as the registry writes them.
        key: 16 to 64 bytes, of the dataset.
    """
    present = (str(v) for v in values if v is not None and not (isinstance(v, float) and math.isnan(v)))
    forms = {form for value in present for form in _forms(value)}
    return np.unique(np.fromiter((_digest(f, key) for f in forms), dtype=np.uint64, count=len(forms)))


def _forms(value: str) -> Iterator[str]:
    """The forms of one value of the registry: a name as its words in order of the alphabet, a code as itself."""
    if any(c.isdigit() for c in value):
        code = _squeezed(value)
        if _is_code(code):
            yield code
        return
    words = _words(value)
    if len(words) in _WORDS:
        yield " ".join(sorted(words))
    elif len(words) > max(_WORDS):
        # Somebody with five names is written with the first two and the last, or with the outer ones.
        yield " ".join(sorted((words[0], words[-1])))
        yield " ".join(sorted((*words[:2], words[-1])))


@dataclass(frozen=True, slots=True)
class OwnValues:
    """Looks for a dataset's identifiers in a text.

    Args:
        held: sorted digests.
        key: of the dataset.
    """

    held: Digests
    key: bytes

    def __call__(self, text: str) -> Sequence[str]:
        """Kind of each identifier that is found ("name" or "number"); never the identifier."""
        forms = [("number", f) for f in set(_codes(text))] + [("name", f) for f in set(_names(text))]
        if not forms or not len(self.held):
            return []
        asked = np.fromiter((_digest(f, self.key) for _, f in forms), dtype=np.uint64, count=len(forms))
        at = np.minimum(np.searchsorted(self.held, asked), len(self.held) - 1)
        return [forms[i][0] for i in np.flatnonzero(self.held[at] == asked)]


def _names(text: str) -> Iterator[str]:
    words = _words(text)
    for many in _WORDS:
        for at in range(len(words) - many + 1):
            yield " ".join(sorted(words[at : at + many]))


def _codes(text: str) -> Iterator[str]:
    plain = unicodedata.normalize("NFKC", text)
    for pattern in (_NUMBER, _CODE):
        for match in pattern.finditer(plain):
            code = _squeezed(match[0])
            if _is_code(code) and not _AMOUNT.fullmatch(match[0]):
                yield code


def _is_code(code: str) -> bool:
    least = _SHORTEST_NUMBER if code.isdigit() else _SHORTEST_CODE
    return len(code) >= least and any(c.isdigit() for c in code)


def _squeezed(value: str) -> str:
    """Letters and digits alone, small; digits of every script as 0 to 9."""
    plain = unicodedata.normalize("NFKC", value).casefold()
    return "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in plain if c.isalnum())


def _words(text: str) -> list[str]:
    """Words without accents, small."""
    bare = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(c for c in bare if not unicodedata.combining(c)).replace("_", " ")
    return [w for w in _WORD.findall(bare) if len(w) <= _MOST_WORD]


def _digest(form: str, key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(form.encode(), key=key, digest_size=8).digest(), "big")
