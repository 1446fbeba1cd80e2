"""A private question about the newest extract of a dataset: planned without data, charged, and only then answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anonymization import dp
from anonymization.dp.mechanisms import DpAnswer
from enclave.budget.service import Budgets, Question
from enclave.catalogue.model import Dataset
from enclave.extracts.making import question_of
from enclave.extracts.model import Extract, ExtractState
from enclave.extracts.service import Extracts
from enclave.extracts.tables import public_table
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Invalid, NotFound
from enclave.kernel.kit import Kit

#: Answers leave at whole multiples of this many seconds after the question: the time that rows take tells nothing.
GRID = 1.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A question that can be asked, and what is known of it before any row is read."""

    query: dp.DpQuery
    question: Question
    dataset: Dataset


@dataclass(frozen=True, slots=True)
class Asking:
    """The one way to a private answer, for the portal's API and for workspaces."""

    kit: Kit
    extracts: Extracts
    budgets: Budgets

    def plan(self, dataset_slug: str, wanted: Mapping[str, object]) -> Planned:
        """The question as the ledger will see it, priced by the mechanism's own map.

        Args:
            wanted: as `anonymization.dp.PublicTable.bounded`; bounds and keys come from the data dictionary.

        Raises:
            Invalid: it does not keep to what is public, one sentence a reason.
            NotFound: there is no such dataset, or no extract of it.
        """
        dataset, newest = self.newest(dataset_slug)
        try:
            given = {"unit_id": dataset.unit_id, **wanted, "table": dataset.slug}
            query = public_table(dataset).bounded(given)
            question = question_of(query, dataset.slug, newest.id)
        except dp.QueryError as error:
            raise Invalid(list(error.problems)) from None
        return Planned(query, question, dataset)

    def ask(
        self, actor: Actor, dataset_slug: str, wanted: Mapping[str, object], project: str = ""
    ) -> Mapping[str, object]:
        """The answer, charged to the project (with "" to the dataset's own budget) before it is drawn.

        Returns:
            What is kept of it: `csv` (the file, as text), `rows`, `mechanism`, `software`; with `epsilon`, `delta`,
            `rho` and `key` of the charge.

        Raises:
            Invalid, NotFound: as `plan`.
            OverBudget: it costs more than is left; nothing was charged.
        """
        actor.must(Capability.BUDGET_SPEND)
        planned = self.plan(dataset_slug, wanted)
        question = planned.question
        # What is drawn for is what was priced and stored, read back from its description.
        query = dp.DpQuery.from_dict(dict(question.query))

        def draw() -> Mapping[str, object]:
            _, _, table = self.extracts.table(actor, question.extract)
            return kept(dp.answer(query, table))

        answer = self.budgets.ask(actor, question, project, draw)
        loss = dp.cost(query)
        return {"epsilon": loss.epsilon, "delta": loss.delta, "rho": loss.rho, "key": question.key, **answer}

    def newest(self, slug: str) -> tuple[Dataset, Extract]:
        """The dataset and the extract that a question about it asks."""
        with self.kit.read() as uow:
            dataset = uow.first(Dataset, slug=slug)
            taken = uow.find(Extract, dataset=slug)
        if dataset is None:
            raise NotFound("There is no such dataset.")
        left = [extract for extract in taken if extract.state is not ExtractState.DESTROYED]
        if not left:
            raise NotFound("There is no extract of this dataset to ask.")
        return dataset, left[-1]


def kept(answer: DpAnswer) -> dict[str, object]:
    """What the ledger keeps of an answer: the file to the byte, and the same as rows."""
    rows: list[dict[str, Any]] = json.loads(answer.frame.to_json(orient="records"))
    return {
        "csv": answer.frame.to_csv(index=False, lineterminator="\n"),
        "rows": rows,
        "mechanism": answer.mechanism,
        "software": answer.opendp_version,
    }
