"""Reading and verifying the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from enclave.kernel.actors import Capability
from request_portal.access import Me, Parts, may
from request_portal.api.models import Name
from request_portal.present.events import matching

router = APIRouter(prefix="/audit", tags=["audit"])
_READ = may(Capability.AUDIT_READ)


class EventOut(BaseModel):
    sequence: int
    at: datetime
    actor: str
    event: str
    subject: str
    facts: dict[str, Any]
    cites: list[str]
    previous: str
    digest: str


class VerifyOut(BaseModel):
    holds: bool
    events: int
    faults: list[str]


@router.get("/events", dependencies=[_READ], summary="Events in order, filtered by actor, event or subject")
def events(
    *,
    enclave: Parts,
    me: Me,
    actor: Name = "",
    event: Name = "",
    subject: Name = "",
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> list[EventOut]:
    where = {k: v for k, v in {"actor": actor, "event": event, "subject": subject}.items() if v}
    found = [e for e in matching(enclave.audit, me, where) if e.sequence > after][:limit]
    return [
        EventOut(
            sequence=e.sequence,
            at=e.at,
            actor=e.actor,
            event=e.event,
            subject=e.subject,
            facts=dict(e.facts),
            cites=list(e.cites),
            previous=e.previous,
            digest=e.digest,
        )
        for e in found
    ]


@router.get(
    "/verify",
    dependencies=[_READ],
    summary="Whether the log's chain holds, and what is wrong where it does not",
)
def verify(enclave: Parts, me: Me) -> VerifyOut:
    faults = enclave.audit.verify()
    return VerifyOut(holds=not faults, events=len(enclave.audit.events(me)), faults=faults)


@router.get(
    "/export",
    dependencies=[_READ],
    response_class=Response,
    summary="The whole log as JSON lines, for verification on another machine",
)
def export(enclave: Parts, me: Me) -> Response:
    return Response(enclave.audit.exported(me), media_type="application/x-ndjson")
