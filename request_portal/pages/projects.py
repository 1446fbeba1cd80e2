"""A project and its workspace."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from enclave.kernel.actors import Capability
from enclave.kernel.errors import NotFound, Refused
from enclave.requests.entitlements import passport_end
from enclave.requests.model import EntitlementState
from request_portal.access import Parts, Who, may, signed_in
from request_portal.guards import csp, origin_of
from request_portal.posted import Form
from request_portal.present.columns import area_names
from request_portal.render import page
from request_portal.workspace import open_session

router = APIRouter(include_in_schema=False, prefix="/projects")
_OPEN = [may(Capability.WORKSPACE_OPEN)]


@router.get("/{slug}", dependencies=[signed_in()])
def project(request: Request, enclave: Parts, who: Who, slug: str) -> Response:
    actor = who.actor
    found = enclave.workspaces.project(actor, slug)
    member = actor.name in found.members
    titles = {d.slug: d.title for d in enclave.catalogue.datasets()}
    entitlements = enclave.entitlements.of_project(slug)
    standing = None
    if member and actor.may(Capability.WORKSPACE_OPEN):
        standing = enclave.workspaces.standing(actor, slug)
    return page(
        request,
        "project.html",
        project=found,
        member=member,
        titles=titles,
        area_names=area_names(enclave),
        entitlements=[(e, passport_end(e, found, who.person) if member else e.ends) for e in entitlements],
        preparing=any(e.state is EntitlementState.GRANTED for e in entitlements),
        standing=standing,
        outputs=list(reversed(enclave.airlock.of_project(actor, slug))) if member else [],
        questions=enclave.querying.asked(actor, slug) if member else [],
        can_submit=member and actor.may(Capability.AIRLOCK_SUBMIT),
        can_revoke=actor.may(Capability.ENTITLEMENT_REVOKE),
    )


@router.post("/{slug}/workspace", dependencies=_OPEN)
def open_workspace(enclave: Parts, who: Who, slug: str) -> Response:
    open_session(enclave, who.actor, slug, wait=False)
    return RedirectResponse(f"/projects/{slug}/workspace", status_code=303)


@router.get("/{slug}/workspace", dependencies=_OPEN)
def workspace(request: Request, enclave: Parts, who: Who, slug: str) -> Response:
    """JupyterLab in a frame that may not lead anywhere else; or that it is starting, or why it does not."""
    from enclave.hub.client import HubClient, SessionState  # noqa: PLC0415 - only these pages need the hub

    found = enclave.workspaces.project(who.actor, slug)
    decision = enclave.workspaces.standing(who.actor, slug)
    if not decision.allowed:
        raise Refused(decision)
    client = HubClient(enclave.settings)
    try:
        session = client.status(who.actor.name, slug)
    finally:
        client.close()
    answer = page(
        request,
        "workspace.html",
        project=found,
        session=session,
        ready=session.state is SessionState.READY,
        starting=session.state is SessionState.STARTING,
    )
    # 'self' because the hub's sign-in goes by way of our own /oauth/authorize inside the frame.
    answer.headers["Content-Security-Policy"] = csp(
        frame_src=f"{origin_of(enclave.settings.gateway_url)} 'self'"
    )
    return answer


@router.post("/{slug}/workspace/end", dependencies=_OPEN)
def end_workspace(enclave: Parts, who: Who, slug: str) -> Response:
    from enclave.hub.client import HubClient  # noqa: PLC0415 - only these pages need the hub

    enclave.workspaces.project(who.actor, slug)
    client = HubClient(enclave.settings)
    try:
        client.stop(who.actor.name, slug)
    finally:
        client.close()
    return RedirectResponse(f"/projects/{slug}", status_code=303)


@router.post("/{slug}/entitlements/{id_}/revoke", dependencies=[may(Capability.ENTITLEMENT_REVOKE)])
def revoke(enclave: Parts, who: Who, slug: str, id_: str, form: Form) -> Response:
    if not any(e.id == id_ for e in enclave.entitlements.of_project(slug)):
        raise NotFound("There is no such entitlement in this project.")
    enclave.entitlements.revoke(who.actor, id_, form.text("reason") or "Revoked.")
    return RedirectResponse(f"/projects/{slug}", status_code=303)
