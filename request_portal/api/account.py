"""Signing a program in and out; who it is; whether the portal answers."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from request_portal.access import Me, Parts, Who, public, signed_in
from request_portal.api.models import PersonOut, SignInBody, TokenOut
from request_portal.auth.sessions import TOKEN_SECONDS
from request_portal.auth.signing_in import authenticate

router = APIRouter(tags=["account"])


class Health(BaseModel):
    status: str


class MessageOut(BaseModel):
    sentence: str
    link: str


@router.get("/health", dependencies=[public()], summary="Whether the portal answers")
def health() -> Health:
    return Health(status="up")


@router.post("/sign-in", dependencies=[public()], summary="Sign in; gives a bearer token")
def sign_in(request: Request, enclave: Parts, body: SignInBody) -> TokenOut:
    person = authenticate(request, body.username, body.password, body.code)
    token = enclave.people.sign_in(person, kind="token", seconds=TOKEN_SECONDS)
    return TokenOut(token=token, expires_at=enclave.kit.clock.now() + timedelta(seconds=TOKEN_SECONDS))


@router.post("/sign-out", dependencies=[signed_in()], status_code=204, summary="End this token at once")
def sign_out(enclave: Parts, who: Who) -> Response:
    enclave.people.sign_out(who.secret)
    return Response(status_code=204)


@router.get("/me", dependencies=[signed_in()], summary="Whose token this is, and what they may do")
def me(who: Who) -> PersonOut:
    return PersonOut.of(who.person)


@router.get("/messages", dependencies=[signed_in()], summary="Sentences left for you, newest first")
def messages(enclave: Parts, actor: Me) -> list[MessageOut]:
    from enclave.kernel.work import Message  # noqa: PLC0415 - the one use

    with enclave.kit.read() as uow:
        found = uow.find(Message, username=actor.name)
    return [MessageOut(sentence=m.sentence, link=m.link) for m in reversed(found[-100:])]
