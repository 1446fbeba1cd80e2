"""A release as a package that explains itself: RO-Crate 1.2, with digests, approvals, policies and what was checked.

Made anew at each download from what is recorded, the same to the byte but for the record of the download. What it
says of a private answer is the house's alone: nobody has read what its author wrote.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from enclave.airlock.model import OutputFile, OutputRequest
from enclave.kernel.signing import HouseSigner

METADATA = "ro-crate-metadata.json"
SIGNATURE_FILE = "ro-crate-signature.json"
DOWNLOAD_FILE = "download-record.json"
_PROFILE = "https://w3id.org/ro/crate/1.2"
_MEDIA = {
    "csv": "text/csv",
    "json": "application/json",
    "png": "image/png",
    "md": "text/markdown",
    "txt": "text/plain",
}
#: Facts that say what a file shows; all others are about how it was described.
_SDC_FACTS = (
    *("smallest_count", "top2_share", "p_ratio", "zero_counts", "full_cells", "recoverable_cells", "rows"),
    *("identifiers_found", "hidden_content", "endpoints_shown", "quantiles_on_few", "differing_cells"),
    *("residual_df", "r_squared", "largest_leverage"),
)


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval that counted: whose office it was, under which policy version, when."""

    office: str
    cites: str
    at: datetime


def metadata(
    output: OutputRequest, approvals: Sequence[Approval], receipts: Mapping[str, Mapping[str, object]]
) -> dict[str, Any]:
    """The metadata document of a released output.

    Args:
        receipts: name of each private answer to its receipt.

    Returns:
        JSON-LD, flat: every entity that is referred to is there.
    """
    policies = dict.fromkeys([*(f.cites for f in output.files), *(a.cites for a in approvals)])
    private = all(f.charge for f in output.files)
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": output.title,
        "identifier": output.reference,
        "description": (
            "Differentially private answers, released by their receipts."
            if private
            else f"{output.context} Disclosure controls: {output.controls}"
        ),
        "datePublished": _moment(output.decided_at or output.created_at),
        "isPartOf": {"@id": f"#project-{output.project}"},
        "hasPart": [{"@id": f.name} for f in output.files],
        "mentions": [{"@id": f"#approval-{n}"} for n, _ in enumerate(approvals, start=1)],
    }
    graph: list[dict[str, Any]] = [
        {
            "@id": METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": _PROFILE},
        },
        root,
        {"@id": f"#project-{output.project}", "@type": "ResearchProject", "name": output.project},
    ]
    for file in output.files:
        graph += _file(file, receipts.get(file.name))
    for number, approval in enumerate(approvals, start=1):
        graph += _approval(number, approval, output)
    graph += [_policy(cites) for cites in policies]
    return {"@context": f"{_PROFILE}/context", "@graph": graph}


def package(
    document: Mapping[str, Any],
    files: Sequence[tuple[str, bytes]],
    signer: HouseSigner,
    *,
    downloaded_by: str,
    downloaded_at: datetime,
    released_at: datetime,
) -> bytes:
    """The zip: the files as they were approved, the metadata, the house's signature, and who took it when."""
    told = json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
    signed = signer.signed(
        {"schema": "registry-enclave/crate/1", "metadata": dict(document), "signed_with": signer.public_key}
    )
    record = signer.signed(
        {
            "schema": "registry-enclave/download/1",
            "reference": str(document["@graph"][1]["identifier"]),
            "downloaded_by": downloaded_by,
            "downloaded_at": _moment(downloaded_at),
            "signed_with": signer.public_key,
        }
    )
    parts = [
        (METADATA, told),
        *files,
        (SIGNATURE_FILE, json.dumps(signed, indent=2, ensure_ascii=False).encode() + b"\n"),
        (DOWNLOAD_FILE, json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n"),
    ]
    out, day = io.BytesIO(), released_at.astimezone(UTC).timetuple()[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts:
            archive.writestr(zipfile.ZipInfo(name, day), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _file(file: OutputFile, receipt: Mapping[str, object] | None) -> list[dict[str, Any]]:
    control = f"#disclosure-control-{file.sha256[:16]}"
    facts = [(name, file.facts[name]) for name in _SDC_FACTS if file.facts.get(name) is not None]
    facts += [("finding", f"{f['rule']}: {f['place']}") for f in file.findings]
    if receipt is not None:
        facts += [("receipt", json.dumps(receipt, sort_keys=True, ensure_ascii=False))]
    entities: list[dict[str, Any]] = [
        {
            "@id": file.name,
            "@type": "File",
            "name": file.name,
            "sha256": file.sha256,
            "contentSize": str(file.size),
            "encodingFormat": _MEDIA.get(file.media_type, "application/octet-stream"),
            "subjectOf": {"@id": control},
        },
        {
            "@id": control,
            "@type": "CreativeWork",
            "name": f"Disclosure control of {file.name}",
            "isBasedOn": {"@id": f"#policy-{file.cites}"},
            "additionalProperty": [{"@id": f"{control}-{n}"} for n, _ in enumerate(facts, start=1)],
        },
    ]
    values = [
        {"@id": f"{control}-{n}", "@type": "PropertyValue", "name": name, "value": value}
        for n, (name, value) in enumerate(facts, start=1)
    ]
    return [*entities, *values]


def _approval(number: int, approval: Approval, output: OutputRequest) -> list[dict[str, Any]]:
    return [
        {
            "@id": f"#approval-{number}",
            "@type": "AssessAction",
            "name": f"Approval {number} of round {output.round}",
            "agent": {"@id": f"#office-{number}"},
            "object": [{"@id": f.name} for f in output.files],
            "instrument": {"@id": f"#policy-{approval.cites}"},
            "endTime": _moment(approval.at),
            "actionStatus": "http://schema.org/CompletedActionStatus",
        },
        {"@id": f"#office-{number}", "@type": "Organization", "name": approval.office},
    ]


def _policy(cites: str) -> dict[str, Any]:
    name, _, rest = cites.partition("@")
    version, _, digest = rest.partition(":")
    return {
        "@id": f"#policy-{cites}",
        "@type": "CreativeWork",
        "name": name,
        "version": version,
        "identifier": digest,
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
