"""What the access policies weigh, gathered from a request and the people in it. Reads, never decides."""

from __future__ import annotations

from datetime import date

from enclave.catalogue.model import ColumnRole, Dataset
from enclave.kernel.actors import Actor
from enclave.kernel.kit import UnitOfWork
from enclave.projects.model import Person
from enclave.releases.model import Release, ReleaseState
from enclave.requests.model import AccessRequest, Approval, RequestAnswers, RequestVerb

#: Characters of a planned output that says something.
_A_SENTENCE = 20


def team(uow: UnitOfWork, request: AccessRequest) -> list[Person]:
    """The requester and the members who have an account, each once."""
    usernames = dict.fromkeys((request.requester, *request.answers.members))
    found = (uow.first(Person, username=name) for name in usernames)
    return [person for person in found if person is not None]


def base_release(uow: UnitOfWork, answers: RequestAnswers) -> Release | None:
    """The newest published release of that dataset and tier."""
    releases = uow.find(
        Release, dataset=answers.dataset, tier=answers.tier.value, state=ReleaseState.PUBLISHED.value
    )
    return releases[-1] if releases else None


def submission_facts(uow: UnitOfWork, request: AccessRequest) -> dict[str, object]:
    """Facts for the policy "access-submission"."""
    answers = request.answers
    dataset = uow.first(Dataset, slug=answers.dataset)
    release = base_release(uow, answers)
    people = team(uow, request)
    missing = len({request.requester, *answers.members}) - len(people)
    return {
        "purpose": answers.purpose,
        "tier": answers.tier.value,
        "agreement_signed": missing == 0 and all(p.agreement_signed_on is not None for p in people),
        "training_valid_until": min((p.training_valid_until or date.min for p in people), default=date.min),
        "variables_requested": len(answers.variables),
        "unknown_variables": _unknown(answers, release),
        "direct_identifiers_requested": _direct(answers, dataset),
        "special_variables_unjustified": _unjustified(answers, dataset),
        "areas_unknown": _areas_unknown(answers, dataset),
        "duration_days": answers.duration_days,
        "lay_summary_characters": len(answers.summary.strip()),
    }


def approval_facts(uow: UnitOfWork, request: AccessRequest, approver: Actor) -> dict[str, object]:
    """Facts for the policy "access": those of submission, and who approves."""
    given = [
        a
        for a in uow.find(Approval, request_id=request.id, round=request.round)
        if a.verdict is RequestVerb.APPROVE and a.approver != approver.name
    ]
    people = team(uow, request)
    theirs = {same_house(p.organisation) for p in people}
    return {
        **submission_facts(uow, request),
        "approver_is_requester": approver.name == request.requester,
        "approver_is_member": approver.name in {p.username for p in people},
        "approver_same_organisation_conflict": _shared(approver.organisation, theirs),
        "approvals": len({a.approver for a in given}) + 1,
    }


def same_house(organisation: str) -> str:
    """An organisation's name as it is compared: case and spaces say nothing."""
    return " ".join(organisation.casefold().split())


def _shared(organisation: str, others: set[str]) -> bool | None:
    """Whether they work in the same place; None (which no policy lets through) when that is not known."""
    own = same_house(organisation)
    return None if not own or "" in others else own in others


def _unknown(answers: RequestAnswers, release: Release | None) -> int:
    available = set(release.columns) if release else set()
    return len(set(answers.variables) - available)


def _direct(answers: RequestAnswers, dataset: Dataset | None) -> int:
    """Direct identifiers asked for in the clear. Keys are given as project pseudonyms, so the unit's own id is fine."""
    if dataset is None:
        return len(answers.variables)
    keys = {dataset.unit_id}
    direct = {c.name for c in dataset.columns if c.role is ColumnRole.DIRECT} - keys
    return len(direct & set(answers.variables))


def _unjustified(answers: RequestAnswers, dataset: Dataset | None) -> int:
    """Sensitive variables asked for without a word on what will be made of them."""
    if dataset is None or len(answers.planned_outputs.strip()) >= _A_SENTENCE:
        return 0
    sensitive = {c.name for c in dataset.columns if c.role is ColumnRole.SENSITIVE}
    return len(sensitive & set(answers.variables))


def _areas_unknown(answers: RequestAnswers, dataset: Dataset | None) -> int:
    if not answers.areas:
        return 0
    column = dataset.column(dataset.area) if dataset and dataset.area else None
    return len(set(answers.areas) - set(column.values)) if column else len(answers.areas)
