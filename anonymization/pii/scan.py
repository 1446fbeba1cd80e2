"""Looking for identifiers where none should be: in a text that wants to leave, and in a finished table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from anonymization.keys import normalise
from anonymization.pii.context import announced_in
from anonymization.pii.engine import shapes_in
from anonymization.pii.folding import clean, fold, tokens, words
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.spans import Span, merge, without_placeholders


@dataclass(frozen=True, slots=True)
class TableFinding:
    """Where (`column`), what (`kind`: a tag of spans.TAGS, or `planted`), in how many values (`cells`)."""

    column: str
    kind: str
    cells: int


def find_identifiers(text: str, country: str = "") -> list[Span]:
    """Identifiers in a text, without knowing whose: shapes, phones, e-mail, people announced by a title.

    Positions are those of `text` after folding.clean (NFC, no invisible characters).
    """
    text = clean(text)
    found = tokens(text)
    spans = [*shapes_in(text, country), *announced_in(text, found, Knowledge())]
    return merge(spans)


def scan_table(
    table: pd.DataFrame, planted: Iterable[str] = (), limit: int = 2_000, country: str = ""
) -> list[TableFinding]:
    """What a finished table still holds that looks like an identifier.

    Args:
        table: any table; whole numbers are read as text too.
        planted: values that must be nowhere; looked for in every cell, word by word, in any case or spelling
            of accents.
        limit: distinct values read in each column for shapes (planted values are looked for in all).
        country: as in `find_identifiers`.

    Returns:
        One finding for each column and kind, never a value.
    """
    wanted = [tuple(words(p)) or (fold(p),) for p in planted if p and len(p) > 2]
    out = []
    for name in table.columns:
        values = [t for t in map(normalise, pd.unique(table[name].dropna())) if t]
        numeric = pd.api.types.is_numeric_dtype(table[name])
        counts: Counter[str] = Counter()
        if not pd.api.types.is_float_dtype(table[name]):
            for value in values[:limit]:
                spans = find_identifiers(without_placeholders(value), country) if len(value) >= 6 else []
                # A bare number is an amount far more often than an identity number, unless a check digit says
                # so.
                counts.update({s.tag for s in spans if s.score >= (0.95 if numeric else 0.4)})
        if wanted:
            counts["planted"] += sum(_holds(value, wanted) for value in values)
        out += [TableFinding(str(name), kind, n) for kind, n in sorted(counts.items()) if n]
    return out


def _holds(value: str, wanted: list[tuple[str, ...]]) -> bool:
    there = words(value)
    whole = fold(value)
    return any(
        any(tuple(there[i : i + len(w)]) == w for i in range(len(there) - len(w) + 1))
        or (any(c.isdigit() for c in w[0]) and w[0] in whole)
        for w in wanted
    )
