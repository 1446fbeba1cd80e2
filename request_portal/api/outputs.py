"""The airlock: output requests, checks, verdicts, downloads."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from enclave.airlock.model import Verdict
from enclave.kernel.actors import Capability
from request_portal.access import Me, Parts, may, signed_in
from request_portal.api.output_models import (
    CredentialsOut,
    FilesBody,
    OutputBody,
    OutputOut,
    QualityOut,
    RecallBody,
    ReviewBody,
    ReviewOut,
)
from request_portal.downloads import attachment

router = APIRouter(prefix="/outputs", tags=["outputs"])
_SUBMIT = may(Capability.AIRLOCK_SUBMIT)
_CHECK = may(Capability.AIRLOCK_CHECK)
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The bytes of the file"}
}


@router.post(
    "", dependencies=[_SUBMIT], status_code=201, summary="Copy files out of the workspace into a draft"
)
def create(enclave: Parts, actor: Me, body: OutputBody) -> OutputOut:
    output = enclave.airlock.create(
        actor,
        project=body.project,
        title=body.title,
        context=body.context,
        controls=body.controls,
        files=tuple(body.files),
        partial=body.partial,
    )
    return OutputOut.of(output, actor)


@router.get("/queue", dependencies=[_CHECK], summary="What waits for you to check, oldest first")
def queue(enclave: Parts, actor: Me) -> list[OutputOut]:
    return [OutputOut.of(o, actor) for o in enclave.airlock.queue(actor)]


@router.get(
    "/quality",
    dependencies=[may(Capability.AIRLOCK_CHECK, Capability.AIRLOCK_OVERSEE, Capability.AUDIT_READ)],
    summary="How well and how fast outputs were checked in the last 90 days",
)
def quality(enclave: Parts, actor: Me) -> QualityOut:
    return QualityOut.of(enclave.airlock.quality(actor))


@router.post(
    "/recall", dependencies=[may(Capability.AIRLOCK_RECALL)], summary="Take a released output back, for good"
)
def recall(enclave: Parts, actor: Me, body: RecallBody) -> OutputOut:
    return OutputOut.of(enclave.airlock.recall(actor, body.reference, body.reason), actor)


@router.get("/{id_}", dependencies=[signed_in()], summary="One output request with its findings")
def read(enclave: Parts, actor: Me, id_: str) -> OutputOut:
    return OutputOut.of(enclave.airlock.read(actor, id_), actor)


@router.put("/{id_}/files", dependencies=[_SUBMIT], summary="Copy the files of a draft again")
def take_again(enclave: Parts, actor: Me, id_: str, body: FilesBody) -> OutputOut:
    return OutputOut.of(enclave.airlock.take_again(actor, id_, tuple(body.files)), actor)


@router.post("/{id_}/submit", dependencies=[_SUBMIT], summary="Hand a draft to the checkers")
def submit(enclave: Parts, actor: Me, id_: str) -> OutputOut:
    return OutputOut.of(enclave.airlock.submit(actor, id_), actor)


@router.post("/{id_}/withdraw", dependencies=[_SUBMIT], summary="Withdraw your output request")
def withdraw(enclave: Parts, actor: Me, id_: str) -> OutputOut:
    return OutputOut.of(enclave.airlock.withdraw(actor, id_), actor)


@router.post(
    "/{id_}/review", dependencies=[_CHECK], summary="Give your verdict, blind to the other checker's"
)
def review(enclave: Parts, actor: Me, id_: str, body: ReviewBody) -> OutputOut:
    output = enclave.airlock.review(
        actor,
        id_,
        Verdict(body.verdict),
        body.comment,
        seen=tuple(body.seen),
        files={name: Verdict(each) for name, each in body.files.items()},
        notes=body.notes,
    )
    return OutputOut.of(output, actor)


@router.get("/{id_}/reviews", dependencies=[signed_in()], summary="Verdicts, once you may see them")
def reviews(enclave: Parts, actor: Me, id_: str) -> list[ReviewOut]:
    return [ReviewOut.of(r) for r in enclave.airlock.reviews(actor, id_)]


@router.get(
    "/{id_}/files/{name}/preview",
    dependencies=[_CHECK],
    response_class=Response,
    responses=_FILE,
    summary="A waiting file's bytes, for a checker without a conflict",
)
def preview(enclave: Parts, actor: Me, id_: str, name: str) -> Response:
    file, data = enclave.airlock.preview(actor, id_, name)
    return attachment(file.name, data)


@router.get(
    "/{id_}/files/{name}",
    dependencies=[signed_in()],
    response_class=Response,
    responses=_FILE,
    summary="A released file, for members of its project",
)
def download(enclave: Parts, actor: Me, id_: str, name: str) -> Response:
    ref, data = enclave.airlock.download(actor, id_, name)
    return attachment(ref.key.rsplit("/", 1)[-1], data)


@router.get(
    "/{id_}/package",
    dependencies=[signed_in()],
    response_class=Response,
    responses=_FILE,
    summary="A released output as one RO-Crate: files, digests, approvals, disclosure control, signature",
)
def package(enclave: Parts, actor: Me, id_: str) -> Response:
    name, data = enclave.airlock.package(actor, id_)
    return attachment(name, data)


@router.post(
    "/{id_}/credentials",
    dependencies=[signed_in()],
    summary="S3 credentials that read this output's released files and nothing else, for 15 minutes",
)
def credentials(enclave: Parts, actor: Me, id_: str) -> CredentialsOut:
    c = enclave.airlock.credentials(actor, id_)
    return CredentialsOut(
        endpoint=c.endpoint,
        bucket=c.bucket,
        prefix=c.prefix,
        access_key=c.access_key,
        secret_key=c.secret_key,
        session_token=c.session_token,
        expires_at=c.expires_at,
    )
