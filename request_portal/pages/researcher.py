"""Home and the researcher's own requests."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from enclave.kernel.actors import Capability
from enclave.kernel.work import Message
from enclave.requests.model import REQUEST_MACHINE, RequestAnswers, RequestState, RequestVerb
from request_portal.access import Me, Parts, Who, may, signed_in
from request_portal.forms import summary
from request_portal.journeys.access_request import access_request, answers_of
from request_portal.render import page

router = APIRouter(include_in_schema=False)
_CREATE = [may(Capability.ACCESS_REQUEST_CREATE)]
_C = Capability


@router.get("/home", dependencies=[signed_in()])
def home(request: Request, enclave: Parts, who: Who) -> Response:
    actor = who.actor
    shown: dict[str, Any] = {"projects": enclave.workspaces.projects_of(actor)}
    if actor.may(_C.ACCESS_REQUEST_CREATE):
        mine = enclave.requests.mine(actor)
        shown["drafts"] = [r for r in mine if r.state is RequestState.DRAFT]
        shown["waiting"] = [r for r in mine if r.state is RequestState.SUBMITTED]
    if actor.may(_C.ACCESS_REQUEST_READ_ANY):
        shown["queue"] = len(enclave.requests.queue(actor))
    if actor.may(_C.AIRLOCK_CHECK):
        shown["checks"] = len(enclave.airlock.queue(actor))
    with enclave.kit.read() as uow:
        messages = list(reversed(uow.find(Message, username=actor.name)))[:12]
    return page(request, "home.html", messages=messages, capabilities=_C, **shown)


@router.get("/requests", dependencies=_CREATE)
def mine(request: Request, enclave: Parts, actor: Me) -> Response:
    return page(request, "requests.html", requests=list(reversed(enclave.requests.mine(actor))))


@router.get("/requests/new", dependencies=_CREATE)
def before_you_start(request: Request) -> Response:
    return page(request, "request_start.html")


@router.post("/requests/new", dependencies=_CREATE)
def create(enclave: Parts, actor: Me) -> Response:
    made = enclave.requests.create(actor, RequestAnswers())
    return RedirectResponse(f"/requests/{made.id}/tasks", status_code=303)


@router.get("/requests/{id_}", dependencies=[signed_in()])
def read(request: Request, enclave: Parts, who: Who, id_: str) -> Response:
    """One request, for its requester, its members and those who decide."""
    actor = who.actor
    found = enclave.requests.read(actor, id_)
    own = found.requester == actor.name
    waiting = REQUEST_MACHINE.can(found.state, RequestVerb.APPROVE)
    stewards = {d.slug: d.steward for d in enclave.catalogue.datasets()}
    # A steward decides on their own datasets; the use case says so again.
    decides = (
        actor.may(_C.ACCESS_REQUEST_DECIDE) and waiting and stewards.get(found.answers.dataset) == actor.name
    )
    return page(
        request,
        "request.html",
        request_=found,
        tasks=summary(access_request(enclave), answers_of(found.answers)),
        verdicts=enclave.requests.verdicts(actor, id_),
        own=own,
        can_edit=own and found.state is RequestState.DRAFT,
        can_withdraw=own and REQUEST_MACHINE.can(found.state, RequestVerb.WITHDRAW),
        decides=decides,
        likely=enclave.requests.likely(actor, id_) if decides else None,
        requester=enclave.people.by_username(found.requester),
        problems={},
        typed={},
        now=enclave.kit.clock.now(),
    )


@router.post("/requests/{id_}/withdraw", dependencies=_CREATE)
def withdraw(enclave: Parts, actor: Me, id_: str) -> Response:
    enclave.requests.withdraw(actor, id_)
    return RedirectResponse(f"/requests/{id_}", status_code=303)
