"""The request form, page by page: task list, questions, check your answers, confirmation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from enclave.bootstrap import Enclave
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Invalid, NotFound, Refused
from enclave.requests.model import AccessRequest, RequestState
from request_portal import forms
from request_portal.access import Me, Parts, may
from request_portal.journeys.access_request import access_request, answers_of
from request_portal.journeys.model import Page, Task
from request_portal.posted import Form
from request_portal.render import page

router = APIRouter(include_in_schema=False, prefix="/requests/{id_}")
_CREATE = [may(Capability.ACCESS_REQUEST_CREATE)]
_DECLARE = "Tick the box to say that what you wrote is true and that you will keep to the agreement."


@router.get("/tasks", dependencies=_CREATE)
def tasks(request: Request, enclave: Parts, actor: Me, id_: str) -> Response:
    draft = _own(enclave, actor, id_)
    if draft.state is not RequestState.DRAFT:
        return RedirectResponse(f"/requests/{id_}", status_code=303)
    lines = forms.task_list(access_request(enclave), answers_of(draft.answers))
    done = sum(line.state == "completed" for line in lines)
    return page(request, "request_tasks.html", request_=draft, lines=lines, done=done)


@router.get("/answer/{slug}", dependencies=_CREATE)
def question(request: Request, enclave: Parts, actor: Me, id_: str, slug: str) -> Response:
    draft = _own(enclave, actor, id_)
    answers = answers_of(draft.answers)
    task, asked = forms.find_page(access_request(enclave), slug, answers)
    return _question(request=request, draft=draft, task=task, asked=asked, answers=answers, problems={})


@router.post("/answer/{slug}", dependencies=_CREATE)
def answer(*, request: Request, enclave: Parts, actor: Me, id_: str, slug: str, form: Form) -> Response:
    """Keeps the answer, right or wrong, so that nothing is lost; goes on only when it can be used."""
    draft = _own(enclave, actor, id_)
    journey = access_request(enclave)
    before = answers_of(draft.answers)
    task, asked = forms.find_page(journey, slug, before)
    taken = forms.take(asked, form)
    if taken.get("dataset", before["dataset"]) != before["dataset"]:
        taken |= {"variables": (), "areas": ()}  # another dataset has other columns
    draft = enclave.requests.edit(actor, id_, replace(draft.answers, **taken))
    answers = answers_of(draft.answers)
    if form.text("then") == "later":
        return RedirectResponse(f"/requests/{id_}/tasks", status_code=303)
    problems = forms.problems(asked, answers)
    if problems:
        return _question(
            request=request, draft=draft, task=task, asked=asked, answers=answers, problems=problems
        )
    if form.text("from") == "check":
        return RedirectResponse(f"/requests/{id_}/check#answers", status_code=303)
    following = forms.after(journey, asked, answers)
    to = f"/requests/{id_}/answer/{following.slug}" if following else f"/requests/{id_}/tasks"
    return RedirectResponse(to, status_code=303)


@router.get("/check", dependencies=_CREATE)
def check(request: Request, enclave: Parts, actor: Me, id_: str) -> Response:
    return _check(request, enclave, actor, id_, {})


@router.post("/submit", dependencies=_CREATE)
def submit(request: Request, enclave: Parts, actor: Me, id_: str, form: Form) -> Response:
    """Sends it in. Pressing twice sends once."""
    draft = _own(enclave, actor, id_)
    if draft.state is RequestState.SUBMITTED:
        return RedirectResponse(f"/requests/{id_}/sent", status_code=303)
    if form.text("declaration") != "yes":
        return _check(request, enclave, actor, id_, {"declaration": _DECLARE})
    try:
        enclave.requests.submit(actor, id_)
    except (Invalid, Refused):
        # The same page shows what the policy says and where to change it.
        sentence = "It cannot be sent yet. Read the likely decision below and change your answers."
        return _check(request, enclave, actor, id_, {"likely": sentence})
    return RedirectResponse(f"/requests/{id_}/sent", status_code=303)


@router.get("/sent", dependencies=_CREATE)
def sent(request: Request, enclave: Parts, actor: Me, id_: str) -> Response:
    return page(request, "request_sent.html", request_=_own(enclave, actor, id_))


def _question(
    *,
    request: Request,
    draft: AccessRequest,
    task: Task,
    asked: Page,
    answers: dict[str, Any],
    problems: dict[str, str],
) -> Response:
    fields = [
        {
            "question": q,
            "value": answers[q.name],
            "choices": q.choices(answers),
            "groups": forms.grouped(q.choices(answers)),
            "error": problems.get(q.name, ""),
        }
        for q in asked.questions
    ]
    return page(
        request,
        "question.html",
        status=422 if problems else 200,
        request_=draft,
        task=task,
        asked=asked,
        fields=fields,
        problems=problems,
        back_to="check" if request.query_params.get("from") == "check" else "",
    )


def _check(request: Request, enclave: Enclave, actor: Actor, id_: str, problems: dict[str, str]) -> Response:
    draft = _own(enclave, actor, id_)
    if draft.state is not RequestState.DRAFT:
        return RedirectResponse(f"/requests/{id_}", status_code=303)
    answers = answers_of(draft.answers)
    journey = access_request(enclave)
    return page(
        request,
        "request_check.html",
        status=422 if problems else 200,
        request_=draft,
        tasks=forms.summary(journey, answers),
        unfinished=[line for line in forms.task_list(journey, answers) if line.state != "completed"],
        decision=enclave.requests.preview(actor, id_),
        problems=problems,
    )


def _own(enclave: Enclave, actor: Actor, id_: str) -> AccessRequest:
    """A request of this person's own; members may read it, but only the requester writes."""
    found = enclave.requests.read(actor, id_)
    if found.requester != actor.name:
        raise NotFound("There is no such access request among yours.")
    return found
