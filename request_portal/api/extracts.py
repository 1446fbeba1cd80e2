"""Extracts: taking them, sending them in as files, and ordering what is made of them. Never a row."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Form, UploadFile
from pydantic import BaseModel

from enclave.extracts.model import Extract
from enclave.extracts.orders import synthesis_key
from enclave.kernel.actors import Capability
from enclave.kernel.errors import Invalid
from enclave.kernel.work import Job
from request_portal.access import Me, Parts, may
from request_portal.api.models import Model, Name

router = APIRouter(prefix="/extracts", tags=["extracts"])
_REGISTER = may(Capability.EXTRACT_REGISTER)
_PROCESS = may(Capability.EXTRACT_PROCESS)
#: A file of an agency; forms and other calls are far smaller (`request_portal.guards.MAX_BODY`).
LARGEST_EXTRACT = 2 * 2**30
Step = Literal["process", "aggregate", "synthesise"]


class ExtractOut(BaseModel):
    id: str
    reference: str
    dataset: str
    as_of: date
    source: str
    rows: int
    sha256: str
    state: str
    registered_by: str
    registered_at: datetime

    @classmethod
    def of(cls, e: Extract) -> ExtractOut:
        return cls(
            id=e.id,
            reference=e.reference,
            dataset=e.dataset,
            as_of=e.as_of,
            source=e.source,
            rows=e.rows,
            sha256=e.sha256,
            state=e.state.value,
            registered_by=e.registered_by,
            registered_at=e.registered_at,
        )


class OrderOut(BaseModel):
    id: str
    kind: str
    state: str
    attempts: int
    error: str
    progress: dict[str, object]
    called_off: bool

    @classmethod
    def of(cls, job: Job) -> OrderOut:
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            attempts=job.attempts,
            error=job.error,
            progress=dict(job.progress),
            called_off=job.called_off,
        )


class TakeBody(Model):
    dataset: Name


@router.get("", dependencies=[_REGISTER], summary="What was received, oldest first")
def extracts(enclave: Parts, actor: Me) -> list[ExtractOut]:
    return [ExtractOut.of(e) for e in enclave.extracts.all(actor)]


@router.post(
    "",
    dependencies=[_REGISTER],
    status_code=201,
    summary="Send in a CSV or Parquet file",
    max_body_size=LARGEST_EXTRACT,
)
def register(
    *,
    enclave: Parts,
    actor: Me,
    dataset: Annotated[str, Form(max_length=100)],
    as_of: Annotated[date, Form()],
    source: Annotated[str, Form(min_length=3, max_length=500)],
    file: UploadFile,
) -> ExtractOut:
    scratch = enclave.extracts.scratch
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        # Only the ending is taken from the name that was sent: it chooses the reader.
        path = Path(folder) / f"sent{Path(file.filename or '').suffix.lower()[:10]}"
        with path.open("wb") as copy:
            while piece := file.file.read(1 << 20):
                copy.write(piece)
        return ExtractOut.of(
            enclave.extracts.register(actor, dataset=dataset, path=path, as_of=as_of, source=source)
        )


@router.post(
    "/take", dependencies=[_REGISTER], status_code=202, summary="Have the worker take one from the registry"
)
def take(enclave: Parts, actor: Me, body: TakeBody) -> OrderOut:
    enclave.catalogue.dataset(body.dataset)
    return OrderOut.of(
        enclave.extracts.order(actor, "take_extract", {"dataset": body.dataset}, key=body.dataset)
    )


@router.get("/take/{dataset}", dependencies=[_REGISTER], summary="How taking it stands")
def taking(enclave: Parts, actor: Me, dataset: str) -> OrderOut:
    return OrderOut.of(enclave.extracts.ordered(actor, "take_extract", key=dataset))


@router.get("/orders", dependencies=[_REGISTER], summary="What was ordered, oldest first, and how far it is")
def orders(enclave: Parts, actor: Me) -> list[OrderOut]:
    return [OrderOut.of(job) for job in enclave.orders.all(actor)]


@router.post("/orders/{id_}/cancel", dependencies=[_REGISTER], summary="Call an order off")
def cancel(enclave: Parts, actor: Me, id_: str) -> OrderOut:
    return OrderOut.of(enclave.orders.cancel(actor, id_))


@router.get(
    "/{id_}/synthesise/plan",
    dependencies=[_PROCESS],
    summary="What a synthesis will take and what the gate will ask; no row is read",
)
def synthesis_plan(enclave: Parts, actor: Me, id_: str, recipe: str = "") -> dict[str, object]:
    return asdict(enclave.synthesising.plan(actor, id_, recipe))


@router.post("/{id_}/{step}", dependencies=[_PROCESS], status_code=202, summary="Order a step on an extract")
def order(enclave: Parts, actor: Me, id_: str, step: Step, recipe: str = "") -> OrderOut:
    """`recipe` names how a synthesis is made; other steps have none."""
    if step == "synthesise" and recipe:
        planned = enclave.synthesising.plan(actor, id_, recipe)  # there is such an extract and such a recipe
        if planned.problems:
            raise Invalid(list(planned.problems))
        payload = {"extract": id_, "recipe": recipe}
        return OrderOut.of(enclave.extracts.order(actor, step, payload, key=synthesis_key(id_, recipe)))
    return OrderOut.of(enclave.extracts.order(actor, step, {"extract": id_}, key=id_))


@router.get("/{id_}/{step}", dependencies=[_PROCESS], summary="How an ordered step stands")
def ordered(enclave: Parts, actor: Me, id_: str, step: Step, recipe: str = "") -> OrderOut:
    key = synthesis_key(id_, recipe) if step == "synthesise" else id_
    return OrderOut.of(enclave.extracts.ordered(actor, step, key=key))
