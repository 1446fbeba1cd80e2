"""From a table to a synthetic one with its evidence: hold out, learn, draw, measure."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymization.attacks.synthetic import attack_synthetic
from anonymization.pipeline import Candidate
from anonymization.schema import FieldType
from anonymization.tables import parquet_bytes, sha256
from anonymization.utility import (
    compare_models,
    compare_predictions,
    distinguish,
    three_way,
    two_way,
    utility_report,
)

from .constraints import kept
from .methods import synthesizer
from .privacy import privacy_evidence
from .private import PrivateTree
from .protocol import UNWATCHED, SynthesisPlan, Synthesizer, Watch
from .tables import finished, ready

SCHEMA = "synthesis/2"

#: Said in every evidence pack.
NOT_PRIVATE = (
    "This table is not differentially private. It was drawn from a model of real households without a formal "
    "guarantee: an outlying household can change it visibly. Release it only past the checks and attacks "
    "that its tier asks for."
)

#: Said of a differentially private method; what the evidence itself measures is not covered.
PRIVATE = (
    "This table was drawn from noisy counts with a formal guarantee for each household, at the loss that is stated. "
    "The measurements in this evidence were made on the real rows, are not covered by it, and stay inside."
)


def synthesise(
    df: pd.DataFrame,
    recipe: SynthesisPlan,
    seed: int,
    watch: Watch = UNWATCHED,
    held: npt.NDArray[np.bool_] | None = None,
) -> Candidate:
    """A synthetic table and what was measured about it.

    Args:
        df: the table, one row for each household; direct identifiers may be there and stay behind.
        recipe: the decisions.
        seed: of the split, the draw and the measurements; it is evidence, not a secret.
        watch: told how far it is, asked whether to go on.
        held: which rows are held out, shape (rows,), so that several methods can be compared on one split; a private
            method needs `held_out_alone`. By default as the method asks.

    Returns:
        Candidate with the table (row keys first, made anew), the evidence, and the SHA-256 of its Parquet
        bytes.

    Raises:
        SynthesisError: when the table cannot be used.
        RecipeProblem: when the method is unknown.
    """
    method = synthesizer(recipe)
    parts = split(df, recipe, seed, held)
    training = parts.training
    planned = method.plan(recipe.columns, len(training))
    loss = method.loss if isinstance(method, PrivateTree) else None
    began = time.process_time()
    # A private method reads the rows as they came: bounds from their own quantiles would cost what nobody counted.
    method.fit(parts.rows if loss else training, watch)
    fitted = time.process_time()
    wanted = recipe.rows or parts.size
    if isinstance(method, PrivateTree) and not recipe.rows:
        wanted = round(method.households / (1 - recipe.holdout_share))
    drawn, constrained = kept(method.sample, wanted, seed, recipe.rules)
    sampled = time.process_time()
    others = _others(method, wanted, seed, recipe)
    table = drawn
    if recipe.unit_id:
        table = drawn.copy()
        table.insert(0, recipe.unit_id, [f"S{i:08d}" for i in range(1, len(drawn) + 1)])
    digest = sha256(parquet_bytes(table))
    evidence = {
        "schema": SCHEMA,
        "differentially_private": loss is not None,
        "says": PRIVATE if loss else NOT_PRIVATE,
        "loss": {"epsilon": loss.epsilon, "delta": loss.delta, "unit": "household"} if loss else None,
        "constraints": constrained,
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
        "rows": {"training": len(training), "holdout": len(parts.holdout), "synthetic": len(drawn)},
        "columns": {name: str(kind.value) for name, kind in recipe.columns.items()},
        **fidelity(parts, drawn, recipe, seed, others),
        **disclosure(parts, drawn, recipe, seed),
        "output": {"digest": digest, "rows": len(table), "columns": [str(c) for c in table.columns]},
    }
    return Candidate(table, evidence, digest)


@dataclass(frozen=True, slots=True)
class Split:
    """A table in two: what is learnt from, and what is only compared with.

    Args:
        rows: the training rows as they came; a private method reads these.
        training, holdout: in plain types, as other methods learn from.
        true_training, true_holdout: in the dictionary's types, as drawn tables come.
        size: rows of both.
    """

    rows: pd.DataFrame
    training: pd.DataFrame
    holdout: pd.DataFrame
    true_training: pd.DataFrame
    true_holdout: pd.DataFrame
    size: int


def split(
    df: pd.DataFrame, recipe: SynthesisPlan, seed: int, held: npt.NDArray[np.bool_] | None = None
) -> Split:
    """Holds rows out; those of `held` where it is given, else as the method asks.

    Raises:
        SynthesisError: when the table cannot be used.
    """
    every = ready(df, recipe)
    if held is None:
        held = held_out_alone(df, recipe, seed) if recipe.method == "mst" else held_out(df, recipe, seed)
    training = every.iloc[np.flatnonzero(~held)].reset_index(drop=True)
    holdout = every.iloc[np.flatnonzero(held)].reset_index(drop=True)
    true = [finished(part, training, recipe.columns) for part in (training, holdout)]
    return Split(df.iloc[np.flatnonzero(~held)], training, holdout, true[0], true[1], len(every))


def fidelity(
    parts: Split,
    drawn: pd.DataFrame,
    recipe: SynthesisPlan,
    seed: int = 1,
    others: Sequence[pd.DataFrame] = (),
    *,
    fresh: bool = False,
) -> dict[str, Any]:
    """How near a drawn table is to the real one in what is asked of it: the parts `quality` and `utility`.

    Args:
        parts, drawn, recipe: what was learnt from, the table, the decisions.
        seed: of the subsamples that trees look at.
        others: further tables, over which the regressions are combined.
        fresh: whether each table's parameters were drawn anew, or all are of one fit.
    """
    true, never, columns = parts.true_training, parts.true_holdout, list(recipe.columns)
    told = {
        "models": compare_models(true, [drawn, *others], recipe.models, fresh=fresh),
        "prediction": compare_predictions(true, never, drawn, recipe.models),
        "discriminator": distinguish(true, drawn, columns, seed),
        "discriminator_floor": distinguish(true, never, columns, seed),
    }
    return {
        "quality": quality_evidence(true, never, drawn, recipe.columns),
        "utility": {**utility_report(true, drawn, question=recipe.question), **told},
    }


def disclosure(parts: Split, drawn: pd.DataFrame, recipe: SynthesisPlan, seed: int) -> dict[str, Any]:
    """What drawn rows give away of those that were learnt from: the parts `privacy` and `attacks`."""
    true, never = parts.true_training, parts.true_holdout
    return {
        "privacy": privacy_evidence(true, never, drawn, recipe.quasi_identifiers, seed),
        "attacks": attack_synthetic(drawn, true, never, recipe.quasi_identifiers, recipe.sensitive, seed),
    }


def _others(method: Synthesizer, rows: int, seed: int, recipe: SynthesisPlan) -> list[pd.DataFrame]:
    """Further tables of the same fit, which only the combined regressions see. A draw costs no privacy."""
    if not recipe.models:
        return []
    return [
        kept(method.sample, rows, seed + 1_000 * at, recipe.rules)[0] for at in range(1, recipe.syntheses)
    ]


def held_out(df: pd.DataFrame, recipe: SynthesisPlan, seed: int) -> npt.NDArray[np.bool_]:
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


def held_out_alone(df: pd.DataFrame, recipe: SynthesisPlan, seed: int) -> npt.NDArray[np.bool_]:
    """As `held_out`, each household by itself: taking one away must not move any other across."""
    named = [recipe.unit_id] if recipe.unit_id in df.columns else list(recipe.columns)
    read = df[named].astype(str).agg("\x1f".join, axis=1)
    mark = recipe.holdout_share * 2.0**64
    return np.fromiter((_hashed(f"{seed}\0{text}") < mark for text in read), np.bool_, len(df))


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def quality_evidence(
    training: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, columns: Mapping[str, FieldType]
) -> dict[str, Any]:
    """Pairs' total variation beside the floor (hold-out against training), and SDMetrics' scores."""
    size = len(holdout)
    out: dict[str, Any] = {
        "pairs": two_way(training, synthetic.head(size), list(columns)),
        "pairs_floor": two_way(training, holdout, list(columns)),
        "triples": three_way(training, synthetic.head(size), list(columns)),
        "triples_floor": three_way(training, holdout, list(columns)),
        "pairs_rows": min(size, len(synthetic)),
    }
    try:
        from .sdv import quality_score  # noqa: PLC0415 - an optional part, loaded late

        out["sdmetrics"] = quality_score(training, synthetic, columns)
    except ImportError:
        out["sdmetrics"] = None
    return out
