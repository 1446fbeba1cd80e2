"""One file that wants to leave, and everything that software can find in it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterable, Mapping

from anonymization.disclosure.carriers import carried
from anonymization.disclosure.differencing import ReleasedTable, differences
from anonymization.disclosure.earlier import counts_of
from anonymization.disclosure.files import TEXT_TYPES, hidden_parts, media_type, text_of
from anonymization.disclosure.guessing import guesses, token_findings
from anonymization.disclosure.images import hidden_in_png
from anonymization.disclosure.model import DisclosureFinding, FileReport, Severity
from anonymization.disclosure.spec import SCHEMA, BadDescription, TableSpec, read_spec
from anonymization.disclosure.statistics import statistic_facts, statistic_findings
from anonymization.disclosure.tables import NotATable, ResultTable, TableCheck, read_table
from anonymization.disclosure.totals import total_findings
from anonymization.errors import AnonymizationError

#: What is left to read is scanned in pieces of about so many characters, so that a place can be named.
PIECE, OVERLAP = 2_000, 200
Scan = Callable[[str], Collection[object]]
Sidecar = bytes | Mapping[str, object] | None
Found = tuple[dict[str, object], list[DisclosureFinding]]
#: Findings about what a reader does not see.
HIDDEN = (
    "unseen-characters",
    "unseen-markdown",
    "saved-outputs",
    "repeated-key",
    "trailing-bytes",
    "image-metadata",
    "behind-the-pixels",
    "broken-image",
    "ragged-row",
    "macro",
    "comment",
    "external-link",
    "pivot-cache",
    "embedded-file",
    "embedded-data",
    "data-model",
    "file-metadata",
    "hidden-sheet",
    "hidden-name",
    "hidden-cells",
    "hidden-text",
    "formula",
    "script",
    "earlier-state",
)


def check_file(
    name: str,
    data: bytes,
    sidecar: Sidecar,
    *,
    threshold: int,
    scan: Scan | None,
    earlier: Iterable[ReleasedTable] = (),
) -> FileReport:
    """Everything that software can find in one file. Finds and never decides.

    Args:
        name: what the file is called; shown in places, never trusted.
        data: its bytes.
        sidecar: the description beside it (`<name>.sdc.json`), as bytes or content; None when there is none.
        threshold: smallest number of households that a number may describe (from the policy).
        scan: finds direct identifiers in a text, one item for each; None leaves `identifiers_found` unknown,
            which the policy refuses.
        earlier: what was released from the same dataset before, whoever asked (see `earlier.counted_cells`).

    Returns:
        the report; a fact that could not be established (no counts declared, nothing scanned) is absent.
    """
    kind = media_type(data, name)
    findings = [*hidden_parts(data, kind, name), *(hidden_in_png(data, name) if kind == "png" else ())]
    findings += carried(data, kind, name)
    facts: dict[str, object] = {"media_type": kind, "file_bytes": len(data), "dominance_declared": False}
    facts["is_model"] = False
    told: Found = ({}, [])
    if kind in ("csv", "json"):
        told = _table(name, data, kind, sidecar, threshold, earlier)
    elif kind == "png":
        told = _figure(name, sidecar, threshold)
    facts |= told[0]
    findings += told[1]
    facts["hidden_content"] = _count(findings, *HIDDEN)
    if scan is not None:
        identifiers = identifier_findings(name, data, kind, scan)
        facts["identifiers_found"] = len(identifiers) + _count(findings, "identifier-column")
        findings += identifiers
    return FileReport(kind, facts, tuple(findings))


def identifier_findings(name: str, data: bytes, kind: str, scan: Scan) -> list[DisclosureFinding]:
    """Where the scan finds direct identifiers: the file's name, and lines of its text (from 1)."""
    words = "A direct identifier is here. Take it out."
    spoken_name = name.replace("_", " ").replace("-", " ")
    places = ["the file's name"] if scan(spoken_name) else []
    lines = (text_of(data) or "").splitlines() if kind in TEXT_TYPES else []
    if kind == "csv":
        lines = [_apart(line) for line in lines]
    for first, last, piece in _pieces(lines):
        if scan(piece):
            exact = [n for n in range(first, last + 1) if scan(lines[n - 1])] if last > first else []
            here = f"line {first}" if first == last else f"lines {first} to {last}"
            places += [f"{name}, line {n}" for n in exact] or [f"{name}, {here}"]
    return [DisclosureFinding("identifier", p, Severity.STOP, words) for p in dict.fromkeys(places)]


