"""The tables that synthesizers are measured on: the demo registry's anonymized households, and their public cells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from anonymization.keys import KeyRing
from anonymization.pipeline import run
from anonymization.recipe import packaged_recipe
from anonymization.schema import Schema
from anonymization.synth import SynthesisPlan
from anonymization.synth.public import PublicDomain, cells_of
from anonymization.synth.tables import finished, ready
from enclave.catalogue.dictionary import load_dictionary
from enclave.demo.country import AS_OF
from enclave.demo.ministry import generate
from enclave.extracts.questions import synthesis_plan
from enclave.store.registry import read_households, write_registry

DICTIONARY = Path(__file__).parents[2] / "enclave/demo/dictionaries/ibr-households.yaml"
SEED = 1
DELTA = 1e-9
#: Code lists of columns that the recipe coarsens: the recipe's own words, nothing of the data.
_CODES: dict[str, tuple[str | int, ...]] = {
    "region_code": tuple(f"R{i:02d}" for i in range(1, 7)),
    "urban_rural": (1, 2),
    "group_size": (3, 6, 9),
    "head_sex": ("female", "male"),
    "head_birth_date": ("under 35", "35-59", "60 and over"),
    "head_marital_status": ("never married", "married", "formerly married"),
    "head_education_level": ("primary or none", "secondary or more"),
    "cutoff_applied": tuple(range(35, 51)),
}
#: Edges that no cell may straddle, and how many cells a number gets.
_EDGES = {"welfare_aggregate": (3500.0,)}
_CELLS = {"poverty_score": 25, "payments_12m": 20, "compliance_rate": 20}
_MAY_MISS = {*_CODES, "compliance_rate"} - {"cutoff_applied"}


def write(households: int, folder: Path) -> None:
    """Training and hold-out, 70 and 30 %, and the training rows as cells for peers that read nothing else."""
    url = f"sqlite:///{folder}/registry.sqlite"
    write_registry(url, generate(households, 7))
    flat = pa.Table.from_batches(list(read_households(url, as_of=AS_OF))).to_pandas()
    dataset = load_dictionary(DICTIONARY)
    recipe = packaged_recipe(dataset.recipe)
    scope, schema = "bench", Schema.of(dataset.columns)
    made = run(recipe, flat, KeyRing(b"bench" * 8), scope=scope, reference_date=AS_OF, schema=schema).table
    order = made.sample(frac=1, random_state=SEED).reset_index(drop=True)
    cut = round(0.7 * len(order))
    order.to_parquet(folder / "all.parquet")
    order.iloc[:cut].to_parquet(folder / "rows.parquet")
    order.iloc[cut:].to_parquet(folder / "unseen.parquet")
    plan = plan_of(folder)
    learnt = [ready(pd.read_parquet(folder / f"{p}.parquet"), plan) for p in ("rows", "unseen")]
    learnt[0].to_parquet(folder / "learnt.parquet")
    for name, part in zip(("training", "holdout"), learnt, strict=True):
        finished(part, learnt[0], plan.columns).to_parquet(folder / f"{name}.parquet")
    cells = cells_of(plan.columns, plan.domains)
    codes = {name: cell.places(order[name].iloc[:cut]) for name, cell in cells.items()}
    pd.DataFrame(codes).to_parquet(folder / "cells.parquet")


def plan_of(folder: Path) -> SynthesisPlan:
    """The decisions of the job that makes public-use tables, with public cells for private methods."""
    dataset = load_dictionary(DICTIONARY)
    plan = synthesis_plan(pd.read_parquet(folder / "all.parquet"), dataset)
    bounds = {c.name: (c.lower, c.upper) for c in dataset.columns}
    domains = {
        name: PublicDomain(
            codes=_CODES.get(name, ()),
            lower=bounds[name][0],
            upper=bounds[name][1],
            edges=_EDGES.get(name, ()),
            cells=_CELLS.get(name, 16),
            missing=name in _MAY_MISS,
        )
        for name in plan.columns
    }
    return replace(plan, domains=domains, delta=DELTA)
