"""From the microdata of an extract to its synthetic release."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from anonymization.synth import synthesise
from enclave.catalogue.model import Dataset
from enclave.extracts.gates import synthetic_facts
from enclave.extracts.questions import synthesis_plan
from enclave.extracts.summaries import synthetic_summary
from enclave.kernel.actors import Actor
from enclave.kernel.errors import NotFound
from enclave.kernel.kit import Kit
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release, ReleaseState
from enclave.releases.service import Product, Releases

CSV = "text/csv"


@dataclass(frozen=True, slots=True)
class Synthesising:
    """The use case behind the job "synthesise"."""

    kit: Kit
    releases: Releases

    def synthesise(self, actor: Actor, extract_id: str, seed: int = 1) -> Release:
        """Fits a synthesizer to the newest scientific-use release of this extract, never to identifiable rows."""
        source = self._microdata(extract_id)
        dataset = self._dataset(source.dataset)
        table = pd.read_parquet(io.BytesIO(self.kit.objects.read(source.files[0])))
        candidate = synthesise(table, synthesis_plan(table, dataset), seed)
        made: pd.DataFrame = candidate.table
        evidence: dict[str, Any] = candidate.evidence
        facts = synthetic_facts(evidence, made, dataset)
        return self.releases.publish(
            actor,
            Product(
                dataset=dataset.slug,
                extract=extract_id,
                tier=Tier.PUBLIC_USE,
                title=f"{dataset.title}: synthetic public-use table",
                files=[(f"{dataset.slug}-synthetic.csv", made.to_csv(index=False).encode(), CSV)],
                columns=tuple(str(c) for c in made.columns),
                rows=len(made),
                evidence=evidence,
                summary=synthetic_summary(evidence),
                recipe=f"{_method(evidence)}:{evidence['output']['digest'][:12]}",
                gate=("synthetic-data", facts),
            ),
        )

    def _dataset(self, slug: str) -> Dataset:
        with self.kit.read() as uow:
            found = uow.first(Dataset, slug=slug)
        if found is None:
            raise NotFound("There is no such dataset.")
        return found

    def _microdata(self, extract_id: str) -> Release:
        with self.kit.read() as uow:
            found = uow.find(
                Release,
                extract=extract_id,
                tier=Tier.SCIENTIFIC_USE.value,
                state=ReleaseState.PUBLISHED.value,
            )
        if not found:
            raise NotFound("This extract has no published scientific-use release yet. Process it first.")
        return found[-1]


def _method(evidence: Mapping[str, Any]) -> str:
    return f"{evidence['method']['name']}@{evidence['method']['version']}"
