"""The automatic checks, joined: what a file is, what its table shows, and whether a person can be read in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any

from anonymization.disclosure import ReleasedTable, check_file
from enclave.airlock.taking import CheckResult


def check_output(
    name: str,
    data: bytes,
    sidecar: bytes | None,
    threshold: int,
    earlier: Sequence[ReleasedTable] = (),
    own: Callable[[str], Collection[object]] | None = None,
) -> CheckResult:
    """Findings and facts about one file; decides nothing and never quotes a value.

    Args:
        sidecar: the file's description as it stands in the workspace, or None.
        threshold: the smallest count that may be shown, from the policy.
        earlier: what was released from the same data before.
        own: finds the registry's own identifiers in a text.
    """
    presidio = _scan()

    def scan(text: str) -> Collection[object]:
        return [*presidio(text), *(own(text) if own is not None else ())]

    report = check_file(name, data, sidecar, threshold=threshold, scan=scan, earlier=earlier)
    findings = tuple(
        {"rule": f.rule, "place": f.place, "severity": str(f.severity), "sentence": f.sentence}
        for f in report.findings
    )
    return CheckResult(str(report.media_type), dict(report.facts), findings)


@cache
def _scan() -> Any:
    """Presidio, loaded when the first file is checked."""
    from anonymization.pii import find_identifiers  # noqa: PLC0415 - heavy

    return find_identifiers
