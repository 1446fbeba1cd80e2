"""Reads texts that people have marked, for measuring: one JSON object a line, never repeated in a message."""

from __future__ import annotations

import json
from pathlib import Path

from anonymization.errors import Unusable
from anonymization.pii.metrics import KINDS
from anonymization.pii.trial.planted import Labelled

MOST = 5_000  # texts that are read: recall within half a percent, in seconds


def read(path: str | Path) -> list[Labelled]:
    """The texts of a JSON-lines file: text, spans ([start, end, kind] each), and if known language and country.

    Raises:
        Unusable: naming the line and what is wrong with it, never what it holds.
    """
    out: list[Labelled] = []
    kinds = sorted(set(KINDS.values()) - {"name"})
    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if len(out) >= MOST:
                break
            if not line.strip():
                continue
            try:
                data = json.loads(line)
                text = data["text"]
                spans = [(int(a), int(b), str(kind)) for a, b, kind in data.get("spans", [])]
                fits = isinstance(text, str) and all(
                    0 <= a < b <= len(text) and k in kinds for a, b, k in spans
                )
                one = Labelled(text, spans, str(data.get("language", "")), str(data.get("country", "")))
            except (ValueError, TypeError, KeyError, AttributeError):
                fits = False
            if not fits:
                raise Unusable(
                    f"Line {number} of the labelled sample is not {{text, spans: [[start, end, kind], ...]}} "
                    f"with spans inside the text and a kind out of: {', '.join(kinds)}. Correct the line."
                )
            out.append(one)
    return out
