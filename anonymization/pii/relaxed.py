"""A pattern as Hyperscan may search it in a text's classes: it finds all that the pattern finds, and more.

Look-arounds fall away, long repetitions lose their upper bound, and a pattern that grows too large (an alternation of
a thousand top-level domains) is cut off where it does: a text that matches a pattern matches its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anonymization.pii.shapes import EVERYTHING, OP, alphabet_of, first_of, parsed, set_of

_BRANCHES = 24  # alternations with more are cut off
_ATOMS = 120  # so are patterns with more characters
_REPEATS = 16  # repetitions beyond this are not counted


def relaxed(pattern: str, flags: int) -> bytes | None:
    """The relaxed pattern over classes (see shapes), or None where nothing can be said."""
    tree = parsed(pattern, flags)
    if tree is None:
        return None
    written = _Writer()
    text, _ = written.sequence(tree)
    return text or None


class _Writer:
    """Writes parts of a pattern; each method also says whether the pattern must be cut off behind the part."""

    def __init__(self) -> None:
        self._left = _ATOMS

    def sequence(self, items: Iterable[Any]) -> tuple[bytes, bool]:
        out = b""
        for op, value in items:
            text, cut = self._part(op, value)
            out += text
            if cut:
                return out, True
        return out, False

    def _part(self, op: Any, value: Any) -> tuple[bytes, bool]:
        if op is OP.AT:
            # The classes of \w are exactly what Hyperscan takes for \w.
            return (rb"\b" if value is OP.AT_BOUNDARY else b""), False
        if op is OP.SUBPATTERN:
            text, cut = self.sequence(value[-1])
            return b"(?:" + text + b")" if text else b"", cut
        if op is OP.BRANCH:
            return self._branch(value[1])
        if op in {OP.MAX_REPEAT, OP.MIN_REPEAT, OP.POSSESSIVE_REPEAT}:
            return self._repeat(*value)
        if op in {OP.LITERAL, OP.IN, OP.NOT_LITERAL, OP.ANY}:
            self._left -= 1
            known = {OP.LITERAL: [(op, value)], OP.IN: value}.get(op)
            return set_of(alphabet_of(known) if known else EVERYTHING), self._left <= 0
        # Look-arounds have no width; what is left could be anything.
        return b"", op not in {OP.ASSERT, OP.ASSERT_NOT}

    def _branch(self, branches: list[Any]) -> tuple[bytes, bool]:
        if len(branches) > _BRANCHES:
            firsts = [first_of(branch) for branch in branches]
            return set_of(frozenset().union(*firsts)) if all(firsts) else b"", True
        written = [self.sequence(branch) for branch in branches]
        return b"(?:" + b"|".join(text for text, _ in written) + b")", any(cut for _, cut in written)

    def _repeat(self, low: Any, high: Any, inner: Any) -> tuple[bytes, bool]:
        low, high = int(low), int(high)
        text, cut = self.sequence(inner)
        if cut:
            return (text if low else b""), True
        if not text or not high:
            return b"", False
        least = min(low, _REPEATS)
        most = b"" if high > _REPEATS else b"%d" % high
        return b"(?:" + text + b"){%d,%s}" % (least, most), False
