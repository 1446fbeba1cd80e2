"""The standing private tables of an extract: each charged to the dataset's own budget first, drawn once, published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from anonymization import dp
from anonymization.errors import AnonymizationError
from enclave.budget.service import Budgets
from enclave.catalogue.model import Dataset
from enclave.extracts.making import CSV, question_of
from enclave.extracts.model import Extract
from enclave.extracts.service import Extracts
from enclave.extracts.tables import StandingTable, standing_tables
from enclave.kernel.actors import Actor
from enclave.kernel.errors import EnclaveError, Invalid, OverBudget, Unavailable
from enclave.kernel.kit import Kit
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release
from enclave.releases.service import Product, Releases


@dataclass(frozen=True, slots=True)
class Aggregating:
    """The use case behind the job "aggregate"."""

    kit: Kit
    extracts: Extracts
    releases: Releases
    budgets: Budgets

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
