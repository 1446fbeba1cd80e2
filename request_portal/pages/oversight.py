"""Releases with their evidence, the privacy ledger, the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from enclave.kernel.actors import Capability
from enclave.kernel.errors import NotFound
from enclave.kernel.events import Event
from request_portal.access import Me, Parts, may
from request_portal.present.events import matching
from request_portal.present.evidence import flatten
from request_portal.render import page

router = APIRouter(include_in_schema=False)
_EVIDENCE = [may(Capability.EVIDENCE_READ)]
_AUDIT = [may(Capability.AUDIT_READ)]
_PAGE = 50


@router.get("/releases", dependencies=_EVIDENCE)
def releases(request: Request, enclave: Parts, actor: Me) -> Response:
    return page(request, "releases.html", releases=list(reversed(enclave.releases.all(actor))))


@router.get("/releases/{id_}", dependencies=_EVIDENCE)
def release(request: Request, enclave: Parts, actor: Me, id_: str) -> Response:
    found = next((r for r in enclave.releases.all(actor) if r.id == id_), None)
    if found is None:
        raise NotFound("There is no such release.")
    pack = enclave.releases.evidence(actor, id_)
    return page(
        request, "release.html", release=found, figures=flatten(found.summary), evidence=flatten(pack)
    )


@router.get("/ledger", dependencies=[may(Capability.BUDGET_READ)])
def ledger(request: Request, enclave: Parts, actor: Me) -> Response:
    ledger, balances = enclave.budgets, enclave.budgets.balances(actor)
    grants = [(b, ledger.charges(actor, b.grant.id), ledger.raises(actor, b.grant.id)) for b in balances]
    return page(request, "ledger.html", grants=grants, datasets=enclave.budgets.datasets(actor))


@router.get("/audit", dependencies=_AUDIT)
def audit(
    *,
    request: Request,
    enclave: Parts,
    me: Me,
    actor: str = "",
    event: str = "",
    subject: str = "",
    before: Annotated[int, Query(ge=0, le=2**53)] = 0,
    verify: str = "",
) -> Response:
    """The log, newest first, and whether its chain holds."""
    where = {
        k: v.strip() for k, v in {"actor": actor, "event": event, "subject": subject}.items() if v.strip()
    }
    found = [e for e in matching(enclave.audit, me, where) if not before or e.sequence < before]
    shown = list(reversed(found[-_PAGE:]))
    return page(
        request,
        "audit.html",
        events=shown,
        count=len(found),
        older=shown[-1].sequence if len(found) > _PAGE else 0,
        where=where,
        names=sorted(e.value for e in Event),
        faults=enclave.audit.verify() if verify else None,
    )
