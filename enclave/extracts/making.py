"""From an extract to its de-identified microdata, and how the ledger sees a private query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from anonymization import dp
from anonymization.attacks.microdata import attack_microdata
from anonymization.keys import Custody
from anonymization.pipeline import run
from anonymization.recipe import packaged_recipe
from anonymization.schema import Schema
from anonymization.synth.private import loss_of as synthesis_loss
from anonymization.utility import utility_report
from enclave.budget.service import Question
from enclave.custody.service import dataset_scope
from enclave.extracts.gates import microdata_facts
from enclave.extracts.questions import question
from enclave.extracts.service import Extracts
from enclave.extracts.summaries import worst_attacks
from enclave.kernel.actors import Actor
from enclave.kernel.kit import Kit
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release
from enclave.releases.service import Product, Releases

PARQUET, CSV = "application/vnd.apache.parquet", "text/csv"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Making:
    """The use case behind the job "process"."""

    kit: Kit
    extracts: Extracts
    releases: Releases
    keys: Custody

    def process(self, actor: Actor, extract_id: str, progress: Progress | None = None) -> Release:
        """Runs the dataset's recipe and publishes (or holds) the scientific-use release."""
        extract, dataset, table = self.extracts.table(actor, extract_id)
        recipe = packaged_recipe(dataset.recipe)
        # Tokens of a release belong to the dataset; each project's cut is re-keyed from them.
        scope = dataset_scope(dataset.slug)
        candidate = run(
            recipe,
            table,
            self.keys.open(scope),
            scope=scope,
            reference_date=extract.as_of,
            schema=Schema.of(dataset.columns),
            progress=progress,
        )
        utility = utility_report(table, candidate.table, question=question(dataset.slug))
        attacks = attack_microdata(
            recipe,
            table,
            self.keys.open(scope),
            scope=scope,
            reference_date=extract.as_of,
            schema=Schema.of(dataset.columns),
        )
        evidence = {**candidate.evidence, "utility": utility, "attacks": attacks}
        release = self.releases.publish(
            actor,
            Product(
                dataset=dataset.slug,
                extract=extract.id,
                tier=Tier.SCIENTIFIC_USE,
                title=f"{dataset.title}, {extract.as_of:%B %Y}: anonymized microdata",
                files=[(f"{dataset.slug}.parquet", candidate.parquet(), PARQUET)],
                columns=tuple(str(c) for c in candidate.table.columns),
                rows=len(candidate.table),
                evidence=evidence,
                summary=_summary(evidence),
                recipe=f"{recipe.name}@{recipe.version}:{recipe.digest[:12]}",
                gate=("deidentification", microdata_facts(evidence, table, candidate.table, dataset)),
            ),
        )
        self.extracts.processed(actor, extract.id)
        return release


def question_of(query: dp.DpQuery, dataset: str, extract: str) -> Question:
    """The ledger's view of a query, priced by the mechanism's own map before any row is read."""
    loss = dp.cost(query)
    return Question(
        dataset=dataset,
        extract=extract,
        canonical=query.canonical(),
        query=query.to_dict(),
        loss=loss,
        unit="household",
        mechanism=f"discrete {query.mechanism.value.title()} noise",
        software=_opendp_version(),
    )


def loss_of(query: Mapping[str, object]) -> dp.Loss:
    """The loss recomputed from a stored description, for the ledger's audit."""
    if query.get("kind") == "synthesis":
        return synthesis_loss(query)
    return dp.cost(dp.DpQuery.from_dict(dict(query)))


def _opendp_version() -> str:
    return f"opendp {version('opendp')}"


def _summary(evidence: Mapping[str, Any]) -> dict[str, object]:
    """The figures that pages show: risk before and after, what it cost, targeting both ways."""
    keep = (
        "records", "counted", "smallest_class", "below_k", "sample_uniques", "expected_reidentifications",
        "highest_individual_risk",
    )  # fmt: skip
    utility = evidence["utility"]
    return {
        "risk_before": {k: evidence["risk"]["before"].get(k) for k in keep},
        "risk_after": {k: evidence["risk"]["after"].get(k) for k in keep},
        "attacks": worst_attacks(evidence),
        "missing": utility["missing"],
        "mean_marginal_distance": utility["marginals"]["mean_distance"],
        "targeting": utility["targeting"],
    }
