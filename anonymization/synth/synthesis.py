"""From a table to a synthetic one with its evidence: hold out, learn, draw, measure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.attacks.synthetic import attack_synthetic
from anonymization.pipeline import Candidate
from anonymization.schema import FieldType
from anonymization.tables import parquet_bytes, sha256
from anonymization.utility import two_way, utility_report

from .methods import synthesizer
from .privacy import privacy_evidence
from .protocol import SynthesisPlan
from .tables import finished, ready

SCHEMA = "synthesis/1"

#: Said in every evidence pack.
NOT_PRIVATE = (
    "This table is not differentially private. It was drawn from a model of real households without a formal "
    "guarantee: an outlying household can change it visibly. Release it only past the checks and attacks "
    "that its tier asks for."
)


def synthesise(df: pd.DataFrame, recipe: SynthesisPlan, seed: int) -> Candidate:
    """A synthetic table and what was measured about it.

    Args:
        df: the table, one row for each household; direct identifiers may be there and stay behind.
        recipe: the decisions.
        seed: of the split, the draw and the measurements; it is evidence, not a secret.

    Returns:
        Candidate with the table (row keys first, made anew), the evidence, and the SHA-256 of its Parquet
        bytes.

    Raises:
        SynthesisError: when the table cannot be used.
        RecipeProblem: when the method is unknown.
    """
    method = synthesizer(recipe)
    every = ready(df, recipe)
    held = _held_out(df, recipe, seed)
    holdout = every.iloc[np.flatnonzero(held)].reset_index(drop=True)
    training = every.iloc[np.flatnonzero(~held)].reset_index(drop=True)
    planned = method.plan(recipe.columns, len(training))
    began = time.process_time()
    method.fit(training)
    fitted = time.process_time()
    drawn = method.sample(recipe.rows or len(every), seed)
    sampled = time.process_time()
    table = drawn
    if recipe.unit_id:
        table = drawn.copy()
        table.insert(0, recipe.unit_id, [f"S{i:08d}" for i in range(1, len(drawn) + 1)])
    true = {
        name: finished(part, training, recipe.columns) for name, part in (("t", training), ("h", holdout))
    }
    digest = sha256(parquet_bytes(table))
    evidence = {
        "schema": SCHEMA,
        "differentially_private": False,
        "says": NOT_PRIVATE,
        "method": {"name": method.name, "version": method.version, "seed": seed},
        "settings": {
            "tail": recipe.tail,
            "min_leaf": recipe.min_leaf if recipe.method == "cart" else None,
            "holdout_share": recipe.holdout_share,
        },
        "cost": {
            "planned_seconds": planned.seconds,
            "planned_megabytes": planned.megabytes,
            "basis": planned.basis,
            "fit_cpu_seconds": round(fitted - began, 2),
            "sample_cpu_seconds": round(sampled - fitted, 2),
        },
        "rows": {"training": len(training), "holdout": len(holdout), "synthetic": len(drawn)},
        "columns": {name: str(kind.value) for name, kind in recipe.columns.items()},
        "quality": quality_evidence(true["t"], true["h"], drawn, recipe.columns),
        "privacy": privacy_evidence(true["t"], true["h"], drawn, recipe.quasi_identifiers, seed),
        "attacks": attack_synthetic(
            drawn, true["t"], true["h"], recipe.quasi_identifiers, recipe.sensitive, seed
        ),
        "utility": utility_report(true["t"], drawn, question=recipe.question),
        "output": {"digest": digest, "rows": len(table), "columns": [str(c) for c in table.columns]},
    }
    return Candidate(table, evidence, digest)


def _held_out(df: pd.DataFrame, recipe: SynthesisPlan, seed: int) -> npt.NDArray[np.bool_]:
    """Which rows are held out: whole units, or a unit's other rows would stand on both sides of the comparison."""
    unit = recipe.unit_id
    if unit in df.columns and not df[unit].isna().any():
        numbers = pd.factorize(df[unit].to_numpy())[0]
    else:
        numbers = np.arange(len(df))
    units = int(numbers.max(initial=-1)) + 1
    chosen = np.zeros(units, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(units)[: round(units * recipe.holdout_share)]] = True
    return np.asarray(chosen[numbers], dtype=bool)


def quality_evidence(
    training: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, columns: Mapping[str, FieldType]
) -> dict[str, Any]:
    """Pairs' total variation beside the floor (hold-out against training), and SDMetrics' scores."""
    size = len(holdout)
    out: dict[str, Any] = {
        "pairs": two_way(training, synthetic.head(size), list(columns)),
        "pairs_floor": two_way(training, holdout, list(columns)),
        "pairs_rows": min(size, len(synthetic)),
    }
    try:
        from .sdv import quality_score  # noqa: PLC0415 - an optional part, loaded late

        out["sdmetrics"] = quality_score(training, synthetic, columns)
    except ImportError:
        out["sdmetrics"] = None
    return out
