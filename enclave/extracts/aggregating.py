"""The standing private tables of an extract: each charged to the dataset's own budget first, drawn once, published."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anonymization import dp
from anonymization.errors import AnonymizationError
from anonymization.standing.combining import Rules
from enclave.budget.model import BudgetGrant
from enclave.budget.service import Budgets, Question
from enclave.catalogue.model import Dataset
from enclave.extracts.lists import standing_list
from enclave.extracts.making import question_of
from enclave.extracts.model import Extract
from enclave.extracts.publishing import publication, table_files
from enclave.extracts.service import Extracts
from enclave.extracts.tables import Kind, StandingList, StandingTable
from enclave.extracts.yearly import Year
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import EnclaveError, Invalid, NotFound, OverBudget, Unavailable
from enclave.kernel.kit import Kit
from enclave.kernel.tiers import Tier
from enclave.releases.model import Release
from enclave.releases.service import Product, Releases


@dataclass(frozen=True, slots=True)
class Drawn:
    """An extract, and the standing tables that were drawn of it."""

    extract: Extract
    releases: list[Release]


@dataclass(frozen=True, slots=True)
class Aggregating:
    """The use case behind the job "aggregate".

    Args:
        lists: where this installation's stewards keep their lists; None for those of the product alone.
    """

    kit: Kit
    extracts: Extracts
    releases: Releases
    budgets: Budgets
    lists: Path | None = None

    def listed(self, actor: Actor, slug: str) -> tuple[Dataset, StandingList]:
        """A dataset and its list of standing tables.

        Raises:
            NotFound: there is no such dataset, or nothing is listed for it.
            Invalid: the list cannot be used.
        """
        actor.must(Capability.EXTRACT_PROCESS)
        with self.kit.read() as uow:
            dataset = uow.first(Dataset, slug=slug)
        if dataset is None:
            raise NotFound("There is no such dataset.")
        found = standing_list(dataset, self.lists)
        if found is None:
            raise NotFound(f"No list of standing tables is kept for {slug}.")
        return dataset, found

    def drawn(self, actor: Actor, slug: str) -> tuple[list[Drawn], dict[int, float]]:
        """What was drawn of a dataset, oldest day first; and what each calendar year of extracts has spent, epsilon."""
        dataset, wanted = self.listed(actor, slug)
        with self.kit.read() as uow:
            extracts = sorted(uow.find(Extract, dataset=slug), key=lambda e: (e.as_of, e.registered_at))
            made = uow.find(Release, dataset=slug, tier=Tier.OPEN.value)
            grant = uow.first(BudgetGrant, dataset=dataset.slug, project="")
            years = sorted({extract.as_of.year for extract in extracts})
            spent = {year: Year(wanted, year).spent(uow, grant) if grant else 0.0 for year in years}
        rows = [Drawn(e, [r for r in made if r.extract == e.id]) for e in extracts]
        return rows, spent

    def aggregate(self, actor: Actor, extract_id: str) -> list[Release]:
        """Draws the dataset's standing tables; a second draw of an extract is free and gives the same.

        Raises:
            OverBudget, Unavailable, Invalid: names each table that was not made, and why; the others are.
        """
        extract, dataset, rows = self.extracts.table(actor, extract_id)
        wanted = standing_list(dataset, self.lists)
        if wanted is None:
            return []
        asked = {
            table.name: [question_of(query, dataset.slug, extract.id) for query in table.queries]
            for table in wanted.tables
        }
        draw = tuple(question for questions in asked.values() for question in questions)
        year = Year(wanted, extract.as_of.year, draw)
        made: list[Release] = []
        faults: list[tuple[str, Exception]] = []
        for table in wanted.tables:
            try:
                answers = self._answers(actor, table, asked[table.name], rows, year)
                made.append(
                    self._published(actor, extract, dataset, wanted, table, asked[table.name], answers)
                )
            except Exception as error:  # noqa: BLE001 - one table that cannot be made must not keep back the next
                faults.append((table.title, error))
        if faults:
            raise _not_made(faults)
        return made

    def _answers(
        self, actor: Actor, table: StandingTable, asked: list[Question], rows: pd.DataFrame, year: Year
    ) -> list[Mapping[str, object]]:
        """The stored answer of each of the table's queries, drawn where there is none yet."""
        return [
            self.budgets.ask(actor, question, "", _Draw(table, query, rows), within=year)
            for question, query in zip(asked, table.queries, strict=True)
        ]

    def _published(
        self,
        actor: Actor,
        extract: Extract,
        dataset: Dataset,
        wanted: StandingList,
        table: StandingTable,
        asked: list[Question],
        answers: list[Mapping[str, object]],
    ) -> Release:
        key = asked[0].key if len(asked) == 1 else _digest([question.key for question in asked])
        with self.kit.read() as uow:
            made = uow.find(Release, extract=extract.id, tier=Tier.OPEN.value)
        # One that a steward withdrew stays withdrawn.
        known = [r for r in made if r.summary.get("charge") == key]
        if known:
            return known[-1]
        today = self.kit.clock.today()
        released = [str(answer["csv"]) for answer in answers]
        said = publication(dataset, wanted, table, extract.as_of, [q.epsilon for q in asked])
        files, rows, columns = table_files(table, said, released, self.rules())
        facts: dict[str, object] = {
            "title": table.title,
            "kind": table.kind.value,
            "table": table.name,
            "as_of": extract.as_of.isoformat(),
            "currency": wanted.currency,
            "notes": list(said.notes),
            "epsilon": round(sum(question.epsilon for question in asked), 9),
            "delta": sum(question.delta for question in asked),
            "unit": asked[0].unit,
            "mechanism": asked[0].mechanism,
            "charge": key,
            "charges": [question.key for question in asked],
        }
        balance = self.budgets.balance(dataset.slug)
        facts |= {
            "budget_spent": balance.spent_epsilon if balance else None,
            "budget_granted": balance.grant.epsilon if balance else None,
        }
        queries = [query.to_dict() for query in table.queries]
        cites = [str(self.kit.policies.ref("privacy-budget", today))]
        if table.kind is not Kind.PLAIN:
            cites.append(str(self.kit.policies.ref("standing-tables", today)))
        return self.releases.publish(
            actor,
            Product(
                dataset=dataset.slug,
                extract=extract.id,
                tier=Tier.OPEN,
                title=f"{table.title}, {extract.as_of:%B %Y}",
                files=files,
                columns=columns,
                rows=rows,
                evidence={
                    "schema": "registry-enclave/evidence/dp-1",
                    "query": queries[0],
                    "queries": queries,
                    **facts,
                },
                summary=facts,
                recipe=f"{table.name}@1:{key[:12]}",
                cites=tuple(cites),
            ),
        )

    def rules(self) -> Rules:
        """When a figure is withheld or marked, as the policy in force says."""
        today = self.kit.clock.today()

        def limit(rule: str) -> float:
            return float(str(self.kit.policies.parameter("standing-tables", rule, "threshold", today)))

        return Rules(limit("enough-behind-it"), limit("range-tells-something"), limit("reliable"))


@dataclass(frozen=True, slots=True)
class _Draw:
    """Draws one query's noise, and gives what the ledger keeps."""

    table: StandingTable
    query: dp.DpQuery
    rows: pd.DataFrame

    def __call__(self) -> Mapping[str, object]:
        answer = dp.answer(self.query, self.table.prepared(self.rows))
        csv = io.StringIO()
        answer.frame.to_csv(csv, index=False, lineterminator="\n")
        return {"csv": csv.getvalue(), "mechanism": answer.mechanism, "rows": len(answer.frame)}


def _digest(keys: list[str]) -> str:
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


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
