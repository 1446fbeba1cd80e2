"""Trying to disprove every claim of differential privacy that the product makes.

    OMP_NUM_THREADS=1 python scripts/audit_dp.py [--runs N] [--alone N] [--only WORDS] [--path release|ledger|both]
                                                 [--false-alarm P] [--json]

Neighbouring registries, with and without the household that shows most of itself, are asked the same question through
the real release path, many times; what is printed is the loss that the answers show at the least. Exit code 1 when a
claim is refuted, an answer is an error, or something is exposed that nothing here asks for; 0 otherwise. How to read
it: docs/explanation/dp-pitfalls.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from audit_ledger import AuditedEnclave, ledger_shapes

from anonymization.dp.audit import SHAPES, Finding, audit_shape, confidence_of
from anonymization.dp.audit.coverage import priced, unaudited
from anonymization.dp.audit.report import as_data, table
from anonymization.dp.audit.synthetic import NAME, audit_mst


def findings(asked: argparse.Namespace) -> Iterator[Finding]:
    """One for each shape and path that was asked for."""
    shapes = [s for s in SHAPES if asked.only.lower() in s.name.lower() and priced(s)]
    by_ledger = [s for s in ledger_shapes() if asked.only.lower() in s.name.lower()]
    confidence = confidence_of(len(shapes) + len(by_ledger) + 1, asked.false_alarm)
    if asked.path in ("release", "both"):
        for shape in shapes:
            yield audit_shape(shape, runs=asked.runs, alone=asked.alone, confidence=confidence)
        if asked.only.lower() in NAME.lower():
            yield audit_mst(runs=max(asked.runs // 8, 50), confidence=confidence)
    if asked.path in ("ledger", "both"):
        for shape in by_ledger:
            with tempfile.TemporaryDirectory() as folder:
                enclave = AuditedEnclave.at(Path(folder))
                found = audit_shape(
                    shape, runs=asked.runs // 4, alone=0, confidence=confidence, release=enclave.release
                )
            yield replace(found, name=f"{found.name}, by the ledger")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=40_000, help="answers from each registry, many in a question"
    )
    parser.add_argument(
        "--alone", type=int, default=400, help="answers from each registry, one in a question"
    )
    parser.add_argument("--only", default="", help="shapes whose name holds these words")
    parser.add_argument("--path", choices=("release", "ledger", "both"), default="both")
    parser.add_argument(
        "--false-alarm", type=float, default=1e-6, help="chance that all of it accuses an honest product"
    )
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    made = []
    for finding in findings(asked):
        made.append(finding)
        print(f"{finding.name}: {finding.cpu_seconds:.1f} CPU s", file=sys.stderr)
    if not made:
        parser.error("No shape's name holds these words, so nothing was tried.")
    forgotten = [str(kind) for kind in unaudited(SHAPES)]
    closed = [s.name for s in SHAPES if not priced(s)]
    failed = [finding.name for finding in made if finding.errors]
    refuted = [finding.name for finding in made if finding.refuted]
    if asked.json:
        out = {
            "findings": [as_data(f) for f in made],
            "refuted": refuted,
            "errors": failed,
            "not_audited": forgotten,
            "not_answered": closed,
        }
        print(json.dumps(out, indent=1))
    else:
        print(table(made))
        print(
            f"{len(made)} claims tried, {len(refuted)} refuted. A low bound proves nothing: a claim stands."
        )
        if closed:
            print(f"Not answered by the product, so not tried: {'; '.join(closed)}.")
        if failed:
            print(f"Answered with errors, so not audited: {'; '.join(failed)}.")
        for kind in forgotten:
            print(f"Exposed and not audited: {kind}")
    return 1 if refuted or failed or forgotten else 0


if __name__ == "__main__":
    sys.exit(main())
