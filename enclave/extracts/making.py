"""From an extract to its releases: de-identified microdata and private tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import pandas as pd

from anonymization import dp
from anonymization.attacks.microdata import attack_microdata
from anonymization.errors import AnonymizationError
from anonymization.keys import Custody
from anonymization.pipeline import run
from anonymization.recipe import packaged_recipe
from anonymization.schema import Schema
from anonymization.utility import utility_report
from enclave.budget.service import Budgets, Question
from enclave.catalogue.model import Dataset
from enclave.custody.service import dataset_scope
from enclave.extracts.gates import microdata_facts
from enclave.extracts.model import Extract
from enclave.extracts.questions import question
from enclave.extracts.service import Extracts
from enclave.extracts.summaries import worst_attacks
from enclave.extracts.tables import StandingTable, standing_tables
from enclave.kernel.actors import Actor
from enclave.kernel.errors import EnclaveError, Invalid, OverBudget, Unavailable
from enclave.kernel.kit import Kit
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release
from enclave.releases.service import Product, Releases

PARQUET, CSV = "application/vnd.apache.parquet", "text/csv"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Making:
    """The use cases behind the jobs "process" and "aggregate"."""

    kit: Kit
    extracts: Extracts
    releases: Releases
    budgets: Budgets
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

    def aggregate(self, actor: Actor, extract_id: str) -> list[Release]:
        """Draws the dataset's standing private tables, each charged to the dataset's own budget first.

        Raises:
            OverBudget, Unavailable, Invalid: names each table that was not made, and why; the others are.
        """
        extract, dataset, table = self.extracts.table(actor, extract_id)
        made: list[Release] = []
        faults: list[tuple[str, Exception]] = []
        for wanted in standing_tables(dataset):
            try:
                made.append(self._table(actor, extract, dataset, table, wanted))
            except Exception as error:  # noqa: BLE001 - one table that cannot be made must not keep back the next
                faults.append((wanted.title, error))
        if faults:
            raise _not_made(faults)
        return made

    def _table(
        self, actor: Actor, extract: Extract, dataset: Dataset, table: pd.DataFrame, wanted: StandingTable
    ) -> Release:
        query = wanted.query
        question = question_of(query, dataset.slug, extract.id)

        def draw() -> Mapping[str, object]:
            answer = dp.answer(query, table)
            return {
                "csv": answer.frame.to_csv(index=False),
                "mechanism": answer.mechanism,
                "rows": len(answer.frame),
            }

        answer = self.budgets.ask(actor, question, "", draw)
        csv = str(answer["csv"])
        title = f"{wanted.title}, {extract.as_of:%B %Y}"
        with self.kit.read() as uow:
            made = uow.find(Release, extract=extract.id, tier=Tier.OPEN.value)
        # One that a steward withdrew stays withdrawn.
        known = [r for r in made if r.summary.get("charge") == question.key]
        if known:
            return known[-1]
        balance = self.budgets.balance(dataset.slug)
        facts = {
            "title": wanted.title,
            "epsilon": question.epsilon,
            "delta": question.delta,
            "unit": question.unit,
            "mechanism": question.mechanism,
            "charge": question.key,
            "budget_spent": balance.spent_epsilon if balance else None,
            "budget_granted": balance.grant.epsilon if balance else None,
        }
        return self.releases.publish(
            actor,
            Product(
                dataset=dataset.slug,
                extract=extract.id,
                tier=Tier.OPEN,
                title=title,
                files=[(f"{wanted.name}.csv", csv.encode(), CSV)],
                columns=tuple(csv.splitlines()[0].split(",")),
                rows=int(str(answer["rows"])),
                evidence={"schema": "registry-enclave/evidence/dp-1", "query": query.to_dict(), **facts},
                summary=facts,
                recipe=f"{wanted.name}@1:{question.key[:12]}",
                cites=(str(self.kit.policies.ref("privacy-budget", self.kit.clock.today())),),
            ),
        )


def question_of(query: dp.DpQuery, dataset: str, extract: str) -> Question:
    """The ledger's view of a query, priced by the mechanism's own map before any row is read."""
    loss = dp.cost(query)
    return Question(
        dataset=dataset,
        extract=extract,
        canonical=query.canonical(),
        query=query.to_dict(),
        epsilon=loss.epsilon,
        delta=loss.delta,
        unit="household",
        mechanism="discrete Laplace noise",
        software=_opendp_version(),
    )


def loss_of(query: Mapping[str, object]) -> tuple[float, float]:
    """(epsilon, delta) recomputed from a stored description, for the ledger's audit."""
    loss = dp.cost(dp.DpQuery.from_dict(dict(query)))
    return loss.epsilon, loss.delta


def _not_made(faults: list[tuple[str, Exception]]) -> EnclaveError:
    """One error for all of them, of the kind that they share."""
    said = [
        f"{title}: {error.sentence}"
        if isinstance(error, (EnclaveError, AnonymizationError))
        else f"{title}: it failed in a way that nobody foresaw ({type(error).__name__})."
        for title, error in faults
    ]
    errors = [error for _, error in faults]
    if all(isinstance(error, OverBudget) for error in errors):
        return OverBudget(" ".join(said))
    if all(isinstance(error, Unavailable) for error in errors):
        return Unavailable(" ".join(said))
    return Invalid(said)


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
