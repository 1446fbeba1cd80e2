"""The evidence pack: what was measured while a release was made. Names and counts, never values."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import pandas as pd

from anonymization.errors import BrokenIntent
from anonymization.keys import normalise
from anonymization.recipe import Recipe
from anonymization.schema import VariableRole
from anonymization.tables import parquet_bytes, sha256

SCHEMA = "evidence/1"
_LIBRARIES = (
    "registry-enclave", "cryptography", "numpy", "pandas", "phonenumbers", "presidio-analyzer", "pyarrow",
    "python-stdnum", "spacy",
)  # fmt: skip


def evidence_pack(
    *,
    recipe: Recipe,
    plan: Mapping[str, object],
    steps: Sequence[Mapping[str, object]],
    source: pd.DataFrame,
    released: pd.DataFrame,
    risk_before: Mapping[str, object],
    risk_after: Mapping[str, object],
    survivors: Mapping[str, int],
    settings: Mapping[str, object],
    output_digest: str,
) -> dict[str, object]:
    """Puts the pack together; digests are SHA-256 of Parquet bytes."""
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
        "input": {
            "digest": sha256(parquet_bytes(source)),
            "rows": len(source),
            "columns": len(source.columns),
        },
        "plan": dict(plan),
        "steps": [dict(step) for step in steps],
        "risk": {"before": dict(risk_before), "after": dict(risk_after)},
        "identifiers_found_in_output": dict(survivors),
        "settings": dict(settings),
        "versions": versions(),
        "output": {
            "digest": output_digest,
            "rows": len(released),
            "columns": [str(c) for c in released.columns],
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


def survivors(before: pd.DataFrame, after: pd.DataFrame, recipe: Recipe) -> dict[str, int]:
    """For each direct identifier, how many cells of the release still hold one of its values whole.

    Raises:
        BrokenIntent: when a direct identifier that names single records (most values distinct) is found at
            all.
    """
    cells = {
        str(c): after[c].map(normalise, na_action="ignore") for c in after.columns if after[c].dtype == object
    }
    out: dict[str, int] = {}
    for name, decision in recipe.columns.items():
        if decision.role is not VariableRole.DIRECT:
            continue
        values = {t for t in map(normalise, before[name].dropna().unique()) if t and len(t) >= 4}
        out[name] = sum(int(column.isin(values).sum()) for column in cells.values()) if values else 0
        singling = len(values) > 0.5 * max(1, int(before[name].notna().sum()))
        if out[name] and singling:
            raise BrokenIntent(
                f"{out[name]} cells of the release still hold values of the direct identifier {name}. "
                "Nothing was released; drop or pseudonymise every column that repeats it."
            )
    return out
