"""Checks on what wants to leave the enclave. They find and never decide; every threshold is the caller's.

files (what it is, what it hides), images (what a PNG hides), spec (the description beside it), tables and
totals (what a result table tells), report (one file, all of it), counts and dominance (evidence from rows),
differencing (beside earlier releases), audit (what totals give away, exactly), suppress (what to hide).
"""

from __future__ import annotations

from anonymization.disclosure.differencing import ReleasedTable, differences
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
    "differences",
    "without_metadata",
]
