"""What stands in a text instead of an identifier: its role, a keyed pseudonym, or an invented value.

roles: `[head]`, `[own place]`, `[phone]`: most useful to read and nothing to join on; the default.
pseudonyms: `[person 7GQ2M4XB]`: the same word of a name or place, and the same number, have the same token in every
text of one project.
surrogates: an invented name, place or number of the same kind, the same one for the same word in every text of one
project, so that texts stay readable and programs that expect names work. Birth dates, coordinates and addresses keep
their roles.

Names are replaced word by word: a first name alone and inside a full name get one surrogate, and so do spellings that
the detectors take for one name. Keys are a project's own (KeyRing), so two projects share nothing. What a project's
tokens repeat can be counted: both are weaker than roles, and for tiers that keep their texts inside the enclave.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources

import yaml

from anonymization.pii.folding import WORD, ascii_digits, fold, is_arabic, one_slip, skeleton, sound
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.linked import Own
from anonymization.pii.spans import TAGS, Span

WAYS = ("roles", "pseudonyms", "surrogates")
#: Tags that have pseudonyms, and what evidence and readers call them; the rest keep their roles.
_DOMAINS = {
    "head": "person", "person": "person", "name": "name", "own_place": "place", "place": "place", "phone": "phone",
    "id": "id", "number": "id", "email": "email", "account": "account",
}  # fmt: skip
_WORDS = frozenset({"person", "name", "place"})
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Instead = Callable[[str, Span], str]


class Replacer:
    """Replaces findings in one way.

    Args:
        way: one of WAYS.
        key: the project's key for texts; not needed for roles.
        knowledge: whose names and words are never surrogates.
    """

    def __init__(self, way: str, key: bytes, knowledge: Knowledge) -> None:
        self._way, self._key, self._knowledge = way, key, knowledge
        self._sounds: dict[str, str] = {}
        if way != "roles":
            for word in sorted(knowledge.people, reverse=True):
                self._sounds[sound(word)] = word

    def within(self, own: Own, country: str) -> Instead:
        """How findings of one text are replaced; `own`: the identifiers of its row; `country`: how names sound."""
        if self._way == "roles":
            return lambda _, span: TAGS[span.tag]
        instead = self._pseudonym if self._way == "pseudonyms" else self._surrogate
        return lambda written, span: instead(written, span, own, country)

    def _pseudonym(self, written: str, span: Span, own: Own, country: str) -> str:  # noqa: ARG002
        domain = _DOMAINS.get(span.tag)
        if domain is None:
            return TAGS[span.tag]
        if domain in _WORDS:
            values = [("word", self._canonical(m.group(), own)) for m in WORD.finditer(written)]
        else:
            values = [(domain, _squeezed(written, domain))]
        tokens = []
        for kind, value in values:
            number = int.from_bytes(self._mac(kind, value)[:5], "big")
            tokens.append("".join(_CROCKFORD[number >> 5 * i & 31] for i in range(8)))
        return f"[{' '.join([domain, *tokens])}]"

    def _surrogate(self, written: str, span: Span, own: Own, country: str) -> str:
        domain = _DOMAINS.get(span.tag)
        if domain is None:
            return TAGS[span.tag]
        if domain in _WORDS:
            return WORD.sub(lambda m: self._invented(m.group(), own, country), written)
        value = _squeezed(written, domain)
        taken = {*own.phones, *own.ids}
        for again in range(100):
            digits = f"{int.from_bytes(self._mac(domain, value, again)[:8], 'big') % 10**10:010d}"
            if not any(t in digits for t in taken):
                break
        return {
            "phone": f"+000 {digits[:3]} {digits[3:6]} {digits[6:9]}",  # no country has this code
            "email": f"person{digits}@example.invalid",
            "account": f"XX00 {digits[:4]} {digits[4:8]} 0000",
        }.get(domain, f"X-{digits[:5]}-{digits[5:]}")

    def _invented(self, word: str, own: Own, country: str) -> str:
        """An invented word that nobody in the registry has and no note uses; an initial stays one letter."""
        canonical = self._canonical(word, own)
        arabic = is_arabic(fold(word))
        for again in range(100):
            mac = self._mac("word", canonical, again)
            out = _spelt(mac, "arabic" if arabic else country)
            folded = fold(out)
            unknown = folded not in self._knowledge.people and folded not in self._knowledge.lower
            if unknown and sound(folded) not in self._knowledge.sounds and folded not in own.names:
                break
        if len(word) == 1:
            return out[0]
        return (
            out.upper()
            if len(word) > 1 and word.isupper()
            else out.lower()
            if word.islower() and not arabic
            else out
        )

    def _canonical(self, word: str, own: Own) -> str:
        """The registered word that a word is a spelling of; itself where there is none."""
        folded = fold(word)
        if folded in own.names or folded in self._knowledge.people:
            return folded
        like = sound(folded)
        for name in sorted(own.names):
            near = min(len(name), len(folded)) >= 5 and one_slip(name, folded)
            across = is_arabic(folded) and not is_arabic(name) and skeleton(folded) == skeleton(name)
            if near or across or (len(like) >= 3 and sound(name) == like):
                return name
        return self._sounds.get(like, folded)

    def _mac(self, domain: str, value: str, again: int = 0) -> bytes:
        message = f"{domain}\0{again}\0{value}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, hashlib.sha256)


def _squeezed(written: str, domain: str) -> str:
    plain = "".join(c for c in fold(ascii_digits(written)) if c.isalnum())
    return plain[-9:] if domain == "phone" else plain


@cache
def _syllables() -> dict[str, Sequence[Sequence[str]]]:
    data = yaml.safe_load((resources.files("anonymization.pii") / "surrogates.yaml").read_text("utf-8"))
    lists = [data["middle"].split(), data["second"].split()]
    out: dict[str, Sequence[Sequence[str]]] = {
        country: [data["first"][country].split(), *lists, data["last"][country].split()]
        for country in data["first"]
    }
    arabic = data["arabic"].split()
    return out | {"arabic": [arabic] * 4}


def _spelt(mac: bytes, sound_of: str) -> str:
    lists = _syllables().get(sound_of) or _syllables()["other"]
    return "".join(syllables[byte % len(syllables)] for syllables, byte in zip(lists, mac, strict=False))
