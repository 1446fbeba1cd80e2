"""Projects: standing, entitlements, and opening a session in the workspace."""

from __future__ import annotations

from fastapi import APIRouter

from enclave.kernel.actors import Capability
from request_portal.access import Me, Parts, may, signed_in
from request_portal.api.models import DecisionOut, EntitlementOut, ProjectOut, ReasonBody, SessionOut
from request_portal.api.output_models import OutputOut
from request_portal.workspace import open_session

router = APIRouter(tags=["projects"])


@router.get("/projects", dependencies=[signed_in()], summary="The projects that you are a member of")
def mine(enclave: Parts, actor: Me) -> list[ProjectOut]:
    return [ProjectOut.of(p) for p in enclave.workspaces.projects_of(actor)]


@router.get("/projects/{slug}", dependencies=[signed_in()], summary="One project")
def read(enclave: Parts, actor: Me, slug: str) -> ProjectOut:
    return ProjectOut.of(enclave.workspaces.project(actor, slug))


@router.get(
    "/projects/{slug}/standing", dependencies=[signed_in()], summary="Whether you could open a session now"
)
def standing(enclave: Parts, actor: Me, slug: str) -> DecisionOut:
    return DecisionOut.of(enclave.workspaces.standing(actor, slug))


@router.get(
    "/projects/{slug}/entitlements", dependencies=[signed_in()], summary="What the project was granted"
)
def entitlements(enclave: Parts, actor: Me, slug: str) -> list[EntitlementOut]:
    project = enclave.workspaces.project(actor, slug)
    return [EntitlementOut.of(e) for e in enclave.entitlements.of_project(project.slug)]


@router.get("/projects/{slug}/outputs", dependencies=[signed_in()], summary="The project's output requests")
def outputs(enclave: Parts, actor: Me, slug: str) -> list[OutputOut]:
    return [OutputOut.of(o, actor) for o in enclave.airlock.of_project(actor, slug)]


@router.post(
    "/projects/{slug}/session",
    dependencies=[may(Capability.WORKSPACE_OPEN)],
    summary="Open your session in the project's workspace",
)
def session(enclave: Parts, actor: Me, slug: str) -> SessionOut:
    return SessionOut(url=open_session(enclave, actor, slug))


@router.post(
    "/entitlements/{id_}/revoke",
    dependencies=[may(Capability.ENTITLEMENT_REVOKE)],
    summary="End access now; running sessions are stopped",
)
def revoke(enclave: Parts, actor: Me, id_: str, body: ReasonBody) -> EntitlementOut:
    return EntitlementOut.of(enclave.entitlements.revoke(actor, id_, body.reason))
