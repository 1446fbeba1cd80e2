"""The evidence pack: what was measured while a release was made. Names and counts, never values."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from anonymization.partitions.engine import Made
from anonymization.planning import Plan

SCHEMA = "evidence/1"
_LIBRARIES = (
    "registry-enclave", "cryptography", "numpy", "pandas", "phonenumbers", "presidio-analyzer", "pyarrow",
    "python-stdnum", "spacy",
)  # fmt: skip


def evidence_pack(todo: Plan, made: Made, input_digest: str, output_digest: str) -> dict[str, object]:
    """Puts the pack together.

    Args:
        todo: what was planned. made: what was done and measured.
        input_digest: SHA-256 of the extract: of the file as it came, or of a table's Parquet bytes.
        output_digest: SHA-256 of the release's Parquet bytes.
    """
    recipe, job = todo.recipe, made.job
    return {
        "schema": SCHEMA,
        "recipe": {
            "name": recipe.name,
            "version": recipe.version,
            "digest": recipe.digest,
            "dataset": recipe.dataset,
            "unit": recipe.unit,
            "tier": recipe.tier,
        },
        "input": {"digest": input_digest, "rows": job.rows, "columns": len(todo.schema.names)},
        "set_aside": {"rows": len(made.set_aside), "reasons": made.reasons()},
        "plan": todo.to_dict(),
        "steps": [
            {"kind": intent.kind, "says": intent.says, "evidence": found}
            for intent, found in zip(todo.intents, made.evidence, strict=True)
        ],
        "risk": {"before": made.before, "after": made.after},
        "identifiers_found_in_output": made.survivors,
        "identifier_numbers_found_in_text": made.numbers,
        "settings": {
            "scope": job.scope,
            "reference_date": job.reference_date.isoformat(),
            "key_version": job.keys.version,
        },
        "versions": versions(),
        "output": {
            "digest": output_digest,
            "rows": made.rows,
            "columns": list(made.shape.names),
            "media_type": "application/vnd.apache.parquet",
        },
    }


def versions() -> dict[str, str]:
    """The versions of what did the work."""
    out = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "not installed as a package"
    return out
