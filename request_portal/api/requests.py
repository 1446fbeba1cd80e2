"""Access requests: write, preview, submit, decide."""

from __future__ import annotations

from fastapi import APIRouter

from enclave.kernel.actors import Capability
from request_portal.access import Me, Parts, may, signed_in
from request_portal.api.models import (
    Answers,
    ApproveBody,
    DecisionOut,
    EditBody,
    ReasonBody,
    RequestOut,
    VerdictOut,
)

router = APIRouter(prefix="/requests", tags=["access requests"])
_CREATE = may(Capability.ACCESS_REQUEST_CREATE)
_DECIDE = may(Capability.ACCESS_REQUEST_DECIDE)


@router.get("", dependencies=[_CREATE], summary="Your access requests, oldest first")
def mine(enclave: Parts, actor: Me) -> list[RequestOut]:
    return [RequestOut.of(r) for r in enclave.requests.mine(actor)]


@router.post("", dependencies=[_CREATE], status_code=201, summary="Open a draft")
def create(enclave: Parts, actor: Me, answers: Answers) -> RequestOut:
    return RequestOut.of(enclave.requests.create(actor, answers.domain()))


@router.get(
    "/queue",
    dependencies=[may(Capability.ACCESS_REQUEST_READ_ANY)],
    summary="Requests that wait for a decision",
)
def queue(enclave: Parts, actor: Me) -> list[RequestOut]:
    return [RequestOut.of(r) for r in enclave.requests.queue(actor)]


@router.get("/{id_}", dependencies=[signed_in()], summary="One access request")
def read(enclave: Parts, actor: Me, id_: str) -> RequestOut:
    return RequestOut.of(enclave.requests.read(actor, id_))


@router.put("/{id_}", dependencies=[_CREATE], summary="Replace a draft's answers")
def edit(enclave: Parts, actor: Me, id_: str, body: EditBody) -> RequestOut:
    return RequestOut.of(enclave.requests.edit(actor, id_, body.answers.domain(), version=body.version))


@router.get("/{id_}/preview", dependencies=[signed_in()], summary="What the submission policy would say now")
def preview(enclave: Parts, actor: Me, id_: str) -> DecisionOut:
    return DecisionOut.of(enclave.requests.preview(actor, id_))


@router.get(
    "/{id_}/likely", dependencies=[_DECIDE], summary="What the approval policy would say if you approved now"
)
def likely(enclave: Parts, actor: Me, id_: str) -> DecisionOut:
    return DecisionOut.of(enclave.requests.likely(actor, id_))


@router.get("/{id_}/verdicts", dependencies=[signed_in()], summary="Verdicts on this request, of every round")
def verdicts(enclave: Parts, actor: Me, id_: str) -> list[VerdictOut]:
    return [VerdictOut.of(v) for v in enclave.requests.verdicts(actor, id_)]


@router.post("/{id_}/submit", dependencies=[_CREATE], summary="Send a draft to the steward")
def submit(enclave: Parts, actor: Me, id_: str) -> RequestOut:
    return RequestOut.of(enclave.requests.submit(actor, id_))


@router.post("/{id_}/withdraw", dependencies=[_CREATE], summary="Withdraw your request")
def withdraw(enclave: Parts, actor: Me, id_: str) -> RequestOut:
    return RequestOut.of(enclave.requests.withdraw(actor, id_))


@router.post("/{id_}/approve", dependencies=[_DECIDE], summary="Approve; grants the project its entitlement")
def approve(enclave: Parts, actor: Me, id_: str, body: ApproveBody) -> RequestOut:
    return RequestOut.of(enclave.requests.approve(actor, id_, body.reason, round_seen=body.round))


@router.post(
    "/{id_}/refuse", dependencies=[_DECIDE], summary="Refuse, with the reason that the requester reads"
)
def refuse(enclave: Parts, actor: Me, id_: str, body: ReasonBody) -> RequestOut:
    return RequestOut.of(enclave.requests.refuse(actor, id_, body.reason))


@router.post(
    "/{id_}/return", dependencies=[_DECIDE], summary="Return for changes; the next submission is a new round"
)
def send_back(enclave: Parts, actor: Me, id_: str, body: ReasonBody) -> RequestOut:
    return RequestOut.of(enclave.requests.send_back(actor, id_, body.reason))
