"""What a synthetic release holds: its files, the one that says which is which, and its summary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from anonymization.synth.several import Syntheses
from enclave.catalogue.model import Dataset
from enclave.extracts.synthesis_plans import Planned
from enclave.kernel.kit import UnitOfWork
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release
from enclave.releases.service import Product

CSV, JSON = "text/csv", "application/json"


def product_of(
    made: Syntheses,
    todo: Planned,
    dataset: Dataset,
    gate: tuple[str, Mapping[str, object]],
    summary: Mapping[str, object],
    unless: Callable[[UnitOfWork], Release | None],
) -> Product:
    recipe, evidence, m = todo.recipe, made.evidence, len(made.tables)
    stem = f"{dataset.slug}-synthetic"
    if made.names:
        m, names = 1, [f"{stem}-{name}.csv" for name in made.names]
    else:
        names = [f"{stem}.csv"] if m == 1 else [f"{stem}-{i}-of-{m}.csv" for i in range(1, m + 1)]
    blobs = [table.to_csv(index=False).encode() for table in made.tables]
    manifest = {
        "schema": "registry-enclave/syntheses@1",
        "dataset": dataset.slug,
        "title": recipe.title,
        "recipe": {"name": recipe.name, "version": recipe.version, "digest": recipe.digest},
        "method": {k: evidence["method"][k] for k in ("name", "version")},
        "differentially_private": evidence["differentially_private"],
        "says": evidence["says"],
        "loss": evidence["loss"],
        "charge": evidence.get("charge"),
        "m": m,
        "kind": "fully",
        "redrawn": evidence["settings"].get("redrawn", ""),
        "tables": [
            {"file": name, "rows": len(table), "sha256": hashlib.sha256(blob).hexdigest()}
            for name, table, blob in zip(names, made.tables, blobs, strict=True)
        ],
        "related": [asdict(part) for part in recipe.related],
    }
    about = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
    method = f"{evidence['method']['name']}@{evidence['method']['version']}"
    return Product(
        dataset=dataset.slug,
        extract=todo.extract,
        tier=Tier.PUBLIC_USE,
        title=f"{dataset.title}: {recipe.title}",
        files=[*((n, b, CSV) for n, b in zip(names, blobs, strict=True)), ("synthesis.json", about, JSON)],
        columns=tuple(str(c) for c in made.tables[0].columns),
        rows=sum(map(len, made.tables)),
        evidence=evidence,
        summary={**summary, "key": todo.key, "recipe": recipe.name, "tables": m},
        recipe=f"{method}:{made.digests[0][:12]}",
        gate=gate,
        unless=unless,
    )


def demand_in_words(rule: Any) -> str:
    """A policy's demand in words, with its threshold."""
    facts = {k: getattr(rule, k) for k in ("threshold", "allowed", "value") if hasattr(rule, k)}
    if isinstance(facts.get("allowed"), (tuple, list)):
        facts["allowed"] = ", ".join(map(str, facts["allowed"]))
    try:
        return str(rule.says).format(**facts)
    except (KeyError, IndexError, ValueError):
        return str(rule.says)
