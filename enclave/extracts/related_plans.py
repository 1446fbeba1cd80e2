"""Related tables of a recipe: each a dataset with its own data dictionary and an extract of the same day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from anonymization.schema import FieldType
from anonymization.synth import SynthesisPlan
from anonymization.synth.linked import planned_related
from anonymization.synth.related import RelatedTable
from enclave.catalogue.model import Dataset
from enclave.extracts.model import Extract, ExtractState
from enclave.extracts.recipes import RelatedPart, SynthesisRecipe
from enclave.extracts.synthesis_plans import CLOSED, quasi_and_sensitive, rules_of
from enclave.kernel.errors import Invalid, NotFound
from enclave.kernel.kit import UnitOfWork


@dataclass(frozen=True, slots=True)
class Part:
    """One table: how it hangs together, and the dataset and extract that it is learnt from."""

    wanted: RelatedPart
    dataset: Dataset
    extract: Extract
    table: RelatedTable


def parts_of(uow: UnitOfWork, recipe: SynthesisRecipe, extract: Extract) -> tuple[Part, ...]:
    """The recipe's tables, each with the newest extract that shows the same day.

    Raises:
        NotFound: a dataset is not described, or has no extract of that day.
        Invalid: a dictionary has no unique key where another table points at it.
    """
    out: list[Part] = []
    for wanted in recipe.related:
        dataset = uow.first(Dataset, slug=wanted.dataset)
        if dataset is None:
            raise NotFound(
                f"There is no dataset {wanted.dataset}; describe it first (enclave dataset describe FILE)."
            )
        taken = [
            e
            for e in uow.find(Extract, dataset=wanted.dataset)
            if e.state is not ExtractState.DESTROYED and e.as_of == extract.as_of
        ]
        if not taken:
            raise NotFound(
                f"There is no extract of {wanted.dataset} that shows {extract.as_of:%d %B %Y}; register one."
            )
        chosen = extract if wanted.dataset == extract.dataset else taken[-1]
        out.append(Part(wanted, dataset, chosen, _table(wanted, dataset, recipe)))
    return tuple(out)


def _table(wanted: RelatedPart, dataset: Dataset, recipe: SynthesisRecipe) -> RelatedTable:
    key = next((c.name for c in dataset.columns if c.unique), "")
    if not key and any(p.parent == wanted.name for p in recipe.related):
        raise Invalid(
            [f"The dictionary of {dataset.slug} marks no column as unique, and another table points at it."]
        )
    keys = {key, wanted.parent_key}
    columns = {
        c.name: FieldType(c.type.value)
        for c in dataset.columns
        if c.role not in CLOSED and c.name not in keys and c.name not in recipe.leave_out
    }
    pointed = any(p.parent == wanted.name for p in recipe.related)
    return RelatedTable(key if pointed else "", columns, wanted.parent, wanted.parent_key, wanted.most)


def with_rules(parts: Sequence[Part], frames: Mapping[str, pd.DataFrame]) -> dict[str, RelatedTable]:
    """The tables with those rules of their dictionaries that the extracts themselves keep."""
    return {
        p.wanted.name: replace(
            p.table,
            rules=tuple(
                r
                for r in rules_of(p.dataset.columns, p.table.columns)
                if not r.broken(frames[p.wanted.name]).any()
            ),
        )
        for p in parts
    }


def plans_of(parts: Sequence[Part], recipe: SynthesisRecipe) -> dict[str, SynthesisPlan]:
    """What is measured of each table."""
    out = {}
    for p in parts:
        quasi, sensitive = quasi_and_sensitive(p.dataset, p.table.columns)
        out[p.wanted.name] = SynthesisPlan(
            columns=p.table.columns, quasi_identifiers=quasi, sensitive=sensitive, min_leaf=recipe.min_leaf
        )
    return out


def expected_related(parts: Sequence[Part], recipe: SynthesisRecipe) -> tuple[float, float, str]:
    """(seconds, megabytes, basis) from the numbers of rows; none is read."""
    rows = {p.wanted.name: p.extract.rows for p in parts}
    fits, evidence = planned_related({p.wanted.name: p.table for p in parts}, rows, recipe.min_leaf)
    megabytes = max(fits.megabytes, evidence.megabytes)
    return fits.seconds + evidence.seconds, megabytes, f"{fits.basis} {evidence.basis}"
