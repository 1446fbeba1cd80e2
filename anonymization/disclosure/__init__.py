"""Checks on what wants to leave the enclave. They find and never decide; every threshold is the caller's.

files (what it is, what it hides), images (what a PNG hides), carriers (what files that may not leave carry),
spec (the description beside it), tables, totals and statistics (what a result table tells), guessing (where
nobody said), report (one file, all of it), counts and dominance (evidence from rows), earlier and differencing
(beside what was released), audit (what totals give away, exactly), suppress (what to hide).
"""

from __future__ import annotations

from anonymization.disclosure.differencing import ReleasedTable, differences
from anonymization.disclosure.earlier import counted_cells
from anonymization.disclosure.images import without_metadata
from anonymization.disclosure.model import DisclosureFinding, FileReport, Severity
from anonymization.disclosure.report import check_file
from anonymization.disclosure.spec import SCHEMA as OUTPUT_SCHEMA

__all__ = [
    "OUTPUT_SCHEMA",
    "DisclosureFinding",
    "FileReport",
    "ReleasedTable",
    "Severity",
    "check_file",
    "counted_cells",
    "differences",
    "without_metadata",
]
