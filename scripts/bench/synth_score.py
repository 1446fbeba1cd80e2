"""What a drawn table is worth and gives away: the figures that a release is weighed by, and what the policy says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from synth_tables import DICTIONARY, SEED, plan_of

from anonymization.attacks.synthetic import attack_synthetic
from anonymization.synth import SynthesisPlan
from anonymization.synth.privacy import privacy_evidence
from anonymization.utility import (
    compare_models,
    compare_predictions,
    compare_targeting,
    distinguish,
    three_way,
    two_way,
)
from enclave.catalogue.dictionary import load_dictionary
from enclave.extracts.gates import synthetic_facts
from policies import PolicyBook


def score(name: str, folder: Path, *, attacked: bool) -> dict[str, Any]:
    """The figures of `name`'s tables in the folder.

    Args:
        name: of a method; its tables are `NAME-1.parquet` and on, the first being the one to release.
        folder: as `synth_tables.write` left it.
        attacked: whether to attack it, and ask the policy; the floor is the hold-out itself, and cannot be.
    """
    plan = plan_of(folder)
    training, holdout = (pd.read_parquet(folder / f"{p}.parquet") for p in ("training", "holdout"))
    made = [pd.read_parquet(p) for p in sorted(folder.glob(f"{name}-*.parquet"))]
    evidence = _evidence(training, holdout, made, plan, attacked=attacked)
    utility, quality = evidence["utility"], evidence["quality"]
    out: dict[str, Any] = {
        "mean_total_variation_of_pairs": quality["pairs"]["mean"],
        "mean_total_variation_of_triples": quality["triples"]["mean"],
        "targeting_differential_error": _targeting(utility["targeting"]),
        "regressions": {
            n: {k: m[k] for k in ("why", "overlap", "combined_overlap", "kept", "reversed")}
            for n, m in utility["models"].items()
        },
        "regression_overlap": _worst(m["overlap"] for m in utility["models"].values()),
        "prediction_loss": max(
            (m["loss"] for m in utility["prediction"].values() if m["loss"] is not None), default=None
        ),
        "discriminator_area": utility["discriminator"]["area"],
        "pmse_ratio_of_trees": utility["discriminator"]["ratio"],
        "tables_combined": len(made),
    }
    if not attacked:
        return out
    facts = synthetic_facts(evidence, made[0], load_dictionary(DICTIONARY))
    document = PolicyBook.packaged().document("synthetic-data")
    newest = document.versions[-1]
    decision = PolicyBook.packaged().decide("synthetic-data", facts, newest.effective)
    return {
        **out,
        "attack_risks": {n: facts[n] for n in ("singling_out_risk", "linkability_risk", "inference_risk")},
        "exact_copies": facts["exact_copies_share"],
        "closest_record_ratio": facts["closest_record_ratio"],
        "policy": {
            "version": newest.version,
            "outcome": decision.outcome.value,
            "not_kept": [f.rule for f in decision.findings if f.outcome.value != "allow"],
        },
    }


def _evidence(
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    made: list[pd.DataFrame],
    plan: SynthesisPlan,
    *,
    attacked: bool,
) -> dict[str, Any]:
    columns, drawn = list(plan.columns), made[0]
    size = min(len(holdout), len(drawn))
    known, secret = plan.quasi_identifiers, plan.sensitive
    return {
        "quality": {
            "pairs": two_way(training, drawn.head(size), columns),
            "triples": three_way(training, drawn.head(size), columns),
        },
        "utility": {
            "targeting": compare_targeting(training, drawn, plan.question) if plan.question else {},
            "models": compare_models(training, made, plan.models),
            "prediction": compare_predictions(training, holdout, drawn, plan.models),
            "discriminator": distinguish(training, drawn, columns, SEED),
        },
        "privacy": privacy_evidence(training, holdout, drawn, known, SEED) if attacked else {},
        "attacks": attack_synthetic(drawn, training, holdout, known, secret, SEED) if attacked else {},
    }


def _targeting(found: dict[str, Any]) -> dict[str, float] | None:
    changes = [abs(f["metrics"]["targeting_differential"]["change"]) for f in found.values() if f["metrics"]]
    return {"mean": sum(changes) / len(changes), "worst": max(changes)} if changes else None


def _worst(figures: Any) -> float | None:
    return min((f for f in figures if f is not None), default=None)
