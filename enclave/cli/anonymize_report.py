"""What `enclave anonymize` says of a release: facts for the policy, and the evidence pack in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from pyarrow.parquet import ParquetFile

from anonymization.columns.left import ROWS, identifiers_left
from enclave.extracts.gates import attack_facts


def facts_of(evidence: Mapping[str, Any]) -> dict[str, object]:
    """Facts for the policy "deidentification", from the evidence alone."""
    before, after = evidence["risk"]["before"], evidence["risk"]["after"]
    rows, released = evidence["input"]["rows"], evidence["output"]["rows"]
    return {
        "direct_identifiers_left": sum(evidence["identifiers_found_in_output"].values())
        + len(evidence.get("columns_that_identify", {})),
        "undecided_columns": 0,  # a recipe with one is refused
        "planted_identifiers_found": evidence["identifier_numbers_found_in_text"],
        "k_minimum": after["smallest_class"],
        "expected_reidentifications_share": after["expected_reidentifications"] / max(1, after["records"]),
        "suppressed_cell_share": max(0.0, _missing(after) - _missing(before)),
        "rows_dropped_share": 1 - released / max(1, rows),
        **attack_facts(evidence),
    }


def columns_that_identify(release: Path, roles: Mapping[str, str]) -> dict[str, str]:
    """Columns of a release that identify by their values, to what they look like; its first rows are read."""
    with ParquetFile(release) as file:
        batch = next(file.iter_batches(ROWS), None)
    return identifiers_left(batch.to_pandas(), roles) if batch is not None else {}


def _missing(risk: Mapping[str, Any]) -> float:
    cells = risk["missing_cells"]
    return float(sum(cells.values())) / max(1, int(risk["records"]) * len(cells))


def refuse_other_files(folder: Path) -> None:
    """A folder with the release of another run is not written over in silence."""
    if (folder / "evidence.json").exists():
        raise click.UsageError(
            f"{folder} holds a release already. Name another folder, or remove what is in it."
        )


def as_markdown(evidence: Mapping[str, Any]) -> str:
    """The pack in words, for who decides."""
    recipe, risk = evidence["recipe"], evidence["risk"]
    lines = [
        f"# Evidence: {recipe['name']} version {recipe['version']}",
        "",
        f"Recipe digest `{recipe['digest']}`, tier {recipe['tier']}, one row a {recipe['unit']}.",
        (
            f"Input `{evidence['input']['digest']}`: {evidence['input']['rows']:,} rows, "
            f"{evidence['input']['columns']} columns."
        ),
        (
            f"Release `{evidence['output']['digest']}`: {evidence['output']['rows']:,} rows, "
            f"{len(evidence['output']['columns'])} columns."
        ),
        "",
        "## What was done",
        "",
        *(f"{n}. {step['says']}" for n, step in enumerate(evidence["steps"], start=1)),
        "",
        "## Risk",
        "",
        (
            f"Counted in {risk['after']['counted']}, key variables {', '.join(risk['after']['settings']['keys'])}; "
            f"a missing value counts as a {risk['after']['settings']['missing']}."
        ),
        "",
        "| measure | before | after |",
        "|---|---:|---:|",
    ]
    for name, label in _MEASURES:
        lines.append(
            f"| {label} | {_figure(risk['before'].get(name))} | {_figure(risk['after'].get(name))} |"
        )
    lines += ["", "## Rows set aside", ""]
    reasons = evidence["set_aside"]["reasons"]
    lines += [f"- {count:,} rows: {reason}" for reason, count in reasons.items()] or ["None."]
    lines += ["", "## Identifiers found in the release", ""]
    found = {n: c for n, c in evidence["identifiers_found_in_output"].items() if c}
    lines += [f"- {name}: {count:,} cells" for name, count in found.items()] or ["None as a whole cell."]
    lines.append(
        f"\nLong numbers in free text that are identifiers: {evidence['identifier_numbers_found_in_text']:,}."
    )
    lines += [
        f"- The column {name}, whatever its role, holds values like those of a {kind.replace('_', ' ')}."
        for name, kind in evidence.get("columns_that_identify", {}).items()
    ]
    if risks := evidence.get("attacks", {}).get("risks"):
        lines += ["", "## Attacks", "", *(f"- {name}: at most {value:.1%}" for name, value in risks.items())]
    if reason := evidence.get("attacks", {}).get("not_made"):
        lines += ["", "## Attacks", "", reason]
    if "attacks" not in evidence:
        lines += ["", "## Attacks", "", "Not made: the run was without --attack."]
    gate = evidence["gate"]
    lines += [
        "",
        "## What the policy says",
        "",
        f"{gate['policy']['id']}, version {gate['policy']['version']}: **{gate['outcome']}**.",
        "",
    ]
    lines += [f"- {finding['outcome']}: {finding['sentence']}" for finding in gate["findings"]]
    return "\n".join(lines) + "\n"


_MEASURES = (
    ("records", "records"),
    ("smallest_class", "smallest class"),
    ("below_k", "records in classes below k"),
    ("below_k_missing_as_category", "the same, a missing value being a value"),
    ("sample_uniques", "sample uniques"),
    ("expected_reidentifications", "re-identifications to expect"),
    ("household_expected_reidentifications", "the same by households"),
    ("highest_individual_risk", "highest individual risk"),
)


def _figure(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else "–"
