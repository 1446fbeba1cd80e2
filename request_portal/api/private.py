"""Private questions: answered with noise from the newest extract, paid for first. For those who may spend budget."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from enclave.extracts.asking import GRID
from enclave.kernel.actors import Capability
from request_portal.access import Me, Parts, may, public
from request_portal.api.models import Model, Name

router = APIRouter(prefix="/private-queries", tags=["privacy"])


class FilterBody(Model):
    column: Name
    op: Name
    value: str | float | bool | list[str | float | bool]


class BetweenBody(Model):
    column: Name
    first: str | float | bool
    second: str | float | bool


Filters = Annotated[tuple[FilterBody, ...], Field(max_length=10)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Price = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Keys = Annotated[dict[Name, list[str | float | bool]], Field(max_length=5)]


class QuestionBody(Model):
    """A question as data; keys, bounds and bins that are left out come from the data dictionary.

    Paid in `epsilon`, or in `rho` with Gaussian noise. The shapes are in docs/how-to/write-a-question.md.
    """

    dataset: Name
    measure: Name
    epsilon: Price | None = None
    rho: Price | None = None
    delta: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = None
    mechanism: Name | None = None
    column: Name | None = None
    lower: Number | None = None
    upper: Number | None = None
    quantile: Number | None = None
    bins: (
        Annotated[int, Field(ge=1, le=1_000)] | Annotated[tuple[Number, ...], Field(max_length=1_001)] | None
    ) = None
    numerator: Name | FilterBody | Filters | None = None
    denominator: Name | FilterBody | Filters | None = None
    of: Name | None = None
    between: BetweenBody | None = None
    group_by: Annotated[tuple[Name, ...], Field(max_length=5)] | Keys = ()
    unknown_keys: Annotated[tuple[Name, ...], Field(max_length=5)] = ()
    count_by_programme: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    max_programmes: Annotated[int, Field(ge=0, le=20)] | None = None
    filters: Filters = ()
    per: Name | None = None
    max_rows: Annotated[int, Field(ge=1, le=1_000)] | None = None
    weighting: Name | None = None
    min_count: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


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
    wanted["group_by"] = body.group_by if isinstance(body.group_by, dict) else list(body.group_by)
    began = time.monotonic()
    answer: dict[str, Any] = dict(enclave.asking.ask(actor, body.dataset, wanted))
    time.sleep(GRID - (time.monotonic() - began) % GRID)
    return AnswerOut(**{name: answer[name] for name in AnswerOut.model_fields})


@router.get(
    "/key", dependencies=[public()], summary="The house's public key: verifies receipts of private answers"
)
def key(enclave: Parts) -> KeyOut:
    return KeyOut(public_key=enclave.receipts.signer.public_key)
