"""Sending outputs out, and checking them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from enclave.airlock.model import OUTPUT_MACHINE, OutputState, OutputVerb, Verdict
from enclave.kernel.actors import Capability
from enclave.kernel.errors import IllegalMove, Invalid, NotFound, Refused
from request_portal.access import Me, Parts, Who, may, signed_in
from request_portal.downloads import attachment
from request_portal.posted import Form, Posted
from request_portal.present.tables import read_sheet
from request_portal.render import page

router = APIRouter(include_in_schema=False)
_SUBMIT = [may(Capability.AIRLOCK_SUBMIT)]
_CHECK = [may(Capability.AIRLOCK_CHECK)]
_QUALITY = [may(Capability.AIRLOCK_CHECK, Capability.AIRLOCK_OVERSEE, Capability.AUDIT_READ)]
_RECALL = [may(Capability.AIRLOCK_RECALL)]


@router.get("/projects/{slug}/outputs/new", dependencies=_SUBMIT)
def new(request: Request, enclave: Parts, actor: Me, slug: str) -> Response:
    return page(
        request, "output_new.html", project=enclave.workspaces.project(actor, slug), typed={}, problems={}
    )


@router.post("/projects/{slug}/outputs/new", dependencies=_SUBMIT)
def create(request: Request, enclave: Parts, actor: Me, slug: str, form: Form) -> Response:
    typed = {name: form.text(name) for name in ("title", "context", "controls", "files", "partial")}
    try:
        output = enclave.airlock.create(
            actor,
            project=slug,
            title=typed["title"],
            context=typed["context"],
            controls=typed["controls"],
            files=_names(form),
            partial=typed["partial"] == "yes",
        )
    except Invalid as error:
        problems = error.fields or {"files": error.sentence}
        project = enclave.workspaces.project(actor, slug)
        return page(request, "output_new.html", status=422, project=project, typed=typed, problems=problems)
    return RedirectResponse(f"/airlock/{output.id}", status_code=303)


@router.get("/airlock", dependencies=_CHECK)
def queue(request: Request, enclave: Parts, actor: Me) -> Response:
    return page(
        request, "airlock_queue.html", outputs=enclave.airlock.queue(actor), now=enclave.kit.clock.now()
    )


@router.get("/airlock/quality", dependencies=_QUALITY)
def quality(request: Request, enclave: Parts, actor: Me) -> Response:
    return page(request, "airlock_quality.html", q=enclave.airlock.quality(actor))


@router.get("/airlock/recall", dependencies=_RECALL)
def recall_form(request: Request, reference: str = "") -> Response:
    return page(request, "output_recall.html", typed={"reference": reference[:40]}, problems={})


@router.post("/airlock/recall", dependencies=_RECALL)
def recall(request: Request, enclave: Parts, actor: Me, form: Form) -> Response:
    typed = {name: form.text(name) for name in ("reference", "reason")}
    try:
        output = enclave.airlock.recall(actor, typed["reference"].strip(), typed["reason"])
    except Invalid as error:
        problems = error.fields or {"reason": error.sentence}
    except (NotFound, IllegalMove) as error:
        problems = {"reference": error.sentence}
    else:
        return RedirectResponse(f"/register/{output.project}", status_code=303)
    return page(request, "output_recall.html", status=422, typed=typed, problems=problems)


@router.get("/airlock/{id_}", dependencies=[signed_in()])
def read(request: Request, enclave: Parts, who: Who, id_: str) -> Response:
    return _output(request, enclave, who, id_)


@router.post("/airlock/{id_}/files", dependencies=_SUBMIT)
def take_again(request: Request, enclave: Parts, who: Who, id_: str, form: Form) -> Response:
    try:
        enclave.airlock.take_again(who.actor, id_, _names(form))
    except Invalid as error:
        return _output(
            request,
            enclave,
            who,
            id_,
            problems={"files": error.sentence},
            typed={"files": form.text("files")},
        )
    return RedirectResponse(f"/airlock/{id_}", status_code=303)


@router.post("/airlock/{id_}/submit", dependencies=_SUBMIT)
def submit(request: Request, enclave: Parts, who: Who, id_: str) -> Response:
    try:
        enclave.airlock.submit(who.actor, id_)
    except Refused as error:
        return _output(request, enclave, who, id_, problems={"files": error.sentence}, typed={})
    return RedirectResponse(f"/airlock/{id_}", status_code=303)


@router.post("/airlock/{id_}/withdraw", dependencies=_SUBMIT)
def withdraw(enclave: Parts, who: Who, id_: str) -> Response:
    enclave.airlock.withdraw(who.actor, id_)
    return RedirectResponse(f"/airlock/{id_}", status_code=303)


@router.post("/airlock/{id_}/review", dependencies=_CHECK)
def review(request: Request, enclave: Parts, who: Who, id_: str, form: Form) -> Response:
    names = [f.name for f in enclave.airlock.read(who.actor, id_).files]
    given = {name: form.text(f"verdict-{n}") for n, name in enumerate(names)}
    typed: dict[str, Any] = {"verdicts": given, "comment": form.text("comment"), "notes": form.text("notes")}
    if not set(given.values()) <= {v.value for v in Verdict}:
        problems = {"verdict-0": "Choose your verdict on each file."}
        return _output(request, enclave, who, id_, problems=problems, typed=typed)
    try:
        enclave.airlock.review(
            who.actor,
            id_,
            Verdict.APPROVE,
            typed["comment"],
            seen=form.all("seen"),
            files={name: Verdict(each) for name, each in given.items()},
            notes=typed["notes"],
        )
    except Invalid as error:
        return _output(
            request, enclave, who, id_, problems=error.fields or {"comment": error.sentence}, typed=typed
        )
    return RedirectResponse(f"/airlock/{id_}", status_code=303)


@router.get("/airlock/{id_}/files/{name}/preview", dependencies=_CHECK)
def preview(enclave: Parts, who: Who, id_: str, name: str) -> Response:
    file, data = enclave.airlock.preview(who.actor, id_, name)
    return attachment(file.name, data)


@router.get("/airlock/{id_}/files/{name}/picture", dependencies=_CHECK)
def picture(enclave: Parts, who: Who, id_: str, name: str) -> Response:
    """A waiting picture, as a picture: only PNG, whose bytes the checks have looked at."""
    file, data = enclave.airlock.preview(who.actor, id_, name)
    if file.media_type not in ("png", "image/png"):
        return attachment(file.name, data)
    return Response(
        data, media_type="image/png", headers={"Content-Security-Policy": "default-src 'none'; sandbox"}
    )


@router.get("/airlock/{id_}/package", dependencies=[signed_in()])
def package(enclave: Parts, who: Who, id_: str) -> Response:
    """All released files as one RO-Crate."""
    name, data = enclave.airlock.package(who.actor, id_)
    return attachment(name, data)


@router.get("/airlock/{id_}/files/{name}", dependencies=[signed_in()])
def download(enclave: Parts, who: Who, id_: str, name: str) -> Response:
    ref, data = enclave.airlock.download(who.actor, id_, name)
    return attachment(ref.key.rsplit("/", 1)[-1], data)


def _output(
    request: Request,
    enclave: Parts,
    who: Who,
    id_: str,
    *,
    problems: dict[str, str] | None = None,
    typed: dict[str, Any] | None = None,
) -> Response:
    """One page for the author, the members and the checkers; each sees what is theirs."""
    actor = who.actor
    output = enclave.airlock.read(actor, id_)
    reviews = enclave.airlock.reviews(actor, id_)
    own = output.author == actor.name
    waiting = output.state in {OutputState.SUBMITTED, OutputState.HALF_REVIEWED}
    can_check = actor.may(Capability.AIRLOCK_CHECK) and any(o.id == id_ for o in enclave.airlock.queue(actor))
    files: list[dict[str, Any]] = []
    for file in output.files:
        sheet = text = None
        declared = (
            enclave.airlock.description(actor, id_, file.name).decode("utf-8", "replace") if can_check else ""
        )
        if can_check and file.media_type in ("csv", "text/csv"):
            sheet = read_sheet(enclave.airlock.preview(actor, id_, file.name)[1])
        elif can_check and file.media_type not in ("png", "image/png"):
            text = enclave.airlock.preview(actor, id_, file.name)[1].decode("utf-8", "replace")
        files.append(
            {
                "file": file,
                "sheet": sheet,
                "text": text,
                "declared": declared,
                "picture": file.media_type in ("png", "image/png"),
            }
        )
    return page(
        request,
        "output.html",
        status=422 if problems else 200,
        output=output,
        files=files,
        reviews=reviews,
        own=own,
        waiting=waiting,
        can_check=can_check,
        can_submit=own and output.state is OutputState.DRAFT,
        can_withdraw=own and OUTPUT_MACHINE.can(output.state, OutputVerb.WITHDRAW),
        passed=all(f.passed for f in output.files),
        private=all(f.charge for f in output.files),
        problems=problems or {},
        typed=typed or {},
        now=enclave.kit.clock.now(),
    )


def _names(form: Posted) -> tuple[str, ...]:
    """File names, one a line. Typed in, not listed from the workspace: a list of names would be a way out."""
    return tuple(line.strip() for line in form.text("files").split("\n") if line.strip())[:50]
