"""What the API takes and gives. Its own shapes: the domain may change without breaking a client."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from enclave.kernel.actors import GRANTS
from enclave.kernel.tiers import Tier
from enclave.projects.model import Person, Project
from enclave.requests.model import AccessRequest, Approval, Entitlement, RequestAnswers
from policies import Decision

#: No NUL: PostgreSQL cannot hold it, and no name or sentence has one.
Text = Annotated[str, StringConstraints(max_length=8_000, pattern=r"^[^\x00]*$")]
Name = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SignInBody(Model):
    username: Name
    password: Annotated[str, StringConstraints(max_length=1_000)]
    code: Annotated[str, StringConstraints(max_length=10)] = ""


class TokenOut(Model):
    token: str
    expires_at: datetime


class PersonOut(Model):
    username: str
    name: str
    organisation: str
    roles: list[str]
    capabilities: list[str]
    agreement_signed_on: date | None
    training_valid_until: date | None

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(
            username=person.username,
            name=person.name,
            organisation=person.organisation,
            roles=[r.value for r in person.roles],
            capabilities=sorted({c.value for r in person.roles for c in GRANTS[r]}),
            agreement_signed_on=person.agreement_signed_on,
            training_valid_until=person.training_valid_until,
        )


class FindingOut(Model):
    rule: str
    outcome: str
    sentence: str


class DecisionOut(Model):
    outcome: str
    allowed: bool
    policy: str
    refusals: list[str]
    findings: list[FindingOut]

    @classmethod
    def of(cls, decision: Decision) -> Self:
        return cls(
            outcome=decision.outcome.value,
            allowed=decision.allowed,
            policy=decision.cites,
            refusals=list(decision.refusals),
            findings=[
                FindingOut(rule=f.rule, outcome=f.outcome.value, sentence=f.sentence)
                for f in decision.findings
            ],
        )


class Answers(Model):
    """An access request's answers; a draft may lack any of them."""

    title: Text = ""
    summary: Text = ""
    purpose: Name = ""
    public_benefit: Text = ""
    dataset: Name = ""
    tier: Tier = Tier.SCIENTIFIC_USE
    variables: Annotated[list[Name], Field(max_length=500)] = []
    areas: Annotated[list[Name], Field(max_length=5_000)] = []
    duration_days: Annotated[int, Field(ge=1, le=3_660)] = 365
    members: Annotated[list[Name], Field(max_length=100)] = []
    planned_outputs: Text = ""

    def domain(self) -> RequestAnswers:
        return RequestAnswers(
            title=self.title,
            summary=self.summary,
            purpose=self.purpose,
            public_benefit=self.public_benefit,
            dataset=self.dataset,
            tier=self.tier,
            variables=tuple(dict.fromkeys(self.variables)),
            areas=tuple(dict.fromkeys(self.areas)),
            duration_days=self.duration_days,
            members=tuple(dict.fromkeys(self.members)),
            planned_outputs=self.planned_outputs,
        )


class EditBody(Model):
    answers: Answers
    version: Annotated[int, Field(ge=1, le=2**53)] | None = None


class ReasonBody(Model):
    reason: Text = ""


class ApproveBody(ReasonBody):
    """With `round`, an approval of answers that have changed since is refused."""

    round: Annotated[int, Field(ge=1, le=10**9)] | None = None


class RequestOut(Model):
    id: str
    reference: str
    requester: str
    answers: Answers
    state: str
    round: int
    created_at: datetime
    submitted_at: datetime | None
    decided_at: datetime | None
    reason: str
    project: str
    version: int

    @classmethod
    def of(cls, request: AccessRequest) -> Self:
        a = request.answers
        answers = Answers.model_construct(
            title=a.title,
            summary=a.summary,
            purpose=a.purpose,
            public_benefit=a.public_benefit,
            dataset=a.dataset,
            tier=a.tier,
            variables=list(a.variables),
            areas=list(a.areas),
            duration_days=a.duration_days,
            members=list(a.members),
            planned_outputs=a.planned_outputs,
        )
        return cls(
            id=request.id,
            reference=request.reference,
            requester=request.requester,
            answers=answers,
            state=request.state.value,
            round=request.round,
            created_at=request.created_at,
            submitted_at=request.submitted_at,
            decided_at=request.decided_at,
            reason=request.reason,
            project=request.project,
            version=request.version,
        )


class VerdictOut(Model):
    round: int
    approver: str
    verdict: str
    reason: str
    policy: str
    at: datetime

    @classmethod
    def of(cls, approval: Approval) -> Self:
        return cls(
            round=approval.round,
            approver=approval.approver,
            verdict=approval.verdict.value,
            reason=approval.reason,
            policy=approval.cites,
            at=approval.at,
        )


class EntitlementOut(Model):
    id: str
    project: str
    dataset: str
    tier: str
    variables: list[str]
    areas: list[str]
    people: list[str]
    starts: date
    ends: date
    state: str
    rows: int

    @classmethod
    def of(cls, e: Entitlement) -> Self:
        return cls(
            id=e.id,
            project=e.project,
            dataset=e.dataset,
            tier=e.tier.value,
            variables=list(e.variables),
            areas=list(e.areas),
            people=list(e.people),
            starts=e.starts,
            ends=e.ends,
            state=e.state.value,
            rows=e.rows,
        )


class ProjectOut(Model):
    slug: str
    title: str
    summary: str
    purpose: str
    lead: str
    members: list[str]
    state: str
    starts: date
    ends: date

    @classmethod
    def of(cls, p: Project) -> Self:
        return cls(
            slug=p.slug,
            title=p.title,
            summary=p.summary,
            purpose=p.purpose,
            lead=p.lead,
            members=list(p.members),
            state=p.state.value,
            starts=p.starts,
            ends=p.ends,
        )


class SessionOut(Model):
    url: str
