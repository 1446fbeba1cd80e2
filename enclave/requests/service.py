"""Asking for data and deciding on it: capability, policy decision, move, audit event, message, commit."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from enclave.catalogue.model import Dataset
from enclave.kernel.actors import Actor, Capability
from enclave.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from enclave.kernel.events import Event
from enclave.kernel.ids import new_id
from enclave.kernel.kit import Kit, UnitOfWork
from enclave.projects.model import Project, ProjectState
from enclave.requests.facts import approval_facts, base_release, submission_facts, team
from enclave.requests.model import (
    REQUEST_MACHINE,
    AccessRequest,
    Approval,
    Entitlement,
    EntitlementState,
    RequestAnswers,
    RequestState,
    RequestVerb,
)
from policies import Decision

#: Groups that share a workspace are numbered from here.
FIRST_GID = 62_000
#: Characters; a shorter reason says nothing.
SHORTEST_REASON = 10


@dataclass(frozen=True, slots=True)
class Requests:
    """Use cases about access requests."""

    kit: Kit

    def create(self, actor: Actor, answers: RequestAnswers) -> AccessRequest:
        """A new draft. A draft may be incomplete or wrong: it is weighed when it is submitted."""
        actor.must(Capability.ACCESS_REQUEST_CREATE)
        with self.kit.write() as uow:
            now = self.kit.clock.now()
            request = AccessRequest(
                id=new_id(),
                reference=f"AR-{now.year}-{uow.number(f'access-request-{now.year}'):04d}",
                requester=actor.name,
                answers=answers,
                state=REQUEST_MACHINE.start,
                round=1,
                created_at=now,
            )
            uow.add(request)
            uow.audit(Event.ACCESS_REQUEST_CREATE, actor, f"access_request:{request.reference}")
            uow.commit()
        return request

    def edit(
        self, actor: Actor, id_: str, answers: RequestAnswers, *, version: int | None = None
    ) -> AccessRequest:
        """Replaces a draft's answers. With `version`, raises Conflict when somebody edited in between."""
        with self.kit.write() as uow:
            request = self._own(uow, actor, id_)
            if request.state is not RequestState.DRAFT:
                raise NotAllowed(
                    "Submitted answers do not change. Withdraw the request, or wait until it is returned."
                )
            if version is not None:
                request = replace(request, version=version)
            request = uow.put(replace(request, answers=answers))
            uow.audit(Event.ACCESS_REQUEST_EDIT, actor, f"access_request:{request.reference}")
            uow.commit()
        return request

    def preview(self, actor: Actor, id_: str) -> Decision:
        """What the submission policy would say now, so that nobody is surprised."""
        with self.kit.read() as uow:
            return self.kit.decide("access-submission", submission_facts(uow, self._visible(uow, actor, id_)))

    def submit(self, actor: Actor, id_: str) -> AccessRequest:
        with self.kit.write() as uow:
            request = self._own(uow, actor, id_)
            moved = REQUEST_MACHINE.move(request.state, RequestVerb.SUBMIT)
            _complete(request.answers)
            decision = self.kit.require("access-submission", submission_facts(uow, request))
            request = uow.put(replace(request, state=moved, submitted_at=self.kit.clock.now()))
            subject = f"access_request:{request.reference}"
            uow.audit(Event.ACCESS_REQUEST_SUBMIT, actor, subject, {"round": request.round}, [decision.cites])
            self._tell_steward(uow, request)
            uow.commit()
        return request

    def approve(self, actor: Actor, id_: str, reason: str, *, round_seen: int | None = None) -> AccessRequest:
        """Approves; with the approval come the project and its entitlement.

        Args:
            reason: in a sentence; everybody reads it in the register.
            round_seen: the round that the approver read; Conflict when the answers have changed since.
        """
        actor.must(Capability.ACCESS_REQUEST_DECIDE)
        _must_say_why(reason, "Say in a sentence why: everybody reads it in the public register.")
        with self.kit.write() as uow:
            request = uow.get(AccessRequest, id_)
            self._for_this_steward(uow, actor, request)
            if round_seen is not None and round_seen != request.round:
                raise Conflict("The answers have changed since you read them. Read the request again.")
            moved = REQUEST_MACHINE.move(request.state, RequestVerb.APPROVE)
            decision = self.kit.require("access", approval_facts(uow, request, actor))
            uow.add(self._verdict(request, actor, RequestVerb.APPROVE, reason, decision.cites))
            project = self._project(uow, actor, request)
            request = uow.put(
                self._decided(replace(request, state=moved, project=project.slug), actor, reason)
            )
            self._entitle(uow, actor, request, project, decision)
            subject = f"access_request:{request.reference}"
            uow.audit(
                Event.ACCESS_REQUEST_APPROVE, actor, subject, {"project": project.slug}, [decision.cites]
            )
            words = f"Your request {request.reference} is approved. Its data are being prepared."
            uow.notify(request.requester, words, f"/requests/{request.id}")
            uow.commit()
        return request

    def refuse(self, actor: Actor, id_: str, reason: str) -> AccessRequest:
        """Refuses, with the reason that the requester will read."""
        return self._turn_down(
            actor, id_, reason, RequestVerb.REFUSE, Event.ACCESS_REQUEST_REFUSE, "is refused"
        )

    def send_back(self, actor: Actor, id_: str, reason: str) -> AccessRequest:
        """Returns it for changes; the next submission is a new round."""
        return self._turn_down(
            actor, id_, reason, RequestVerb.RETURN, Event.ACCESS_REQUEST_RETURN, "needs changes"
        )

    def withdraw(self, actor: Actor, id_: str) -> AccessRequest:
        with self.kit.write() as uow:
            request = self._own(uow, actor, id_)
            request = uow.put(
                replace(request, state=REQUEST_MACHINE.move(request.state, RequestVerb.WITHDRAW))
            )
            uow.audit(Event.ACCESS_REQUEST_WITHDRAW, actor, f"access_request:{request.reference}")
            uow.commit()
        return request

    def read(self, actor: Actor, id_: str) -> AccessRequest:
        with self.kit.read() as uow:
            return self._visible(uow, actor, id_)

    def mine(self, actor: Actor) -> list[AccessRequest]:
        with self.kit.read() as uow:
            return uow.find(AccessRequest, requester=actor.name)

    def queue(self, actor: Actor) -> list[AccessRequest]:
        """What waits for a decision, oldest first."""
        actor.must(Capability.ACCESS_REQUEST_READ_ANY)
        with self.kit.read() as uow:
            return uow.find(AccessRequest, state=RequestState.SUBMITTED.value)

    def verdicts(self, actor: Actor, id_: str) -> list[Approval]:
        with self.kit.read() as uow:
            self._visible(uow, actor, id_)
            return uow.find(Approval, request_id=id_)

    def likely(self, actor: Actor, id_: str) -> Decision:
        """What the approval policy would say if this actor approved now."""
        actor.must(Capability.ACCESS_REQUEST_DECIDE)
        with self.kit.read() as uow:
            return self.kit.decide("access", approval_facts(uow, uow.get(AccessRequest, id_), actor))

    # How the steps above are made.

    def _own(self, uow: UnitOfWork, actor: Actor, id_: str) -> AccessRequest:
        actor.must(Capability.ACCESS_REQUEST_CREATE)
        request = uow.get(AccessRequest, id_)
        if request.requester != actor.name:
            raise NotFound("There is no such access request among yours.")
        return request

    def _for_this_steward(self, uow: UnitOfWork, actor: Actor, request: AccessRequest) -> None:
        """A steward decides on their own datasets, and on nobody else's."""
        dataset = uow.first(Dataset, slug=request.answers.dataset)
        if dataset is None or dataset.steward != actor.name:
            raise NotAllowed("The steward of that dataset decides on this request.")

    def _visible(self, uow: UnitOfWork, actor: Actor, id_: str) -> AccessRequest:
        request = uow.get(AccessRequest, id_)
        if actor.name == request.requester or actor.may(Capability.ACCESS_REQUEST_READ_ANY):
            return request
        if actor.name in request.answers.members:
            return request
        raise NotFound("There is no such access request among yours.")

    def _turn_down(
        self, actor: Actor, id_: str, reason: str, verb: RequestVerb, event: Event, words: str
    ) -> AccessRequest:
        actor.must(Capability.ACCESS_REQUEST_DECIDE)
        _must_say_why(reason, "Say in a sentence why, so that the requester knows what to do next.")
        with self.kit.write() as uow:
            request = uow.get(AccessRequest, id_)
            moved = REQUEST_MACHINE.move(request.state, verb)
            self._for_this_steward(uow, actor, request)
            if actor.name in {p.username for p in team(uow, request)}:
                raise NotAllowed("You are part of this project, so somebody else decides on it.")
            uow.add(self._verdict(request, actor, verb, reason, ""))
            if verb is RequestVerb.RETURN:
                request = uow.put(replace(request, state=moved, round=request.round + 1, reason=reason))
            else:
                request = uow.put(self._decided(replace(request, state=moved), actor, reason))
            uow.audit(event, actor, f"access_request:{request.reference}", {"reason_characters": len(reason)})
            uow.notify(
                request.requester, f"Your request {request.reference} {words}.", f"/requests/{request.id}"
            )
            uow.commit()
        return request

    def _decided(self, request: AccessRequest, actor: Actor, reason: str) -> AccessRequest:
        return replace(request, decided_at=self.kit.clock.now(), decided_by=actor.name, reason=reason)

    def _verdict(
        self, request: AccessRequest, actor: Actor, verb: RequestVerb, reason: str, cites: str
    ) -> Approval:
        return Approval(
            new_id(), request.id, request.round, actor.name, verb, reason, cites, self.kit.clock.now()
        )

    def _tell_steward(self, uow: UnitOfWork, request: AccessRequest) -> None:
        dataset = uow.first(Dataset, slug=request.answers.dataset)
        if dataset is not None:
            uow.notify(
                dataset.steward, f"Request {request.reference} waits for you.", f"/requests/{request.id}"
            )

    def _project(self, uow: UnitOfWork, actor: Actor, request: AccessRequest) -> Project:
        today = self.kit.clock.today()
        number = uow.number("project")
        words = ""
        for word in re.findall(r"[a-z0-9]+", request.answers.title.lower()):
            if len(words) + len(word) < 24:
                words = f"{words}-{word}".strip("-")
        project = Project(
            id=new_id(),
            slug=f"p{number}-{words}" if words else f"p{number}",
            title=request.answers.title,
            summary=request.answers.summary,
            purpose=request.answers.purpose,
            public_benefit=request.answers.public_benefit,
            lead=request.requester,
            members=tuple(p.username for p in team(uow, request)),
            gid=FIRST_GID + number,
            state=ProjectState.ACTIVE,
            starts=today,
            ends=today + timedelta(days=request.answers.duration_days),
            created_at=self.kit.clock.now(),
        )
        uow.add(project)
        uow.audit(Event.PROJECT_CREATE, actor, f"project:{project.slug}", {"members": list(project.members)})
        return project

    def _entitle(
        self, uow: UnitOfWork, actor: Actor, request: AccessRequest, project: Project, decision: Decision
    ) -> None:
        release = base_release(uow, request.answers)
        if release is None:
            raise NotFound(
                "There is no published release of that dataset and tier yet, so nothing can be granted."
            )
        entitlement = Entitlement(
            id=new_id(),
            request_id=request.id,
            project=project.slug,
            dataset=request.answers.dataset,
            release=release.id,
            tier=request.answers.tier,
            variables=request.answers.variables,
            areas=request.answers.areas,
            people=project.members,
            starts=project.starts,
            ends=project.ends,
            state=EntitlementState.GRANTED,
            created_at=self.kit.clock.now(),
        )
        uow.add(entitlement)
        facts = {
            "project": project.slug,
            "variables": list(entitlement.variables),
            "areas": list(entitlement.areas),
        }
        uow.audit(Event.ENTITLEMENT_GRANT, actor, f"entitlement:{entitlement.id}", facts, [decision.cites])
        uow.later("provision", {"entitlement": entitlement.id}, key=f"provision:{entitlement.id}")


def _complete(answers: RequestAnswers) -> None:
    """Raises Invalid with a sentence for each question that has no answer yet."""
    asked = {
        "title": "Give the project a title.",
        "summary": "Say in plain words what you want to find out.",
        "purpose": "Choose what the data will be used for.",
        "public_benefit": "Say who gains from the answer.",
        "dataset": "Choose a dataset.",
        "variables": "Choose at least one variable.",
    }
    fields = {name: words for name, words in asked.items() if not getattr(answers, name)}
    if fields:
        raise Invalid(list(fields.values()), fields)


def _must_say_why(reason: str, otherwise: str) -> None:
    if len(reason.strip()) < SHORTEST_REASON:
        raise Invalid([otherwise], {"reason": "Say in a sentence why"})
