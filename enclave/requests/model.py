"""An access request and its state machine, an approval, an entitlement. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from enclave.kernel.machine import Machine
from enclave.kernel.ports import ObjectRef
from enclave.kernel.tiers import Tier


class RequestState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class RequestVerb(StrEnum):
    SUBMIT = "submit"
    APPROVE = "approve"
    REFUSE = "refuse"
    RETURN = "return"
    WITHDRAW = "withdraw"


_R, _V = RequestState, RequestVerb
REQUEST_MACHINE: Machine[RequestState, RequestVerb] = Machine(
    name="access request",
    start=_R.DRAFT,
    moves={
        (_R.DRAFT, _V.SUBMIT): _R.SUBMITTED,
        (_R.DRAFT, _V.WITHDRAW): _R.WITHDRAWN,
        (_R.SUBMITTED, _V.APPROVE): _R.APPROVED,
        (_R.SUBMITTED, _V.REFUSE): _R.REFUSED,
        (_R.SUBMITTED, _V.RETURN): _R.DRAFT,
        (_R.SUBMITTED, _V.WITHDRAW): _R.WITHDRAWN,
    },
)


@dataclass(frozen=True, slots=True)
class RequestAnswers:
    """What a researcher answers. A draft may hold anything; the policy weighs it on the way to submitting.

    Args:
        dataset: slug of the catalogue.
        variables: column names wanted; nothing else will be in the extract.
        areas: codes of the dataset's area column; empty means all areas.
        members: usernames that shall have access, besides the requester.
    """

    title: str = ""
    summary: str = ""
    purpose: str = ""
    public_benefit: str = ""
    dataset: str = ""
    tier: Tier = Tier.SCIENTIFIC_USE
    variables: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    duration_days: int = 365
    members: tuple[str, ...] = ()
    planned_outputs: str = ""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    id: str
    reference: str
    requester: str
    answers: RequestAnswers
    state: RequestState
    round: int
    created_at: datetime
    submitted_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    project: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's verdict in one round; never changed."""

    id: str
    request_id: str
    round: int
    approver: str
    verdict: RequestVerb
    reason: str
    cites: str
    at: datetime


class EntitlementState(StrEnum):
    GRANTED = "granted"  # approved; its extract is being made
    ACTIVE = "active"  # its extract can be mounted
    EXPIRED = "expired"
    REVOKED = "revoked"


class EntitlementVerb(StrEnum):
    PROVISION = "provision"
    EXPIRE = "expire"
    REVOKE = "revoke"


_E, _W = EntitlementState, EntitlementVerb
ENTITLEMENT_MACHINE: Machine[EntitlementState, EntitlementVerb] = Machine(
    name="entitlement",
    start=_E.GRANTED,
    moves={
        (_E.GRANTED, _W.PROVISION): _E.ACTIVE,
        (_E.GRANTED, _W.EXPIRE): _E.EXPIRED,
        (_E.GRANTED, _W.REVOKE): _E.REVOKED,
        (_E.ACTIVE, _W.EXPIRE): _E.EXPIRED,
        (_E.ACTIVE, _W.REVOKE): _E.REVOKED,
    },
)


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Dataset version x tier x variables x areas x people x dates: the only thing that a mount is made from.

    Args:
        project: slug.
        release: id of the scientific-use release that the cut is taken from.
        people: usernames.
        starts, ends: first and last day, inclusive.
        files: the project's own cut in the object store, once it is made; `manifest` pins it.
    """

    id: str
    request_id: str
    project: str
    dataset: str
    release: str
    tier: Tier
    variables: tuple[str, ...]
    areas: tuple[str, ...]
    people: tuple[str, ...]
    starts: date
    ends: date
    state: EntitlementState
    created_at: datetime
    files: tuple[ObjectRef, ...] = ()
    manifest: ObjectRef | None = None
    rows: int = 0
    version: int = 1
