"""Free text: finding identifiers and replacing them by what they were. No model is needed; one is used if installed.

folding: how words are compared. packs, checks and engine: Presidio's shapes and phones; fast, shapes, relaxed,
prefilter, phones and nlp: the same spans at several times the speed. linked: a note's own row. counts, knowledge and
context: this registry's people and places, titles, capitals. models: named-entity models that are installed.
finding: all of them on one text. chunk, replacing, redaction and worker: doing it. metrics and trial: measuring it.
scan: looking where none should be.
"""

from __future__ import annotations

from anonymization.pii.counts import Counts
from anonymization.pii.knowledge import Knowledge
from anonymization.pii.linked import Linked, own_values_left
from anonymization.pii.redaction import learn, redact
from anonymization.pii.scan import TableFinding, find_identifiers, scan_table
from anonymization.pii.spans import TAGS, Span

__all__ = [
    "TAGS",
    "Counts",
    "Knowledge",
    "Linked",
    "Span",
    "TableFinding",
    "find_identifiers",
    "learn",
    "own_values_left",
    "redact",
    "scan_table",
]
