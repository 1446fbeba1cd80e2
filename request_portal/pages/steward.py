"""Deciding on requests."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, Invalid, NotAllowed, Refused
from enclave.requests.model import AccessRequest
from request_portal.access import Me, Parts, Who, may
from request_portal.forms import summary
from request_portal.journeys.access_request import access_request, answers_of
from request_portal.posted import Form
from request_portal.render import page

router = APIRouter(include_in_schema=False)


@router.get("/queue", dependencies=[may(Capability.ACCESS_REQUEST_READ_ANY)])
def queue(request: Request, enclave: Parts, actor: Me) -> Response:
    titles = {d.slug: d.title for d in enclave.catalogue.datasets()}
    waiting = enclave.requests.queue(actor)
    return page(request, "queue.html", requests=waiting, titles=titles, now=enclave.kit.clock.now())


@router.post("/requests/{id_}/decision", dependencies=[may(Capability.ACCESS_REQUEST_DECIDE)])
def decide(request: Request, enclave: Parts, who: Who, id_: str, form: Form) -> Response:
    """Approve, return or refuse, with the reason that the requester will read."""
    round_seen = int(form.text("round")) if re.fullmatch(r"[0-9]{1,9}", form.text("round")) else 0

    def approve(actor: Actor, request: str, reason: str) -> AccessRequest:
        return enclave.requests.approve(actor, request, reason, round_seen=round_seen)

    ways: dict[str, Callable[[Actor, str, str], AccessRequest]] = {
        "approve": approve,
        "return": enclave.requests.send_back,
        "refuse": enclave.requests.refuse,
    }
    typed = {"verdict": form.text("verdict"), "reason": form.text("reason")}
    problems: dict[str, str] = {}
    if typed["verdict"] not in ways:
        problems = {"verdict": "Choose what you decide."}
    elif len(typed["reason"]) < 10:
        problems = {
            "reason": "Say in a sentence why. The requester reads it; the reason of an approval is public."
        }
    else:
        try:
            ways[typed["verdict"]](who.actor, id_, typed["reason"])
            return RedirectResponse(f"/requests/{id_}", status_code=303)
        except (Conflict, Invalid, NotAllowed, Refused) as error:
            problems = {"verdict": error.sentence}
    found = enclave.requests.read(who.actor, id_)
    return page(
        request,
        "request.html",
        status=422,
        request_=found,
        tasks=summary(access_request(enclave), answers_of(found.answers)),
        verdicts=enclave.requests.verdicts(who.actor, id_),
        own=False,
        can_edit=False,
        can_withdraw=False,
        decides=True,
        likely=enclave.requests.likely(who.actor, id_),
        requester=enclave.people.by_username(found.requester),
        problems=problems,
        typed=typed,
        now=enclave.kit.clock.now(),
    )
