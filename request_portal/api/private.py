"""Private questions: answered with noise from the newest extract, paid for first. For those who may spend budget."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from enclave.kernel.actors import Capability
from request_portal.access import Me, Parts, may, public
from request_portal.api.models import Model, Name

router = APIRouter(prefix="/private-queries", tags=["privacy"])


class FilterBody(Model):
    column: Name
    op: Name
    value: str | float | bool | list[str | float | bool]


class QuestionBody(Model):
    """A question as data; keys and bounds that are left out come from the data dictionary."""

    dataset: Name
    measure: Name
    epsilon: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
    column: Name | None = None
    group_by: Annotated[tuple[Name, ...], Field(max_length=5)] = ()
    count_by_programme: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    filters: Annotated[tuple[FilterBody, ...], Field(max_length=10)] = ()


class KeyOut(Model):
    """Ed25519, 64 hexadecimal digits."""

    public_key: str


class AnswerOut(Model):
    epsilon: float
    delta: float
    rho: float
    key: str
    rows: list[dict[str, Any]]
    mechanism: str


@router.post(
    "",
    dependencies=[may(Capability.BUDGET_SPEND)],
    summary="Ask a private question; charged before it is drawn",
)
def ask(enclave: Parts, actor: Me, body: QuestionBody) -> AnswerOut:
    wanted = {k: v for k, v in body.model_dump(exclude={"dataset"}).items() if v is not None and v != ()}
    wanted["group_by"] = list(body.group_by)
    answer: dict[str, Any] = dict(enclave.asking.ask(actor, body.dataset, wanted))
    return AnswerOut(**{name: answer[name] for name in AnswerOut.model_fields})


@router.get(
    "/key", dependencies=[public()], summary="The house's public key: verifies receipts of private answers"
)
def key(enclave: Parts) -> KeyOut:
    return KeyOut(public_key=enclave.receipts.signer.public_key)
