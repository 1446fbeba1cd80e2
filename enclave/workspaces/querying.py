"""Private questions from inside a workspace: who may ask what is decided anew for every call.

The person and the project come from whoever holds the socket (see `enclave.hub.questions`), never from the caller's
words. The right to ask is a live entitlement of that person to the dataset and a privacy budget that the privacy
officer granted to the project; both are looked up at each call, so that a revocation ends it at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anonymization.errors import AnonymizationError
from enclave.budget.balance import left_of
from enclave.budget.model import BudgetGrant, Charge
from enclave.budget.receipts import Receipts, answer_bytes, loss_of_charge
from enclave.budget.service import Balance, Budgets
from enclave.catalogue.model import Dataset
from enclave.extracts.asking import Asking
from enclave.extracts.quoting import quote
from enclave.extracts.reconciling import reconciled
from enclave.extracts.tables import public_table
from enclave.kernel.actors import Actor, Capability, Role
from enclave.kernel.errors import (
    EnclaveError,
    Invalid,
    NotAllowed,
    NotFound,
    OverBudget,
    Refused,
    Unavailable,
)
from enclave.kernel.events import Event
from enclave.kernel.kit import Kit
from enclave.workspaces.service import Standing, Workspaces

#: Answers that are brought to agree at once.
_MOST_TABLES = 20
_NO_EXTRACT = "There is no extract to ask at the moment. The data steward can take a new one."


@dataclass(frozen=True, slots=True)
class Querying:
    """Use cases of a session's question socket."""

    kit: Kit
    workspaces: Workspaces
    asking: Asking
    budgets: Budgets
    receipts: Receipts

    def describe(self, user: str, project: str) -> dict[str, object]:
        """What the project may ask: its datasets' public columns, keys and bounds, and what is left to spend."""
        standing = self._standing(user, project)
        return {"project": project, "datasets": [self._described(project, s) for s in _datasets(standing)]}

    def quote(self, user: str, project: str, wanted: Mapping[str, object]) -> dict[str, object]:
        """What a question would cost, or what a wanted error would cost; spends nothing and reads no row.

        Args:
            wanted: as `enclave.extracts.quoting.quote`.
        """
        slug = self._dataset(self._standing(user, project), wanted)
        self._balance(slug, project)
        return quote(self.asking, self.budgets, slug, wanted, project).to_dict()

    def query(self, user: str, project: str, wanted: Mapping[str, object]) -> dict[str, object]:
        """The answer, its receipt and what is left; charged to the project before noise is drawn.

        Asking the same again of the same extract costs nothing and gives the same bytes.

        Raises:
            EnclaveError: with a sentence that holds no value of the data.
        """
        try:
            standing = self._standing(user, project)
            slug = self._dataset(standing, wanted)
        except (Refused, NotAllowed) as refused:
            # What was asked for is the caller's words; the log says who tried, where, and what kind of refusal it was.
            self.workspaces.record(
                Event.QUESTION_REFUSE.value, user, project, {"because": type(refused).__name__}
            )
            raise
        planned = self.asking.plan(slug, wanted)
        self._balance(slug, project)
        person = standing.person
        # The product spends on the person's behalf; the ledger and the log name the person.
        spender = Actor(person.id, person.username, frozenset({Role.SERVICE}), person.organisation)
        try:
            self.asking.ask(spender, slug, wanted, project)
        except (OverBudget, Invalid):
            raise
        except EnclaveError as failed:
            raise Unavailable(_unanswered(failed.sentence)) from failed
        except (AnonymizationError, ArithmeticError, LookupError, TypeError, ValueError) as failed:
            # What went wrong while rows were read stays here: its words may depend on them.
            raise Unavailable(_unanswered("The question could not be answered.")) from failed
        # Access may have ended while the answer was computed; then it is paid for and not handed out.
        now = self._standing(user, project)
        with self.kit.write() as uow:
            grant = uow.first(BudgetGrant, dataset=slug, project=project)
            charge = uow.first(Charge, grant_id=grant.id, key=planned.question.key) if grant else None
            if grant is None or charge is None or slug not in _datasets(now):
                raise NotAllowed("Your access to this dataset has ended.")
            receipt = self.receipts.of(charge, grant)
            facts = {"project": project, "key": charge.key, "answer": receipt["answer_sha256"]}
            uow.audit(Event.QUESTION_ASK, now.person.actor(), f"dataset:{slug}", facts)
            uow.commit()
        answer = dict(charge.answer or {})
        return {
            "csv": (answer_bytes(charge) or b"").decode(),
            "rows": answer.get("rows", []),
            "loss": loss_of_charge(charge),
            "left": left_of(self._balance(slug, project)),
            "receipt": receipt,
        }

    def consistent(self, user: str, project: str, wanted: Mapping[str, object]) -> dict[str, object]:
        """Answers that the project has paid for, brought to agree: totals add up, nothing is below zero.

        Worked out from released numbers alone: no row is read and nothing is charged.

        Args:
            wanted: {"answers": keys of the answers, "table": dataset, where there are several}.

        Raises:
            Invalid: they are not this project's, or not tables of one thing of which one holds all the groupings.
        """
        slug = self._dataset(self._standing(user, project), wanted)
        given = wanted.get("answers")
        keys = [str(key) for key in given] if isinstance(given, list) else []
        if not 1 < len(keys) <= _MOST_TABLES or len(set(keys)) != len(keys):
            raise Invalid([f"Give 2 to {_MOST_TABLES} different answers of one dataset."])
        with self.kit.read() as uow:
            grant = uow.first(BudgetGrant, dataset=slug, project=project)
            found = [uow.first(Charge, grant_id=grant.id, key=key) if grant else None for key in keys]
        charges = [c for c in found if c is not None and c.answer is not None]
        if len(charges) < len(keys):
            raise Invalid(["One of these is no answer that this project has been given of this dataset."])
        if len({c.extract for c in charges}) > 1:
            raise Invalid(["These answers are of different extracts; ask again what is to be compared."])
        return {"tables": reconciled(charges)}

    def receipt(self, actor: Actor, key: str, project: str) -> dict[str, object]:
        """The receipt of an answered charge, for those who may read the ledger."""
        actor.must(Capability.BUDGET_READ)
        with self.kit.read() as uow:
            for charge in uow.find(Charge, key=key):
                grant = uow.get(BudgetGrant, charge.grant_id)
                if grant.project == project:
                    return self.receipts.of(charge, grant)
        raise NotFound("The ledger holds no charge of that key for that project.")

    def asked(self, actor: Actor, project: str) -> list[tuple[Balance, list[Charge]]]:
        """Each budget of a member's project with what was asked from it, newest first; no answer is shown here."""
        self.workspaces.project(actor, project)
        with self.kit.read() as uow:
            grants = uow.find(BudgetGrant, project=project) if project else []
            charges = {g.id: list(reversed(uow.find(Charge, grant_id=g.id))) for g in grants}
        balances = [(self.budgets.balance(g.dataset, project), charges[g.id]) for g in grants]
        return [(balance, made) for balance, made in balances if balance is not None]

    def _standing(self, user: str, project: str) -> Standing:
        standing = self.workspaces.standing_of(user, project)
        if not standing.decision.allowed:
            raise Refused(standing.decision)
        return standing

    def _dataset(self, standing: Standing, wanted: Mapping[str, object]) -> str:
        """The dataset that is asked: named by `table`, or the only one."""
        granted = _datasets(standing)
        named = str(wanted.get("table") or (granted[0] if len(granted) == 1 else ""))
        if not named:
            raise Invalid([f"Say which dataset is asked, as table: {', '.join(granted)}."])
        if named not in granted:
            raise NotAllowed(
                "This project has no live access to the dataset that the question names, so it cannot ask it. It may "
                f"ask: {', '.join(granted)}."
            )
        return named

    def _balance(self, slug: str, project: str) -> Balance:
        balance = self.budgets.balance(slug, project)
        if balance is None:
            raise OverBudget(
                f"The privacy officer has granted this project no privacy budget for {slug} yet, so nothing can be "
                "asked of it. Nothing was charged."
            )
        return balance

    def _described(self, project: str, slug: str) -> dict[str, object]:
        balance = self.budgets.balance(slug, project)
        try:
            dataset, extract = self.asking.newest(slug)
        except EnclaveError:
            return {"table": slug, "problem": _NO_EXTRACT}
        return {
            "table": slug,
            "title": dataset.title,
            "unit": "household",
            "unit_id": dataset.unit_id,
            "as_of": extract.as_of.isoformat(),
            "budget": left_of(balance) if balance else None,
            "columns": _columns(dataset),
        }


def _datasets(standing: Standing) -> list[str]:
    return sorted({entitlement.dataset for entitlement in standing.entitlements})


def _columns(dataset: Dataset) -> list[dict[str, object]]:
    """Every column that may be asked about, with what the data dictionary makes public of it."""
    public = public_table(dataset)
    words = {column.name: column for column in dataset.columns}
    return [
        {
            "name": name,
            "description": words[name].description,
            "keys": list(column.keys) or ([True, False] if column.boolean else []),
            "values": dict(words[name].values),
            "lower": column.lower,
            "upper": column.upper,
        }
        for name, column in public.columns.items()
        if not column.closed and name != dataset.unit_id
    ]


def _unanswered(sentence: str) -> str:
    return (
        f"{sentence} If it was charged, it is paid for: ask the same again, and it is answered for nothing. If this "
        "comes back, tell the privacy officer."
    )
