"""Catalogue, releases, privacy budgets and the public register."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from anonymization.dp import Accounting
from enclave.catalogue.model import Dataset
from enclave.kernel.actors import Capability
from enclave.register.service import Entry
from request_portal.access import MaybeWho, Me, Parts, may, public
from request_portal.api.models import Model, Name, Text
from request_portal.api.output_models import ReleaseOut
from request_portal.downloads import attachment
from request_portal.present.columns import requestable

router = APIRouter()
_EVIDENCE = may(Capability.EVIDENCE_READ)
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The bytes of the file"}
}


class ColumnOut(BaseModel):
    name: str
    role: str
    type: str
    description: str
    values: dict[str, str]
    can_be_requested: bool


class DatasetOut(BaseModel):
    slug: str
    title: str
    description: str
    unit: str
    steward: str
    source: str
    described_on: date
    area_column: str
    columns: list[ColumnOut]

    @classmethod
    def of(cls, dataset: Dataset, asked_for: set[str]) -> DatasetOut:
        columns = [
            ColumnOut(
                name=c.name,
                role=c.role.value,
                type=c.type.value,
                description=c.description,
                values=c.values,
                can_be_requested=c.name in asked_for,
            )
            for c in dataset.columns
        ]
        return cls(
            slug=dataset.slug,
            title=dataset.title,
            description=dataset.description,
            unit=dataset.unit.value,
            steward=dataset.steward,
            source=dataset.source,
            described_on=dataset.described_on,
            area_column=dataset.area,
            columns=columns,
        )


class BalanceOut(BaseModel):
    grant: str
    dataset: str
    project: str
    epsilon: float
    delta: float
    unit: str
    accounting: str
    rho: float
    spent_epsilon: float
    spent_delta: float
    spent_rho: float
    left: float
    left_rho: float
    left_delta: float
    says: str


class ChargeOut(BaseModel):
    id: str
    query: dict[str, Any]
    epsilon: float
    delta: float
    rho: float
    mechanism: str
    software: str
    state: str
    charged_by: str
    charged_at: datetime


class GrantBody(Model):
    dataset: Name
    project: Name = ""
    epsilon: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    delta: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    rho: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    accounting: Accounting | None = None


class RaiseBody(GrantBody):
    """The whole new limit, not what is added."""

    reason: Text


class RegisteredOutputOut(BaseModel):
    reference: str
    title: str
    released_on: date
    files: list[dict[str, str | int]]
    private: bool
    recalled_on: date | None
    recalled_because: str


class EntryOut(BaseModel):
    slug: str
    title: str
    summary: str
    purpose: str
    public_benefit: str
    organisation: str
    datasets: list[str]
    tiers: list[str]
    variables: int
    areas: list[str]
    approved_on: date
    approved_by: str
    ends: date
    state: str
    outputs: list[RegisteredOutputOut]

    @classmethod
    def of(cls, e: Entry) -> EntryOut:
        outputs = [
            RegisteredOutputOut(
                reference=o.reference,
                title=o.title,
                released_on=o.released_on,
                files=[{"name": name, "sha256": sha256, "size": size} for name, sha256, size in o.files],
                private=o.private,
                recalled_on=o.recalled_on,
                recalled_because=o.recalled_because,
            )
            for o in e.outputs
        ]
        return cls(
            slug=e.slug,
            title=e.title,
            summary=e.summary,
            purpose=e.purpose,
            public_benefit=e.public_benefit,
            organisation=e.organisation,
            datasets=list(e.datasets),
            tiers=list(e.tiers),
            variables=e.variables,
            areas=list(e.areas),
            approved_on=e.approved_on,
            approved_by=e.approved_by,
            ends=e.ends,
            state=e.state,
            outputs=outputs,
        )


@router.get("/datasets", dependencies=[public()], tags=["catalogue"], summary="The catalogue")
def datasets(enclave: Parts) -> list[DatasetOut]:
    return [DatasetOut.of(d, set(requestable(enclave, d.slug))) for d in enclave.catalogue.datasets()]


@router.get(
    "/datasets/{slug}", dependencies=[public()], tags=["catalogue"], summary="One dataset's data dictionary"
)
def dataset(enclave: Parts, slug: str) -> DatasetOut:
    return DatasetOut.of(enclave.catalogue.dataset(slug), set(requestable(enclave, slug)))


@router.get(
    "/releases", dependencies=[public()], tags=["releases"], summary="What is published, newest first"
)
def releases(enclave: Parts, dataset: str = "") -> list[ReleaseOut]:
    return [ReleaseOut.of(r) for r in enclave.releases.published(dataset)]


@router.get(
    "/releases/all", dependencies=[_EVIDENCE], tags=["releases"], summary="Every release, held ones too"
)
def all_releases(enclave: Parts, actor: Me) -> list[ReleaseOut]:
    return [ReleaseOut.of(r, inside=True) for r in enclave.releases.all(actor)]


@router.get(
    "/releases/{id_}/evidence",
    dependencies=[_EVIDENCE],
    tags=["releases"],
    summary="A release's evidence pack",
)
def evidence(enclave: Parts, actor: Me, id_: str) -> dict[str, Any]:
    return enclave.releases.evidence(actor, id_)


@router.get(
    "/releases/{id_}/files/{name}",
    dependencies=[public()],
    response_class=Response,
    responses=_FILE,
    tags=["releases"],
    summary="A file of an open release, or with an account of a public-use one",
)
def release_file(enclave: Parts, who: MaybeWho, id_: str, name: str) -> Response:
    ref, data = enclave.releases.download(who.actor if who else None, id_, name)
    return attachment(ref.key.rsplit("/", 1)[-1], data)


@router.get(
    "/budgets",
    dependencies=[may(Capability.BUDGET_READ)],
    tags=["budgets"],
    summary="Grants and what is left",
)
def budgets(enclave: Parts, actor: Me) -> list[BalanceOut]:
    return [
        BalanceOut(
            grant=b.grant.id,
            dataset=b.grant.dataset,
            project=b.grant.project,
            epsilon=b.limit.epsilon,
            delta=b.limit.delta,
            unit=b.grant.unit,
            accounting=b.limit.accounting.value,
            rho=b.limit.rho,
            spent_epsilon=b.spent.epsilon,
            spent_delta=b.spent.delta,
            spent_rho=b.spent.rho,
            left=b.room.epsilon,
            left_rho=b.room.rho,
            left_delta=b.room.delta,
            says=b.says(),
        )
        for b in enclave.budgets.balances(actor)
    ]


@router.post(
    "/budgets",
    dependencies=[may(Capability.BUDGET_GRANT)],
    status_code=201,
    tags=["budgets"],
    summary="Grant a dataset or a project its privacy budget",
)
def grant(enclave: Parts, actor: Me, body: GrantBody) -> dict[str, str]:
    enclave.catalogue.dataset(body.dataset)
    if body.project:
        enclave.workspaces.project(actor, body.project)
    made = enclave.budgets.grant(
        actor,
        dataset=body.dataset,
        project=body.project,
        epsilon=body.epsilon,
        delta=body.delta,
        rho=body.rho,
        accounting=body.accounting,
    )
    return {"grant": made.id}


@router.post(
    "/budgets/raises",
    dependencies=[may(Capability.BUDGET_GRANT)],
    status_code=201,
    tags=["budgets"],
    summary="Raise a privacy budget; what was granted stays on record",
)
def raise_grant(enclave: Parts, actor: Me, body: RaiseBody) -> dict[str, str]:
    after = enclave.budgets.raise_grant(
        actor,
        dataset=body.dataset,
        project=body.project,
        epsilon=body.epsilon,
        delta=body.delta,
        rho=body.rho,
        accounting=body.accounting,
        reason=body.reason,
    )
    return {"grant": after.grant.id, "says": after.says()}


@router.get(
    "/budgets/{grant_id}/charges",
    dependencies=[may(Capability.BUDGET_READ)],
    tags=["budgets"],
    summary="Everything that was charged to a grant",
)
def charges(enclave: Parts, actor: Me, grant_id: str) -> list[ChargeOut]:
    return [
        ChargeOut(
            id=c.id,
            query=dict(c.query),
            epsilon=c.epsilon,
            delta=c.delta,
            rho=c.rho,
            mechanism=c.mechanism,
            software=c.software,
            state=c.state.value,
            charged_by=c.charged_by,
            charged_at=c.charged_at,
        )
        for c in enclave.budgets.charges(actor, grant_id)
    ]


@router.get(
    "/register", dependencies=[public()], tags=["register"], summary="The public register, newest first"
)
def register(enclave: Parts) -> list[EntryOut]:
    return [EntryOut.of(e) for e in enclave.register.entries()]


@router.get(
    "/register/{slug}", dependencies=[public()], tags=["register"], summary="One entry of the public register"
)
def entry(enclave: Parts, slug: str) -> EntryOut:
    return EntryOut.of(enclave.register.entry(slug))