def _apart(line: str) -> str:
    """A line of CSV with its cells held apart: two shares side by side are no place on the map."""
    try:
        return " | ".join(next(csv.reader([line], strict=True), []))
    except csv.Error:  # a cell of several lines: read as it stands
        return line


def _pieces(lines: list[str]) -> list[tuple[int, int, str]]:
    """First line, last line and text of each piece; a very long line makes several, which overlap."""
    pieces: list[tuple[int, int, str]] = []
    start, size = 0, 0
    for at, line in enumerate(lines):
        size += len(line)
        if size < PIECE and at < len(lines) - 1:
            continue
        text = "\n".join(lines[start : at + 1])
        step = len(text) + 1 if len(text) <= 2 * PIECE else PIECE
        pieces += [(start + 1, at + 1, text[k : k + step + OVERLAP]) for k in range(0, len(text), step)]
        start, size = at + 1, 0
    return pieces


def _table(
    name: str, data: bytes, kind: str, sidecar: Sidecar, threshold: int, earlier: Iterable[ReleasedTable]
) -> Found:
    try:
        table = read_table(data, kind)
    except NotATable as problem:
        return {"counts_declared": False}, [_stop("not-a-table", name, problem)]
    uncounted: dict[str, object] = {"rows": len(table.rows), "counts_declared": False}
    tokens = token_findings(name, table)
    try:
        spec = read_spec(sidecar, kind)
    except BadDescription as problem:
        guessed = guesses(name, table, threshold)
        return uncounted, [_stop("bad-description", name, problem), *tokens, *guessed]
    if not isinstance(spec, TableSpec):
        return uncounted, tokens
    check = TableCheck(name, table, spec, threshold)
    found = [*tokens, *check.findings()]
    if _count(found, "missing-column"):
        return uncounted, found
    found += statistic_findings(check)
    if spec.model is not None:
        # Coefficients do not add up, so that no total of theirs can give one away.
        facts = {"recoverable_cells": 0, "differing_cells": 0}
        return {"rows": len(table.rows), **_table_facts(check, found), **facts}, found
    found += total_findings(check)
    counted = counts_of(name, table, spec)
    found += differences(counted, earlier, threshold=threshold) if counted is not None else ()
    return {"rows": len(table.rows), **_table_facts(check, found)}, found


def _figure(name: str, sidecar: Sidecar, threshold: int) -> Found:
    """The counts behind a figure's marks are checked as a table of one column."""
    try:
        spec = read_spec(sidecar, "png")
    except BadDescription as problem:
        return {"counts_declared": False}, [_stop("bad-description", name, problem)]
    table = ResultTable(("counts",), tuple((str(count),) for count in spec.counts))
    counts_only = TableSpec(schema=SCHEMA, kind="table", unit="household", counts=("counts",))
    check = TableCheck(name, table, counts_only, threshold)
    found = check.findings()
    return _table_facts(check, found), found


def _table_facts(check: TableCheck, found: list[DisclosureFinding]) -> dict[str, object]:
    untold, told = check.dominance()
    shown = [count for _, _, count in check.shown_counts()]
    facts: dict[str, object] = {
        "counts_declared": not _count(found, "no-counts", "uncounted", "not-a-count", "not-coefficients"),
        "undeclared_columns": _count(found, "undeclared-column"),
        "zero_counts": _count(found, "zero-count"),
        "full_cells": _count(found, "full-cell", "small-part"),
        "recoverable_cells": _count(found, "recoverable-cell", "small-rest"),
        "statistics_without_dominance": len(untold),
        "dominance_declared": bool(told),
        "differing_cells": _count(found, "differencing"),
        **statistic_facts(check, found),
    }
    if shown:
        facts["smallest_count"] = int(min((count for count in shown if count > 0), default=0))
    if told:
        facts["top2_share"] = max(two for _, two in told)
        facts["p_ratio"] = min((1 - two) / one if one > 0 else 0.0 for one, two in told)
    return facts


def _stop(rule: str, name: str, problem: AnonymizationError) -> DisclosureFinding:
    return DisclosureFinding(rule, name, Severity.STOP, problem.sentence)


def _count(findings: list[DisclosureFinding], *rules: str) -> int:
    return sum(f.rule in rules for f in findings)
